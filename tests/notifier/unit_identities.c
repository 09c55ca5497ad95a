/*
 * unit_identities.c
 *		Is a token that was verified remembered for as long as it is good, and no
 *		other taken for it?
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "identities.h"

#define NOW 1000.0

/* HS256 by "a-secret-that-nobody-else-can-know": {"role":"a","exp":2000,"sub":"x"} */
#define HEADER	  "eyJhbGciOiJIUzI1NiJ9"
#define PAYLOAD	  "eyJyb2xlIjoiYSIsImV4cCI6MjAwMCwic3ViIjoieCJ9"
#define TOKEN	  HEADER "." PAYLOAD "." SIGNATURE
#define SIGNATURE "KGV7Y5gqf34ST7B-oPBdLq9nVUZgng4B_tYMgGtOKUs"

static struct auth *
auth_with(const char *secret, const char *api_keys)
{
	const struct auth_settings settings = {.secret = slice_text(secret), .api_keys = slice_text(api_keys)};
	char					   problem[PROBLEM_MAX_BYTES] = "";

	return auth_new(&settings, problem);
}

static struct identity *
verify(struct identities *identities, const struct auth *auth, const char *token, double now)
{
	struct auth_refusal refusal;

	return identity_verify(identities, auth, slice_text(token), now, &refusal);
}

/* Who was verified is known again, also when the keys that were used are gone. */
static void
test_token(struct identities *identities)
{
	struct auth		*auth = auth_with("a-secret-that-nobody-else-can-know", "");
	struct auth		*other = auth_with("another-secret-that-nobody-else-knows", "");
	struct identity *first = verify(identities, auth, TOKEN, NOW);
	struct identity *again = verify(identities, other, TOKEN, NOW + 999);

	CHECK(first != NULL && again == first);
	CHECK(first != NULL && strcmp(first->subject, "x") == 0 && first->claims.expires == 2000);
	CHECK(verify(identities, auth, TOKEN, NOW + 1000) == NULL);
	CHECK(verify(identities, auth, HEADER "." PAYLOAD "." SIGNATURE "A", NOW) == NULL);
	identity_release(again);
	identities_forget(identities);
	CHECK(verify(identities, other, TOKEN, NOW) == NULL);
	/* whoever holds it still does */
	CHECK(first != NULL && strcmp(first->subject, "x") == 0);
	identity_release(first);
	auth_free(auth);
	auth_free(other);
}

/* Of too many the oldest are forgotten. */
static void
test_many(struct identities *identities)
{
	const unsigned many = IDENTITIES_MAX + 10;
	char		  *keys = malloc(many * 64 + 2);
	char		   name[32];
	size_t		   used = 0;
	struct auth	  *auth;

	for (unsigned i = 0; i < many; i++)
		used += (size_t) snprintf(keys + used, 64, "%c\"sb_%u\":{\"role\":\"a\"}", i == 0 ? '{' : ',', i);
	snprintf(keys + used, 2, "}");
	auth = auth_with("", keys);
	for (unsigned i = 0; i < many; i++)
	{
		snprintf(name, sizeof(name), "sb_%u", i);
		identity_release(verify(identities, auth, name, NOW));
	}
	CHECK(identities->map.count == IDENTITIES_MAX);
	CHECK(hash_map_find(&identities->map, SLICE("sb_9")) == NULL);
	CHECK(hash_map_find(&identities->map, SLICE("sb_10")) != NULL);
	CHECK(verify(identities, auth, "sb_none", NOW) == NULL);
	CHECK(identities->map.count == IDENTITIES_MAX);
	auth_free(auth);
	free(keys);
}

void
test_identities(void)
{
	static const struct hash_key secret = {1, 2};
	struct identities			 identities;

	identities_init(&identities, &secret);
	test_token(&identities);
	test_many(&identities);
	identities_forget(&identities);
	CHECK(identities.map.count == 0);
}
