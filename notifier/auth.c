/*
 * auth.c
 *		Tokens: who says that a client is who it says it is.
 */
#include "auth.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

struct auth
{
	cjose_jwk_t *key; /* the shared secret, an "oct" key */
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

struct auth *
auth_new(struct slice secret)
{
	struct auth *auth;
	cjose_jwk_t *key;

	key = cjose_jwk_create_oct_spec((const uint8_t *) secret.data,
									secret.length, NULL);
	if (key == NULL)
		return NULL;
	auth = memory_new(sizeof(*auth));
	auth->key = key;
	return auth;
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	cjose_jwk_release(auth->key);
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

/*
 * May our key verify a token with this header?  An unknown "crit" extension
 * must be refused (RFC 7515, 4.1.11), and we know none.
 */
static bool
check_header(cjose_header_t *header, struct auth_refusal *refusal)
{
	static const char *const fitting[] = {"HS256", "HS384", "HS512"};
	const char				*algorithm = json_string_value(json_object_get(header, "alg"));

	if (algorithm == NULL || json_object_get(header, "crit") != NULL)
		return refuse_malformed(refusal);
	for (unsigned i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++)
	{
		if (strcmp(algorithm, fitting[i]) == 0)
			return true;
	}
	return refuse(refusal, "JwtSignerError", "Failed to generate JWT signer, "
											 "check your JWT secret or JWKS configuration");
}

/*
 * Read the header before cjose sees the token: cjose calls an algorithm that
 * it does not know malformed, and clients deserve the better reason.
 */
static bool
check_algorithm(struct slice token, struct auth_refusal *refusal)
{
	const char *dot = memchr(token.data, '.', token.length);
	uint8_t	   *text = NULL;
	size_t		length = 0;
	json_t	   *header = NULL;
	bool		fits = false;

	if (dot == NULL || !cjose_base64url_decode(token.data,
											   (size_t) (dot - token.data),
											   &text, &length, NULL))
		return refuse_malformed(refusal);
	header = json_loadb((const char *) text, length, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(header))
		fits = check_header(header, refusal);
	else
		refuse_malformed(refusal);
	json_decref(header);
	cjose_get_dealloc()(text);
	return fits;
}

/* The claims are signed by our key; are they what we need, and in time? */
static bool
check_claims(json_t *claims, double now, struct auth_refusal *refusal)
{
	json_t *expires = json_object_get(claims, "exp");
	json_t *issued = json_object_get(claims, "iat");

	if (expires == NULL || !json_is_string(json_object_get(claims, "role")))
		return refuse(refusal, "InvalidJWTToken",
					  "Fields `role` and `exp` are required in JWT");
	if (!json_is_number(expires))
		return refuse(refusal, "InvalidJWTToken",
					  "Token expiration time is invalid");
	if (issued != NULL && !json_is_number(issued))
		return refuse(refusal, "InvalidJWTToken", "Token issue time is invalid");
	if (json_number_value(expires) <= now)
	{
		auth_expired(json_number_value(expires), now, refusal);
		return false;
	}
	return true;
}

/* Take the claims out of a token whose signature is good. */
static bool
read_claims(cjose_jws_t *jws, double now, struct claims *claims,
			struct auth_refusal *refusal)
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
	else if (check_claims(object, now, refusal))
	{
		claims->json = json_dumps(object, JSON_COMPACT);
		claims->expires = json_number_value(json_object_get(object, "exp"));
		good = claims->json != NULL;
	}
	json_decref(object);
	return good;
}

/* People paste tokens with a line end. */
static struct slice
trim(struct slice token)
{
	while (token.length > 0 && strchr(" \t\r\n", *token.data) != NULL)
		token = slice_of(token.data + 1, token.length - 1);
	while (token.length > 0 &&
		   strchr(" \t\r\n", token.data[token.length - 1]) != NULL)
		token.length--;
	return token;
}

bool
auth_verify(const struct auth *auth, struct slice token, double now,
			struct claims *claims, struct auth_refusal *refusal)
{
	cjose_jws_t *jws;
	bool		 good;

	*claims = (struct claims){0};
	token = trim(token);
	if (token.length == 0)
		return refuse_malformed(refusal);
	if (!check_algorithm(token, refusal))
		return false;
	jws = cjose_jws_import(token.data, token.length, NULL);
	if (jws == NULL)
		return refuse_malformed(refusal);
	if (cjose_jws_verify(jws, auth->key, NULL))
		good = read_claims(jws, now, claims, refusal);
	else
		good = refuse(refusal, "JwtSignatureError", "Failed to validate JWT signature");
	cjose_jws_release(jws);
	return good;
}

void
claims_free(struct claims *claims)
{
	free(claims->json);
	*claims = (struct claims){0};
}
