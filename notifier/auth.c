/*
 * auth.c
 *		Tokens: who says that a client is who it says it is.
 */
#include "auth.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "api_keys.h"
#include "base64url.h"
#include "key_ring.h"
#include "memory.h"

#define KID_SHOWN_MAX 64

struct auth
{
	struct key_ring *keys;	   /* that sign tokens */
	struct api_keys *api_keys; /* that stand for claims */
	char			*issuer;   /* what "iss" must be; NULL: anything */
	char			*audience; /* what "aud" must name; NULL: anything */
	double			 leeway;   /* seconds that clocks may differ */
};

/* What a token says about itself. */
struct token_header
{
	char *algorithm; /* never NULL once it was read */
	char *kid;		 /* NULL: it names no key */
};

static bool
refuse(struct auth_refusal *refusal, const char *code, const char *message)
{
	refusal->code = code;
	snprintf(refusal->message, sizeof(refusal->message), "%s", message);
	return false;
}

static bool
refuse_malformed(struct auth_refusal *refusal)
{
	return refuse(refusal, "MalformedJWT", "The token provided is not a valid JWT");
}

static char *
copy_text(const char *text)
{
	return text != NULL ? memory_copy(text, strlen(text)) : NULL;
}

struct auth *
auth_new(const struct auth_settings *settings, char problem[PROBLEM_MAX_BYTES])
{
	struct auth *auth = memory_new(sizeof(*auth));

	auth->issuer = copy_text(settings->issuer);
	auth->audience = copy_text(settings->audience);
	auth->leeway = (double) settings->leeway;
	auth->keys = key_ring_new(settings->secret, settings->previous_secret,
							  settings->jwks, problem);
	if (auth->keys != NULL)
		auth->api_keys = api_keys_new(settings->api_keys, problem);
	if (auth->api_keys != NULL)
		return auth;
	auth_free(auth);
	return NULL;
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	key_ring_free(auth->keys);
	api_keys_free(auth->api_keys);
	free(auth->issuer);
	free(auth->audience);
	free(auth);
}

void
auth_expired(double expires, double now, struct auth_refusal *refusal)
{
	refusal->code = "InvalidJWTToken";
	snprintf(refusal->message, sizeof(refusal->message),
			 "Token has expired %.0f seconds ago",
			 now > expires ? now - expires : 0.0);
}

/* Names that are fit to be shown are short and plain. */
static bool
is_plain(const char *kid)
{
	return strlen(kid) <= KID_SHOWN_MAX &&
		   strspn(kid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789._-") == strlen(kid);
}

static bool
refuse_signer(struct auth_refusal *refusal, const char *kid)
{
	const bool named = kid != NULL && is_plain(kid);

	refusal->code = "JwtSignerError";
	snprintf(refusal->message, sizeof(refusal->message),
			 "Failed to generate JWT signer%s%s%s, "
			 "check your JWT secret or JWKS configuration",
			 named ? " for key ID (kid) \"" : "", named ? kid : "", named ? "\"" : "");
	return false;
}

/*
 * An unknown "crit" extension must be refused (RFC 7515, 4.1.11), and we know
 * none.
 */
static bool
take_header(json_t *object, struct token_header *header)
{
	const char *algorithm = json_string_value(json_object_get(object, "alg"));
	json_t	   *kid = json_object_get(object, "kid");

	if (algorithm == NULL || json_object_get(object, "crit") != NULL ||
		(kid != NULL && !json_is_string(kid)))
		return false;
	header->algorithm = copy_text(algorithm);
	header->kid = copy_text(json_string_value(kid));
	return true;
}

/* Three parts of base64url: cjose must not see anything else. */
static bool
is_compact(struct slice token)
{
	int parts = 1;

	for (const char *dot; (dot = memchr(token.data, '.', token.length)) != NULL; parts++)
	{
		const size_t length = (size_t) (dot - token.data);

		if (!base64url_valid(slice_of(token.data, length)))
			return false;
		token = slice_of(dot + 1, token.length - length - 1);
	}
	return parts == 3 && base64url_valid(token);
}

/*
 * Read the header before cjose sees the token: cjose calls an algorithm that
 * it does not know malformed, and clients deserve the better reason.
 */
static bool
read_header(struct slice token, struct token_header *header)
{
	const char *dot = memchr(token.data, '.', token.length);
	uint8_t	   *text = NULL;
	size_t		length = 0;
	json_t	   *object;
	bool		good;

	*header = (struct token_header){0};
	if (dot == NULL || !cjose_base64url_decode(token.data,
											   (size_t) (dot - token.data),
											   &text, &length, NULL))
		return false;
	object = json_loadb((const char *) text, length, JSON_REJECT_DUPLICATES, NULL);
	good = take_header(object, header);
	json_decref(object);
	cjose_get_dealloc()(text);
	return good;
}

static void
free_header(struct token_header *header)
{
	free(header->algorithm);
	free(header->kid);
}

/* Do the two claims name whom the operator wants, if he wants anybody? */
static bool
check_names(const struct auth *auth, json_t *claims, struct auth_refusal *refusal)
{
	const char *issuer = json_string_value(json_object_get(claims, "iss"));
	json_t	   *audience = json_object_get(claims, "aud");
	json_t	   *one;
	size_t		i;
	bool		named = false;

	if (auth->issuer != NULL && (issuer == NULL || strcmp(issuer, auth->issuer) != 0))
		return refuse(refusal, "InvalidJWTToken", "Token was issued by somebody else (iss)");
	if (auth->audience == NULL)
		return true;
	if (json_is_string(audience))
		named = strcmp(json_string_value(audience), auth->audience) == 0;
	json_array_foreach(audience, i, one)
	{
		named = named || (json_is_string(one) &&
						  strcmp(json_string_value(one), auth->audience) == 0);
	}
	return named || refuse(refusal, "InvalidJWTToken", "Token is meant for somebody else (aud)");
}

static bool
check_not_before(double start, double now, struct auth_refusal *refusal)
{
	if (start <= now)
		return true;
	refusal->code = "InvalidJWTToken";
	snprintf(refusal->message, sizeof(refusal->message),
			 "Token is not valid before %.0f seconds from now", ceil(start - now));
	return false;
}

/* The claims are signed by our key; are they what we need, and in time? */
static bool
check_claims(const struct auth *auth, json_t *claims, double now,
			 struct auth_refusal *refusal)
{
	json_t *expires = json_object_get(claims, "exp");
	json_t *issued = json_object_get(claims, "iat");
	json_t *start = json_object_get(claims, "nbf");

	if (expires == NULL || !json_is_string(json_object_get(claims, "role")))
		return refuse(refusal, "InvalidJWTToken",
					  "Fields `role` and `exp` are required in JWT");
	if (!json_is_number(expires))
		return refuse(refusal, "InvalidJWTToken",
					  "Token expiration time is invalid");
	if (issued != NULL && !json_is_number(issued))
		return refuse(refusal, "InvalidJWTToken", "Token issue time is invalid");
	if (start != NULL && !json_is_number(start))
		return refuse(refusal, "InvalidJWTToken", "Token start time is invalid");
	if (json_number_value(expires) + auth->leeway <= now)
	{
		auth_expired(json_number_value(expires), now, refusal);
		return false;
	}
	return check_not_before(start != NULL ? json_number_value(start) - auth->leeway : now,
							now, refusal) &&
		   check_names(auth, claims, refusal);
}

/* Take the claims out of a token whose signature is good. */
static bool
read_claims(const struct auth *auth, cjose_jws_t *jws, double now,
			struct claims *claims, struct auth_refusal *refusal)
{
	uint8_t *text = NULL;
	size_t	 length = 0;
	json_t	*object;
	bool	 good = false;

	if (!cjose_jws_get_plaintext(jws, &text, &length, NULL))
		return refuse_malformed(refusal);
	object = json_loadb((const char *) text, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object))
		refuse_malformed(refusal);
	else if (check_claims(auth, object, now, refusal))
	{
		claims->json = json_dumps(object, JSON_COMPACT);
		claims->expires = json_number_value(json_object_get(object, "exp")) + auth->leeway;
		good = claims->json != NULL;
	}
	json_decref(object);
	return good;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* People paste tokens with a line end. */
static struct slice
trim(struct slice token)
{
	while (token.length > 0 && is_space(*token.data))
		token = slice_of(token.data + 1, token.length - 1);
	while (token.length > 0 && is_space(token.data[token.length - 1]))
		token.length--;
	return token;
}

/*
 * cjose compares all bytes of its digest with the signature, wherever that ends:
 * one that is too short must not get there.
 */
static bool
is_long_enough(struct slice token, const char *algorithm)
{
	static const struct
	{
		const char *algorithm;
		size_t		length; /* of the digest, as base64url */
	} digests[] = {{"HS256", 43}, {"HS384", 64}, {"HS512", 86}};
	const char *dot = memrchr(token.data, '.', token.length);

	for (unsigned i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
	{
		if (strcmp(algorithm, digests[i].algorithm) == 0)
			return (size_t) (token.data + token.length - dot - 1) == digests[i].length;
	}
	return true;
}

/* The token as one of our keys has signed it; NULL: it has no such signature. */
static cjose_jws_t *
find_signer(const struct auth *auth, struct slice token,
			const struct token_header *header, struct auth_refusal *refusal)
{
	const cjose_jwk_t *key;
	size_t			   at = 0;

	refuse_signer(refusal, header->kid);
	while ((key = key_ring_next(auth->keys, header->algorithm, header->kid, &at)) != NULL)
	{
		cjose_jws_t *jws = cjose_jws_import(token.data, token.length, NULL);

		if (jws == NULL)
		{
			refuse_malformed(refusal);
			return NULL;
		}
		if (is_long_enough(token, header->algorithm) && cjose_jws_verify(jws, key, NULL))
			return jws;
		cjose_jws_release(jws);
		refuse(refusal, "JwtSignatureError", "Failed to validate JWT signature");
	}
	return NULL;
}

static bool
verify_token(const struct auth *auth, struct slice token, double now,
			 struct claims *claims, struct auth_refusal *refusal)
{
	struct token_header header;
	cjose_jws_t		   *jws;
	bool				good;

	if (!is_compact(token) || !read_header(token, &header))
		return refuse_malformed(refusal);
	jws = find_signer(auth, token, &header, refusal);
	good = jws != NULL && read_claims(auth, jws, now, claims, refusal);
	if (jws != NULL)
		cjose_jws_release(jws);
	free_header(&header);
	return good;
}

/* It has no end of its own. */
static bool
verify_api_key(const struct auth *auth, struct slice key, struct claims *claims,
			   struct auth_refusal *refusal)
{
	const char *json = api_keys_find(auth->api_keys, key);

	if (json == NULL)
		return refuse(refusal, "MalformedJWT", "The API key is none that this server knows");
	claims->json = copy_text(json);
	claims->expires = HUGE_VAL;
	return true;
}

bool
auth_verify(const struct auth *auth, struct slice token, double now,
			struct claims *claims, struct auth_refusal *refusal)
{
	struct slice rest;

	*claims = (struct claims){0};
	token = trim(token);
	if (token.length == 0)
		return refuse_malformed(refusal);
	if (slice_after(token, SLICE(API_KEY_PREFIX), &rest))
		return verify_api_key(auth, token, claims, refusal);
	return verify_token(auth, token, now, claims, refusal);
}

void
claims_free(struct claims *claims)
{
	free(claims->json);
	*claims = (struct claims){0};
}
