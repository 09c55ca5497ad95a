/*
 * unit_auth.c
 *		Are good tokens taken, and all others refused for the right reason?
 */
#include "unit.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"

#define SECRET "a-secret-that-nobody-else-can-know"
#define NOW	   1000.0

/* A token that this secret signs; free it. */
static char *
sign(const char *secret, const char *algorithm, const char *claims)
{
	cjose_jwk_t	   *key = cjose_jwk_create_oct_spec((const uint8_t *) secret, strlen(secret), NULL);
	cjose_header_t *header = cjose_header_new(NULL);
	cjose_jws_t	   *jws;
	const char	   *text = "";
	char		   *token;

	cjose_header_set(header, CJOSE_HDR_ALG, algorithm, NULL);
	jws = cjose_jws_sign(key, header, (const uint8_t *) claims, strlen(claims), NULL);
	cjose_jws_export(jws, &text, NULL);
	token = strdup(text);
	cjose_jws_release(jws);
	cjose_header_release(header);
	cjose_jwk_release(key);
	return token;
}

/* The code of the refusal, or "good". */
static const char *
verdict(struct auth *auth, struct slice token)
{
	struct claims		claims;
	struct auth_refusal refusal = {0};

	if (!auth_verify(auth, token, NOW, &claims, &refusal))
		return claims.json == NULL && refusal.message[0] != '\0' ? refusal.code : "broken";
	claims_free(&claims);
	return "good";
}

static void
check_claims(struct auth *auth, const char *claims, const char *expected)
{
	char *token = sign(SECRET, "HS256", claims);

	CHECK(strcmp(verdict(auth, slice_text(token)), expected) == 0);
	free(token);
}

static void
test_expiry(struct auth *auth)
{
	struct claims		claims;
	struct auth_refusal refusal;
	char			   *token = sign(SECRET, "HS512", "{\"role\":\"a\",\"exp\":1000.5,\"sub\":\"x\"}");

	CHECK(auth_verify(auth, slice_text(token), NOW, &claims, &refusal));
	CHECK(claims.expires == 1000.5);
	CHECK(strcmp(claims.json, "{\"role\":\"a\",\"exp\":1000.5,\"sub\":\"x\"}") == 0);
	claims_free(&claims);
	CHECK(!auth_verify(auth, slice_text(token), NOW + 8, &claims, &refusal));
	CHECK(strcmp(refusal.code, "InvalidJWTToken") == 0);
	CHECK(strcmp(refusal.message, "Token has expired 8 seconds ago") == 0);
	free(token);
}

/* No damage to any one character makes another token that is good. */
static void
test_damage(struct auth *auth)
{
	char	*token = sign(SECRET, "HS256", "{\"role\":\"a\",\"exp\":2000}");
	size_t	 length = strlen(token);
	unsigned taken = 0;

	for (size_t i = 0; i + 1 < length; i++)
	{
		const char kept = token[i];

		token[i] = kept == 'A' ? 'B' : 'A';
		taken += strcmp(verdict(auth, slice_of(token, length)), "good") == 0;
		token[i] = '\0';
		taken += strcmp(verdict(auth, slice_of(token, length)), "good") == 0;
		token[i] = kept;
		taken += strcmp(verdict(auth, slice_of(token, i)), "good") == 0;
	}
	CHECK(taken == 0);
	CHECK(strcmp(verdict(auth, slice_of(token, length)), "good") == 0);
	free(token);
}

void
test_auth(void)
{
	struct auth *auth = auth_new(SLICE(SECRET));
	char		*other = sign("another", "HS256", "{\"role\":\"a\",\"exp\":2000}");

	CHECK(auth != NULL);
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000}", "good");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iat\":1}", "good");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iat\":\"1\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":1000}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\"}", "InvalidJWTToken");
	check_claims(auth, "{\"exp\":2000}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":\"2000\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"role\":\"b\",\"exp\":2000}", "MalformedJWT");
	check_claims(auth, "{\"role\":\"a\\u0000\",\"exp\":2000}", "MalformedJWT");
	check_claims(auth, "[]", "MalformedJWT");
	check_claims(auth, "nonsense", "MalformedJWT");
	CHECK(strcmp(verdict(auth, slice_text(other)), "JwtSignatureError") == 0);
	CHECK(strcmp(verdict(auth, SLICE("")), "MalformedJWT") == 0);
	CHECK(strcmp(verdict(auth, (struct slice){0}), "MalformedJWT") == 0);
	CHECK(strcmp(verdict(auth, SLICE("...")), "MalformedJWT") == 0);
	/* {"alg":"none"} and {"alg":"RS256"} */
	CHECK(strcmp(verdict(auth, SLICE("eyJhbGciOiJub25lIn0.e30.")), "JwtSignerError") == 0);
	CHECK(strcmp(verdict(auth, SLICE("eyJhbGciOiJSUzI1NiJ9.e30.AA")), "JwtSignerError") == 0);
	test_expiry(auth);
	test_damage(auth);
	free(other);
	auth_free(auth);
}
