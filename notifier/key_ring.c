/*
 * key_ring.c
 *		The keys that tokens may be signed with.
 */
#include "key_ring.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base64url.h"
#include "log.h"
#include "memory.h"

/* RFC 7518, 3.2 and 3.3 */
#define SECRET_LEAST_BYTES 32
#define RSA_LEAST_BITS	   2048

/* What a type of key can verify. */
struct key_type
{
	const char *kty;		   /* in the JWK */
	const char *crv;		   /* in the JWK, if it is a curve */
	const char *algorithms[4]; /* that fit; NULL ends them */
};

static const struct key_type key_types[] = {
	{"oct", NULL, {"HS256", "HS384", "HS512", NULL}},
	{"RSA", NULL, {"RS256", "RS384", "RS512", NULL}},
	{"EC", "P-256", {"ES256", NULL}},
	{"EC", "P-384", {"ES384", NULL}},
	{"EC", "P-521", {"ES512", NULL}},
};

struct key
{
	cjose_jwk_t			  *jwk;
	const struct key_type *type;
	char				  *kid;		  /* NULL: a secret, which has no name */
	char				  *algorithm; /* the only one it is for; NULL: all that fit */
};

struct key_ring
{
	struct key *keys;
	size_t		count;
};

static void
add_key(struct key_ring *ring, cjose_jwk_t *jwk, const struct key_type *type,
		const char *kid, const char *algorithm)
{
	struct key *key;

	ring->keys = memory_resize(ring->keys, ring->count + 1, sizeof(*ring->keys));
	key = &ring->keys[ring->count++];
	*key = (struct key){.jwk = jwk, .type = type};
	if (kid != NULL)
		key->kid = memory_copy(kid, strlen(kid));
	if (algorithm != NULL)
		key->algorithm = memory_copy(algorithm, strlen(algorithm));
}

static bool
add_secret(struct key_ring *ring, struct slice secret, char *problem)
{
	cjose_jwk_t *jwk;

	if (secret.length == 0)
		return true;
	if (secret.length < SECRET_LEAST_BYTES)
		log_warning("auth", "event=weak_secret bytes=%zu hint=%s", secret.length,
					log_text("Use one of 32 random bytes or more."));
	jwk = cjose_jwk_create_oct_spec((const uint8_t *) secret.data, secret.length, NULL);
	if (jwk == NULL)
	{
		snprintf(problem, PROBLEM_MAX_BYTES, "the secret cannot be a key");
		return false;
	}
	add_key(ring, jwk, &key_types[0], NULL, NULL);
	return true;
}

static const struct key_type *
type_of(json_t *object)
{
	const char *kty = json_string_value(json_object_get(object, "kty"));
	const char *crv = json_string_value(json_object_get(object, "crv"));

	for (size_t i = 0; kty != NULL && i < sizeof(key_types) / sizeof(key_types[0]); i++)
	{
		const struct key_type *type = &key_types[i];

		if (strcmp(kty, type->kty) == 0 &&
			(type->crv == NULL || (crv != NULL && strcmp(crv, type->crv) == 0)))
			return type;
	}
	return NULL;
}

static bool
has_kid(const struct key_ring *ring, const char *kid)
{
	for (size_t i = 0; i < ring->count; i++)
	{
		if (ring->keys[i].kid != NULL && strcmp(ring->keys[i].kid, kid) == 0)
			return true;
	}
	return false;
}

/* Are the parts that cjose decodes fit for it? */
static bool
has_good_parts(json_t *object)
{
	static const char *const parts[] = {"k", "n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		const char *part = json_string_value(json_object_get(object, parts[i]));

		if (part != NULL && !base64url_valid(slice_text(part)))
			return false;
	}
	return true;
}

/* What is wrong with a key of the set?  NULL: it was added. */
static const char *
add_jwk(struct key_ring *ring, json_t *object, const struct key_type *type,
		const char *kid)
{
	cjose_jwk_t *jwk;

	if (has_kid(ring, kid))
		return "another one has the same \"kid\"";
	jwk = has_good_parts(object) ? cjose_jwk_import_json((cjose_header_t *) object, NULL) : NULL;
	if (jwk == NULL)
		return "its parts are missing or make no key";
	if (cjose_jwk_get_kty(jwk, NULL) == CJOSE_JWK_KTY_RSA &&
		cjose_jwk_get_keysize(jwk, NULL) < RSA_LEAST_BITS)
	{
		cjose_jwk_release(jwk);
		return "an RSA key must have 2048 bits or more";
	}
	add_key(ring, jwk, type, kid, json_string_value(json_object_get(object, "alg")));
	return NULL;
}

/*
 * Sets hold keys for others too: those for encryption, and those of a type that
 * we do not know.
 */
static bool
take_jwk(struct key_ring *ring, json_t *object, size_t number, char *problem)
{
	const struct key_type *type = type_of(object);
	const char			  *kid = json_string_value(json_object_get(object, "kid"));
	const char			  *use = json_string_value(json_object_get(object, "use"));
	const char			  *wrong = NULL;

	if (kid == NULL)
		wrong = "it has no \"kid\"";
	else if (type == NULL || (use != NULL && strcmp(use, "sig") != 0))
		log_warning("auth", "event=key_skipped kid=%s reason=%s", log_text(kid),
					log_text(type == NULL ? "its type is none that we can verify"
										  : "it is not for signatures"));
	else
		wrong = add_jwk(ring, object, type, kid);
	if (wrong != NULL)
		snprintf(problem, PROBLEM_MAX_BYTES, "key %zu of the JWK set: %s", number, wrong);
	return wrong == NULL;
}

static bool
add_jwks(struct key_ring *ring, struct slice text, char *problem)
{
	json_t *set;
	json_t *keys;
	json_t *object;
	size_t	i;
	bool	good;

	if (text.length == 0)
		return true;
	set = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	keys = json_object_get(set, "keys");
	good = json_is_array(keys);
	if (!good)
		snprintf(problem, PROBLEM_MAX_BYTES, "the JWK set is not JSON like {\"keys\": [...]}");
	json_array_foreach(keys, i, object)
	{
		good = good && take_jwk(ring, object, i + 1, problem);
	}
	json_decref(set);
	return good;
}

struct key_ring *
key_ring_new(struct slice secret, struct slice previous, struct slice jwks,
			 char problem[PROBLEM_MAX_BYTES])
{
	struct key_ring *ring = memory_new(sizeof(*ring));

	if (add_secret(ring, secret, problem) && add_secret(ring, previous, problem) &&
		add_jwks(ring, jwks, problem))
		return ring;
	key_ring_free(ring);
	return NULL;
}

void
key_ring_free(struct key_ring *ring)
{
	if (ring == NULL)
		return;
	for (size_t i = 0; i < ring->count; i++)
	{
		cjose_jwk_release(ring->keys[i].jwk);
		free(ring->keys[i].kid);
		free(ring->keys[i].algorithm);
	}
	free(ring->keys);
	free(ring);
}

static bool
fits(const struct key *key, const char *algorithm)
{
	if (key->algorithm != NULL && strcmp(key->algorithm, algorithm) != 0)
		return false;
	for (const char *const *one = key->type->algorithms; *one != NULL; one++)
	{
		if (strcmp(*one, algorithm) == 0)
			return true;
	}
	return false;
}

/* A kid that no key has does not keep a token from being signed with a secret. */
const cjose_jwk_t *
key_ring_next(const struct key_ring *ring, const char *algorithm, const char *kid,
			  size_t *at)
{
	const bool named = kid != NULL && has_kid(ring, kid);

	for (; *at < ring->count; (*at)++)
	{
		const struct key *key = &ring->keys[*at];

		if (named != (key->kid != NULL) || !fits(key, algorithm))
			continue;
		if (named && strcmp(key->kid, kid) != 0)
			continue;
		(*at)++;
		return key->jwk;
	}
	return NULL;
}
