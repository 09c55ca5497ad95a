/*
 * keys.c
 *		Files of keys: "j" and a JWK set, or "a" and the claims of API keys.
 *
 * A key never serves for an algorithm of another type, "none" fits no key, and
 * what is refused is refused with a reason.
 */
#include "fuzz.h"
#include "api_keys.h"
#include "key_ring.h"

#define SECRET SLICE("the secret beside the set, 32 bytes and more")

static const char *const algorithms[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
										 "ES256", "ES384", "ES512", "none", "None", "PS256", ""};

static void
check_key(const cjose_jwk_t *key, const char *algorithm)
{
	const cjose_jwk_kty_t type = cjose_jwk_get_kty(key, NULL);

	if (strncmp(algorithm, "HS", 2) == 0)
		CHECK(type == CJOSE_JWK_KTY_OCT);
	else if (strncmp(algorithm, "RS", 2) == 0)
		CHECK(type == CJOSE_JWK_KTY_RSA && cjose_jwk_get_keysize(key, NULL) >= 2048);
	else
		CHECK(strncmp(algorithm, "ES", 2) == 0 && type == CJOSE_JWK_KTY_EC);
}

/* How many keys may have signed such a token? */
static size_t
count_keys(const struct key_ring *ring, const char *algorithm, const char *kid)
{
	const cjose_jwk_t *key;
	size_t			   at = 0;
	size_t			   count = 0;

	while ((key = key_ring_next(ring, algorithm, kid, &at)) != NULL)
	{
		check_key(key, algorithm);
		count++;
	}
	return count;
}

static void
check_ring(const struct key_ring *ring, json_t *keys)
{
	for (size_t a = 0; a < sizeof(algorithms) / sizeof(algorithms[0]); a++)
	{
		const size_t secrets = strncmp(algorithms[a], "HS", 2) == 0 ? 1 : 0;
		size_t		 i;
		json_t		*key;

		CHECK(count_keys(ring, algorithms[a], NULL) == secrets);
		json_array_foreach(keys, i, key)
		{
			const char *kid = json_string_value(json_object_get(key, "kid"));
			const char *only = json_string_value(json_object_get(key, "alg"));
			size_t		fit;

			CHECK(kid != NULL);
			fit = count_keys(ring, algorithms[a], kid);
			CHECK(fit <= 1);
			CHECK(fit == 0 || fit == secrets || only == NULL || strcmp(only, algorithms[a]) == 0);
		}
	}
}

static void
test_jwks(struct slice text)
{
	char			 problem[PROBLEM_MAX_BYTES] = "";
	struct key_ring *ring = key_ring_new(SECRET, (struct slice){0}, text, problem);
	json_t			*set = json_loadb(text.data, text.length, 0, NULL);

	CHECK((ring == NULL) == (strnlen(problem, sizeof(problem)) > 0));
	if (ring != NULL)
	{
		CHECK(text.length == 0 || json_is_array(json_object_get(set, "keys")));
		check_ring(ring, json_object_get(set, "keys"));
	}
	json_decref(set);
	key_ring_free(ring);
}

/* Each name stands for its claims, and no other for any. */
static void
check_api_keys(const struct api_keys *keys, json_t *object)
{
	const char *name;
	json_t	   *claims;

	json_object_foreach(object, name, claims)
	{
		const char *found = api_keys_find(keys, slice_text(name));
		json_t	   *read;

		CHECK(strncmp(name, "sb_", 3) == 0 && found != NULL);
		CHECK(api_keys_find(keys, slice_of(name, strlen(name) - 1)) == NULL ||
			  json_object_getn(object, name, strlen(name) - 1) != NULL);
		read = fuzz_json(slice_text(found), NULL);
		CHECK(json_equal(read, claims));
		CHECK(json_is_string(json_object_get(read, "role")));
		json_decref(read);
	}
	CHECK(api_keys_find(keys, SLICE("sb_nobody_has_this_one")) == NULL);
}

static void
test_api_keys(struct slice text)
{
	char			 problem[PROBLEM_MAX_BYTES] = "";
	struct api_keys *keys = api_keys_new(text, problem);
	json_t			*object = json_loadb(text.data, text.length, 0, NULL);

	CHECK((keys == NULL) == (strnlen(problem, sizeof(problem)) > 0));
	if (keys != NULL)
		check_api_keys(keys, object);
	json_decref(object);
	api_keys_free(keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text;

	if (size == 0)
		return -1;
	text = slice_of((const char *) data + 1, size - 1);
	if (*data == 'j')
		test_jwks(text);
	else if (*data == 'a')
		test_api_keys(text);
	else
		return -1;
	return 0;
}
