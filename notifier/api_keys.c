/*
 * api_keys.c
 *		What stands behind a "sb_" key, which is no token: claims by agreement.
 *
 * Only digests are kept, and all of them are compared, in constant time: how
 * long it takes says nothing about how much of a guess is right.
 */
#include "api_keys.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

#define DIGEST_BYTES 32

struct api_key
{
	unsigned char digest[DIGEST_BYTES]; /* SHA-256 of the key */
	char		 *claims;				/* JSON */
};

struct api_keys
{
	struct api_key *keys;
	size_t			count;
};

static bool
digest_of(struct slice key, unsigned char digest[DIGEST_BYTES])
{
	return EVP_Digest(key.data, key.length, digest, NULL, EVP_sha256(), NULL) == 1;
}

/* What is wrong with it?  NULL: it was added. */
static const char *
add(struct api_keys *keys, const char *name, json_t *claims)
{
	struct slice	rest;
	struct api_key *key;

	if (!slice_after(slice_text(name), SLICE(API_KEY_PREFIX), &rest) || rest.length == 0)
		return "does not begin with sb_";
	if (!json_is_string(json_object_get(claims, "role")))
		return "has no claims with a role";
	keys->keys = memory_resize(keys->keys, keys->count + 1, sizeof(*keys->keys));
	key = &keys->keys[keys->count++];
	key->claims = json_dumps(claims, JSON_COMPACT);
	return key->claims != NULL && digest_of(slice_text(name), key->digest)
			   ? NULL
			   : "cannot be kept";
}

/* The key itself is a secret: what is wrong is said by its number. */
static bool
add_all(struct api_keys *keys, json_t *object, char *problem)
{
	const char *name;
	json_t	   *claims;
	unsigned	number = 0;

	json_object_foreach(object, name, claims)
	{
		const char *wrong = add(keys, name, claims);

		number++;
		if (wrong == NULL)
			continue;
		snprintf(problem, PROBLEM_MAX_BYTES, "API key %u %s", number, wrong);
		return false;
	}
	return true;
}

struct api_keys *
api_keys_new(struct slice json, char problem[PROBLEM_MAX_BYTES])
{
	struct api_keys *keys = memory_new(sizeof(*keys));
	json_t			*object;
	bool			 good = true;

	if (json.length == 0)
		return keys;
	object = json_loadb(json.data, json.length, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object))
		good = add_all(keys, object, problem);
	else
	{
		snprintf(problem, PROBLEM_MAX_BYTES, "the API keys are no JSON object, or one is there twice");
		good = false;
	}
	json_decref(object);
	if (good)
		return keys;
	api_keys_free(keys);
	return NULL;
}

void
api_keys_free(struct api_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->count; i++)
		free(keys->keys[i].claims);
	free(keys->keys);
	free(keys);
}

const char *
api_keys_find(const struct api_keys *keys, struct slice key)
{
	unsigned char digest[DIGEST_BYTES];
	const char	 *claims = NULL;

	if (!digest_of(key, digest))
		return NULL;
	for (size_t i = 0; i < keys->count; i++)
	{
		if (CRYPTO_memcmp(digest, keys->keys[i].digest, sizeof(digest)) == 0)
			claims = keys->keys[i].claims;
	}
	return claims;
}
