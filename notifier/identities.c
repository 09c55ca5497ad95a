/*
 * identities.c
 *		Who somebody is: what a token says that was found to be good.
 */
#include "identities.h"

#include <jansson.h>
#include <stdlib.h>

#include "memory.h"

void
identities_init(struct identities *identities, const struct hash_key *secret)
{
	hash_map_init(&identities->map, secret);
	identities->first = NULL;
	identities->last = &identities->first;
}

struct identity *
identity_hold(struct identity *identity)
{
	identity->holders++;
	return identity;
}

void
identity_release(struct identity *identity)
{
	if (identity == NULL || --identity->holders > 0)
		return;
	claims_free(&identity->claims);
	free(identity->subject);
	free(identity->token);
	free(identity);
}

static void
forget_oldest(struct identities *identities)
{
	struct identity *oldest = identities->first;

	hash_map_remove(&identities->map, &oldest->entry);
	identities->first = oldest->next;
	if (identities->first == NULL)
		identities->last = &identities->first;
	identity_release(oldest);
}

void
identities_forget(struct identities *identities)
{
	while (identities->first != NULL)
		forget_oldest(identities);
	hash_map_free(&identities->map);
}

static void
remember(struct identities *identities, struct identity *identity)
{
	if (identities->map.count == IDENTITIES_MAX)
		forget_oldest(identities);
	hash_map_add(&identities->map, &identity->entry, identity->entry.key);
	*identities->last = identity_hold(identity);
	identities->last = &identity->next;
}

/* NULL: not remembered, or it has come to its end. */
static struct identity *
recall(const struct identities *identities, struct slice token, double now)
{
	struct hash_entry *entry = hash_map_find(&identities->map, token);
	struct identity	  *identity = entry != NULL ? hash_holder(entry, struct identity, entry) : NULL;

	return identity != NULL && identity->claims.expires > now ? identity : NULL;
}

static char *
subject_of(const struct claims *claims)
{
	json_t	   *json = json_loads(claims->json, 0, NULL);
	const char *subject = json_string_value(json_object_get(json, "sub"));
	char	   *copy = NULL;

	if (subject != NULL && *subject != '\0')
		copy = memory_copy(subject, strlen(subject));
	json_decref(json);
	return copy;
}

struct identity *
identity_verify(struct identities *identities, const struct auth *auth, struct slice token,
				double now, struct auth_refusal *refusal)
{
	struct identity *identity = recall(identities, token, now);
	struct claims	 claims;

	if (identity != NULL)
		return identity_hold(identity);
	if (!auth_verify(auth, token, now, &claims, refusal))
		return NULL;
	identity = memory_new(sizeof(*identity));
	identity->holders = 1;
	identity->token = memory_copy(token.data, token.length);
	identity->entry.key = slice_of(identity->token, token.length);
	identity->claims = claims;
	identity->subject = subject_of(&claims);
	remember(identities, identity);
	return identity;
}
