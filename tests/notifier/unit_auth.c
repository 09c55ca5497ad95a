/*
 * unit_auth.c
 *		Are good tokens taken, and all others refused for the right reason?
 */
#include "unit.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"

#define SECRET "a-secret-that-nobody-else-can-know"
#define NOW	   1000.0

#define GOOD "{\"role\":\"a\",\"exp\":2000}"

/* A token that this key signs, which may name it; free it. */
static char *
sign_with(const cjose_jwk_t *key, const char *algorithm, const char *kid,
		  const char *claims)
{
	cjose_header_t *header = cjose_header_new(NULL);
	cjose_jws_t	   *jws;
	const char	   *text = "";
	char		   *token;

	cjose_header_set(header, CJOSE_HDR_ALG, algorithm, NULL);
	if (kid != NULL)
		cjose_header_set(header, CJOSE_HDR_KID, kid, NULL);
	jws = cjose_jws_sign(key, header, (const uint8_t *) claims, strlen(claims), NULL);
	cjose_jws_export(jws, &text, NULL);
	token = strdup(text);
	cjose_jws_release(jws);
	cjose_header_release(header);
	return token;
}

/* A token that this secret signs; free it. */
static char *
sign(const char *secret, const char *algorithm, const char *claims)
{
	cjose_jwk_t *key = cjose_jwk_create_oct_spec((const uint8_t *) secret, strlen(secret), NULL);
	char		*token = sign_with(key, algorithm, NULL, claims);

	cjose_jwk_release(key);
	return token;
}

static struct auth *
auth_with(const char *jwks)
{
	const struct auth_settings settings = {.secret = SLICE(SECRET), .jwks = slice_text(jwks)};
	char					   problem[PROBLEM_MAX_BYTES] = "";

	return auth_new(&settings, problem);
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

/* What is not base64url makes cjose end the process: it must not come so far. */
static void
test_malformed(struct auth *auth)
{
	static const char *const tokens[] = {
		"e=Jh", "a.b.c", "e=JhXXXX.e30.AAAA", "e30.e=JhXXXX.AAAA", "e30.e30.A=AAXXXX",
		"e30.e30", "e30.e30.AAAA.AAAA", "e30=.e30.AAAA", "e3+/.e30.AAAA", "...", "e30.e30."};

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		CHECK(strcmp(verdict(auth, slice_text(tokens[i])), "MalformedJWT") == 0);
}

/* The JWK set of two keys, without their private parts; free it. */
static char *
jwks_of(const cjose_jwk_t *a, const cjose_jwk_t *b)
{
	char *first = cjose_jwk_to_json(a, false, NULL);
	char *second = cjose_jwk_to_json(b, false, NULL);
	char *jwks = NULL;

	CHECK(asprintf(&jwks, "{\"keys\":[%s,%s]}", first, second) > 0);
	cjose_get_dealloc()(first);
	cjose_get_dealloc()(second);
	return jwks;
}

static void
check_signed(struct auth *auth, const cjose_jwk_t *key, const char *algorithm,
			 const char *kid, const char *expected)
{
	char *token = sign_with(key, algorithm, kid, GOOD);

	CHECK(strcmp(verdict(auth, slice_text(token)), expected) == 0);
	free(token);
}

/* Each curve and RSA verify their own algorithms, by the name of the key. */
static void
test_asymmetric(void)
{
	static const struct
	{
		cjose_jwk_ec_curve curve;
		const char		  *algorithm;
	} curves[] = {{CJOSE_JWK_EC_P_256, "ES256"}, {CJOSE_JWK_EC_P_384, "ES384"}, {CJOSE_JWK_EC_P_521, "ES512"}};
	static const char *const rsa_algorithms[] = {"RS256", "RS384", "RS512"};
	cjose_jwk_t				*rsa = cjose_jwk_create_RSA_random(2048, NULL, 0, NULL);

	cjose_jwk_set_kid(rsa, "rsa", 3, NULL);
	for (unsigned i = 0; i < 3; i++)
	{
		cjose_jwk_t *ec = cjose_jwk_create_EC_random(curves[i].curve, NULL);
		cjose_jwk_t *other = cjose_jwk_create_EC_random(curves[i].curve, NULL);
		char		*jwks;
		struct auth *auth;

		cjose_jwk_set_kid(ec, "ec", 2, NULL);
		jwks = jwks_of(rsa, ec);
		auth = auth_with(jwks);
		CHECK(auth != NULL);
		check_signed(auth, rsa, rsa_algorithms[i], "rsa", "good");
		check_signed(auth, ec, curves[i].algorithm, "ec", "good");
		check_signed(auth, other, curves[i].algorithm, "ec", "JwtSignatureError");
		/* without its name, with another's, and with one that nobody has */
		check_signed(auth, ec, curves[i].algorithm, NULL, "JwtSignerError");
		check_signed(auth, ec, curves[i].algorithm, "rsa", "JwtSignerError");
		check_signed(auth, ec, curves[i].algorithm, "who", "JwtSignerError");
		check_signed(auth, rsa, "PS256", "rsa", "JwtSignerError");
		auth_free(auth);
		free(jwks);
		cjose_jwk_release(ec);
		cjose_jwk_release(other);
	}
	cjose_jwk_release(rsa);
}

/* A public key is known to all: it must not serve as a secret. */
static void
test_confusion(void)
{
	cjose_jwk_t *rsa = cjose_jwk_create_RSA_random(2048, NULL, 0, NULL);
	cjose_jwk_t *ec = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	char *public;
	char		*jwks;
	struct auth *auth;
	cjose_jwk_t *forged;

	cjose_jwk_set_kid(rsa, "rsa", 3, NULL);
	cjose_jwk_set_kid(ec, "ec", 2, NULL);
	jwks = jwks_of(rsa, ec);
	auth = auth_with(jwks);
	public = cjose_jwk_to_json(rsa, false, NULL);
	forged = cjose_jwk_create_oct_spec((const uint8_t *) public, strlen(public), NULL);
	check_signed(auth, forged, "HS256", "rsa", "JwtSignerError");
	check_signed(auth, forged, "HS256", NULL, "JwtSignatureError");
	check_signed(auth, rsa, "RS256", "ec", "JwtSignerError");
	check_signed(auth, ec, "ES256", "rsa", "JwtSignerError");
	cjose_jwk_release(forged);
	cjose_get_dealloc()(public);
	auth_free(auth);
	free(jwks);
	cjose_jwk_release(rsa);
	cjose_jwk_release(ec);
}

#define OCT_SECRET "a-secret-of-32-bytes-and-a-few-more"
#define OCT		   "\"kty\":\"oct\",\"k\":\"YS1zZWNyZXQtb2YtMzItYnl0ZXMtYW5kLWEtZmV3LW1vcmU\""

static void
test_named_secret(void)
{
	struct auth *auth = auth_with("{\"keys\":[{" OCT ",\"kid\":\"k\",\"alg\":\"HS384\"}]}");
	cjose_jwk_t *named = cjose_jwk_create_oct_spec((const uint8_t *) OCT_SECRET, sizeof(OCT_SECRET) - 1, NULL);
	cjose_jwk_t *plain = cjose_jwk_create_oct_spec((const uint8_t *) SECRET, sizeof(SECRET) - 1, NULL);

	CHECK(auth != NULL);
	check_signed(auth, named, "HS384", "k", "good");
	check_signed(auth, named, "HS256", "k", "JwtSignerError");
	check_signed(auth, plain, "HS384", "k", "JwtSignatureError");
	check_signed(auth, named, "HS384", NULL, "JwtSignatureError");
	check_signed(auth, plain, "HS256", "another", "good");
	cjose_jwk_release(named);
	cjose_jwk_release(plain);
	auth_free(auth);
}

static void
test_rotation(void)
{
	const struct auth_settings settings = {
		.secret = SLICE("the-new-secret-of-thirty-two-bytes!"),
		.previous_secret = SLICE(SECRET)};
	char		 problem[PROBLEM_MAX_BYTES];
	struct auth *auth = auth_new(&settings, problem);
	char		*first = sign("the-new-secret-of-thirty-two-bytes!", "HS256", GOOD);
	char		*second = sign(SECRET, "HS512", GOOD);
	char		*third = sign("a-third-secret-of-thirty-two-bytes!", "HS256", GOOD);

	CHECK(strcmp(verdict(auth, slice_text(first)), "good") == 0);
	CHECK(strcmp(verdict(auth, slice_text(second)), "good") == 0);
	CHECK(strcmp(verdict(auth, slice_text(third)), "JwtSignatureError") == 0);
	free(first);
	free(second);
	free(third);
	auth_free(auth);
}

static void
check_problem(const char *jwks, const char *api_keys, const char *expected)
{
	const struct auth_settings settings = {
		.secret = SLICE(SECRET), .jwks = slice_text(jwks), .api_keys = slice_text(api_keys)};
	char		 problem[PROBLEM_MAX_BYTES] = "";
	struct auth *auth = auth_new(&settings, problem);

	CHECK(auth == NULL);
	CHECK(strstr(problem, expected) != NULL);
	auth_free(auth);
}

static void
test_bad_settings(void)
{
	check_problem("nonsense", "", "not JSON like");
	check_problem("{\"keys\":{}}", "", "not JSON like");
	check_problem("{\"keys\":[{" OCT "}]}", "", "key 1 of the JWK set: it has no \"kid\"");
	check_problem("{\"keys\":[{" OCT ",\"kid\":\"a\"},{" OCT ",\"kid\":\"a\"}]}", "",
				  "key 2 of the JWK set: another one has the same \"kid\"");
	check_problem("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\"}]}", "", "make no key");
	check_problem("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", "", "2048 bits");
	check_problem("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"A=AAXXXX\"}]}", "", "make no key");
	check_problem("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AQAB\",\"y\":\"AQAB\"}]}", "", "make no key");
	check_problem("", "[]", "no JSON object");
	check_problem("", "{\"abc\":{\"role\":\"a\"}}", "API key 1 does not begin with sb_");
	check_problem("", "{\"sb_\":{\"role\":\"a\"}}", "API key 1 does not begin with sb_");
	check_problem("", "{\"sb_x\":{\"role\":\"a\"},\"sb_y\":{}}", "API key 2 has no claims with a role");
	check_problem("", "{\"sb_x\":{\"role\":\"a\"},\"sb_x\":{\"role\":\"b\"}}", "twice");
}

/* Sets hold keys that are not for us. */
static void
test_skipped_keys(void)
{
	cjose_jwk_t *secret = cjose_jwk_create_oct_spec((const uint8_t *) OCT_SECRET, sizeof(OCT_SECRET) - 1, NULL);
	struct auth *auth = auth_with("{\"keys\":["
								  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
								  "{" OCT ",\"kid\":\"enc\",\"use\":\"enc\"}]}");
	/* {"alg":"EdDSA","kid":"ed"} */
	CHECK(auth != NULL);
	CHECK(strcmp(verdict(auth, SLICE("eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.e30.AA")), "JwtSignerError") == 0);
	check_signed(auth, secret, "HS256", "enc", "JwtSignatureError");
	cjose_jwk_release(secret);
	auth_free(auth);
}

static void
test_api_keys(void)
{
	const struct auth_settings settings = {
		.secret = SLICE(SECRET), .api_keys = SLICE("{\"sb_secret_a\":{\"role\":\"service_role\"}}")};
	char				problem[PROBLEM_MAX_BYTES];
	struct auth		   *auth = auth_new(&settings, problem);
	struct claims		claims;
	struct auth_refusal refusal;

	CHECK(auth_verify(auth, SLICE("sb_secret_a"), NOW, &claims, &refusal));
	CHECK(strcmp(claims.json, "{\"role\":\"service_role\"}") == 0);
	CHECK(isinf(claims.expires));
	claims_free(&claims);
	CHECK(strcmp(verdict(auth, SLICE("sb_secret_")), "MalformedJWT") == 0);
	CHECK(strcmp(verdict(auth, SLICE("sb_secret_ab")), "MalformedJWT") == 0);
	auth_free(auth);
}

/* "iss", "aud", "nbf" and the difference of clocks. */
static void
test_claims_wanted(void)
{
	const struct auth_settings settings = {
		.secret = SLICE(SECRET), .issuer = "me", .audience = "you", .leeway = 10};
	char		 problem[PROBLEM_MAX_BYTES];
	struct auth *auth = auth_new(&settings, problem);

	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iss\":\"me\",\"aud\":\"you\"}", "good");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iss\":\"me\",\"aud\":[\"x\",\"you\"]}", "good");
	check_claims(auth, "{\"role\":\"a\",\"exp\":991,\"nbf\":1010,\"iss\":\"me\",\"aud\":\"you\"}", "good");
	check_claims(auth, "{\"role\":\"a\",\"exp\":990,\"iss\":\"me\",\"aud\":\"you\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"nbf\":1011,\"iss\":\"me\",\"aud\":\"you\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"nbf\":\"1\",\"iss\":\"me\",\"aud\":\"you\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iss\":\"me\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iss\":\"me\",\"aud\":[\"x\",1]}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iss\":\"you\",\"aud\":\"you\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"aud\":\"you\"}", "InvalidJWTToken");
	check_claims(auth, "{\"role\":\"a\",\"exp\":2000,\"iss\":1,\"aud\":\"you\"}", "InvalidJWTToken");
	auth_free(auth);
}

/* A name goes into the reason only if it can do no harm there. */
static void
test_kid_in_reason(void)
{
	struct auth		   *auth = auth_with("");
	struct claims		claims;
	struct auth_refusal refusal;

	/* {"alg":"RS256","kid":"k-1"} and {"alg":"RS256","kid":"\"\u00e4"} */
	CHECK(!auth_verify(auth, SLICE("eyJhbGciOiJSUzI1NiIsImtpZCI6ImstMSJ9.e30.AA"), NOW, &claims, &refusal));
	CHECK(strstr(refusal.message, "for key ID (kid) \"k-1\", check") != NULL);
	CHECK(!auth_verify(auth, SLICE("eyJhbGciOiJSUzI1NiIsImtpZCI6IlwiXHUwMGU0In0.e30.AA"), NOW, &claims, &refusal));
	CHECK(strstr(refusal.message, "kid") == NULL);
	auth_free(auth);
}

void
test_auth(void)
{
	struct auth *auth = auth_with("");
	char		*other = sign("another", "HS256", "{\"role\":\"a\",\"exp\":2000}");

	CHECK(auth != NULL);
	check_claims(auth, GOOD, "good");
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
	test_malformed(auth);
	test_damage(auth);
	test_asymmetric();
	test_confusion();
	test_named_secret();
	test_rotation();
	test_bad_settings();
	test_skipped_keys();
	test_api_keys();
	test_claims_wanted();
	test_kid_in_reason();
	free(other);
	auth_free(auth);
}
