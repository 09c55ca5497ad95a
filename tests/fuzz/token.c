/*
 * token.c
 *		Tokens: who signs (see signers), the
 *		header and the claims, a line each; or "raw" and the token as it is.
 *
 * The input cannot guess a key, so this program signs for it: then a token is
 * good exactly if a second reading of the rules, below, says so, and with one
 * byte of it changed it never is.  What comes raw was signed by nobody.
 */
#include "fuzz.h"

#include <math.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "auth.h"
#include "buffer.h"
#include "log.h"
#include "memory.h"

#include <cjose/cjose.h>

#define NOW		 1700000000.0
#define LEEWAY	 30
#define SECRET	 SLICE("the secret, which nobody can guess, of 32 bytes or more")
#define PREVIOUS SLICE("the previous secret, not guessed either, of 32 bytes or more")
#define OCTETS	 SLICE("the key of the set, which has a name, of 32 bytes or more")
#define STRANGER SLICE("a stranger's secret, which is none of the keys that we take")

/* Who may sign. */
enum signer
{
	SIGNER_SECRET,	 /* the ring's */
	SIGNER_PREVIOUS, /* the ring's second */
	SIGNER_OCTETS,	 /* of the set, kid "oct", alg HS256 */
	SIGNER_EC,		 /* of the set, kid "ec" */
	SIGNER_RSA,		 /* of the set, kid "rsa" */
	SIGNER_STRANGER, /* somebody's secret */
	SIGNER_MODULUS,	 /* the public RSA key, used as a secret */
	SIGNERS
};

static const char *const signers[SIGNERS] = {
	[SIGNER_SECRET] = "secret",
	[SIGNER_PREVIOUS] = "previous",
	[SIGNER_OCTETS] = "oct",
	[SIGNER_EC] = "ec",
	[SIGNER_RSA] = "rsa",
	[SIGNER_STRANGER] = "stranger",
	[SIGNER_MODULUS] = "modulus",
};

static struct auth	*auth;
static EVP_PKEY		*ec_key;
static EVP_PKEY		*rsa_key;
static struct buffer modulus;

static void
append_base64(struct buffer *out, const void *bytes, size_t length)
{
	char  *text = NULL;
	size_t text_length = 0;

	if (length == 0)
		return;
	CHECK(cjose_base64url_encode(bytes, length, &text, &text_length, NULL));
	buffer_append(out, slice_of(text, text_length));
	cjose_get_dealloc()(text);
}

/* ,"name":"base64 of the number" */
static void
append_number(struct buffer *out, const char *name, const EVP_PKEY *key, const char *parameter,
			  int length)
{
	unsigned char bytes[512];
	BIGNUM		 *number = NULL;

	CHECK(EVP_PKEY_get_bn_param(key, parameter, &number) == 1);
	length = length > 0 ? length : BN_num_bytes(number);
	CHECK(BN_bn2binpad(number, bytes, length) == length);
	buffer_append_text(out, ",\"");
	buffer_append_text(out, name);
	buffer_append_text(out, "\":\"");
	append_base64(out, bytes, (size_t) length);
	buffer_append_text(out, "\"");
	BN_free(number);
}

/* The public parts of keys that are made anew each time: none is worth anything. */
static void
write_jwks(struct buffer *out)
{
	buffer_append_text(out, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"oct\",\"alg\":\"HS256\",\"k\":\"");
	append_base64(out, OCTETS.data, OCTETS.length);
	buffer_append_text(out, "\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\"");
	append_number(out, "x", ec_key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
	append_number(out, "y", ec_key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
	buffer_append_text(out, "},{\"kty\":\"RSA\",\"kid\":\"rsa\"");
	append_number(out, "n", rsa_key, OSSL_PKEY_PARAM_RSA_N, 0);
	append_number(out, "e", rsa_key, OSSL_PKEY_PARAM_RSA_E, 0);
	buffer_append_text(out, "}]}");
}

int
LLVMFuzzerInitialize(const int *argc, char ***argv)
{
	struct auth_settings settings = {.secret = SECRET, .previous_secret = PREVIOUS, .issuer = "us", .audience = "them", .leeway = LEEWAY};
	char				 problem[PROBLEM_MAX_BYTES];
	struct buffer		 jwks = {0};

	(void) argc;
	(void) argv;
	log_set_level(LOG_LEVEL_ERROR);
	ec_key = EVP_EC_gen("P-256");
	rsa_key = EVP_RSA_gen(2048);
	append_number(&modulus, "n", rsa_key, OSSL_PKEY_PARAM_RSA_N, 0);
	write_jwks(&jwks);
	settings.jwks = buffer_slice(&jwks);
	auth = auth_new(&settings, problem);
	CHECK(auth != NULL);
	buffer_free(&jwks);
	return 0;
}

static const EVP_MD *
digest_of(const char *algorithm)
{
	if (algorithm != NULL && strstr(algorithm, "512") != NULL)
		return EVP_sha512();
	if (algorithm != NULL && strstr(algorithm, "384") != NULL)
		return EVP_sha384();
	return EVP_sha256();
}

static void
sign_by_secret(struct buffer *token, struct slice secret, const EVP_MD *digest)
{
	unsigned char signature[EVP_MAX_MD_SIZE];
	unsigned	  length = 0;

	CHECK(HMAC(digest, secret.data, (int) secret.length, (unsigned char *) token->data,
			   token->length, signature, &length) != NULL);
	buffer_append_byte(token, '.');
	append_base64(token, signature, length);
}

/* ECDSA gives DER, and a JWT wants both numbers bare. */
static size_t
bare_signature(unsigned char *signature, size_t length)
{
	const unsigned char *der = signature;
	ECDSA_SIG			*parsed = d2i_ECDSA_SIG(NULL, &der, (long) length);

	CHECK(parsed != NULL);
	CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, 32) == 32);
	CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + 32, 32) == 32);
	ECDSA_SIG_free(parsed);
	return 64;
}

static void
sign_by_key(struct buffer *token, EVP_PKEY *key, const EVP_MD *digest)
{
	EVP_MD_CTX	 *context = EVP_MD_CTX_new();
	unsigned char signature[512];
	size_t		  length = sizeof(signature);

	CHECK(EVP_DigestSignInit(context, NULL, digest, NULL, key) == 1);
	CHECK(EVP_DigestSign(context, signature, &length, (unsigned char *) token->data,
						 token->length) == 1);
	EVP_MD_CTX_free(context);
	if (key == ec_key)
		length = bare_signature(signature, length);
	buffer_append_byte(token, '.');
	append_base64(token, signature, length);
}

static void
sign(struct buffer *token, enum signer signer, const char *algorithm)
{
	const EVP_MD *digest = digest_of(algorithm);

	if (signer == SIGNER_EC)
		sign_by_key(token, ec_key, EVP_sha256());
	else if (signer == SIGNER_RSA)
		sign_by_key(token, rsa_key, digest);
	else if (signer == SIGNER_SECRET)
		sign_by_secret(token, SECRET, digest);
	else if (signer == SIGNER_PREVIOUS)
		sign_by_secret(token, PREVIOUS, digest);
	else if (signer == SIGNER_OCTETS)
		sign_by_secret(token, OCTETS, digest);
	else if (signer == SIGNER_STRANGER)
		sign_by_secret(token, STRANGER, digest);
	else
		sign_by_secret(token, buffer_slice(&modulus), digest);
}

static bool
is_one_of(const char *text, const char *const *words)
{
	while (*words != NULL && strcmp(text, *words) != 0)
		words++;
	return *words != NULL;
}

/* May this signer sign under such a header? */
static bool
is_good_header(json_t *header, enum signer signer)
{
	static const char *const hs[] = {"HS256", "HS384", "HS512", NULL};
	static const char *const rs[] = {"RS256", "RS384", "RS512", NULL};
	static const char *const names[] = {"oct", "ec", "rsa", NULL};
	const char				*algorithm = json_string_value(json_object_get(header, "alg"));
	json_t					*kid = json_object_get(header, "kid");
	const char				*name = json_string_value(kid);

	if (algorithm == NULL || json_object_get(header, "crit") != NULL ||
		(kid != NULL && name == NULL))
		return false;
	if (name == NULL || !is_one_of(name, names))
		return (signer == SIGNER_SECRET || signer == SIGNER_PREVIOUS) && is_one_of(algorithm, hs);
	if (signer > SIGNER_RSA || strcmp(name, signers[signer]) != 0)
		return false;
	if (signer == SIGNER_OCTETS)
		return strcmp(algorithm, "HS256") == 0;
	return signer == SIGNER_EC ? strcmp(algorithm, "ES256") == 0 : is_one_of(algorithm, rs);
}

static bool
is_number_or_absent(json_t *claims, const char *name)
{
	json_t *value = json_object_get(claims, name);

	return value == NULL || json_is_number(value);
}

static bool
names_us(json_t *audience)
{
	size_t	i;
	json_t *one;

	if (json_is_string(audience))
		return strcmp(json_string_value(audience), "them") == 0;
	json_array_foreach(audience, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), "them") == 0)
			return true;
	}
	return false;
}

static bool
are_good_claims(json_t *claims)
{
	const char *issuer = json_string_value(json_object_get(claims, "iss"));
	json_t	   *expires = json_object_get(claims, "exp");

	return json_is_string(json_object_get(claims, "role")) && json_is_number(expires) &&
		   json_number_value(expires) > NOW - LEEWAY &&
		   is_number_or_absent(claims, "iat") && is_number_or_absent(claims, "nbf") &&
		   json_number_value(json_object_get(claims, "nbf")) <= NOW + LEEWAY &&
		   issuer != NULL && strcmp(issuer, "us") == 0 &&
		   names_us(json_object_get(claims, "aud"));
}

/* Verify it; what comes out is whole either way. */
static bool
verify(struct slice token, json_t *wanted)
{
	struct claims		claims;
	struct auth_refusal refusal = {.code = NULL};
	const bool			good = auth_verify(auth, token, NOW, &claims, &refusal);

	CHECK(good == (claims.json != NULL));
	if (good)
	{
		json_t *read = fuzz_json(slice_text(claims.json), NULL);

		CHECK(json_equal(read, wanted));
		CHECK(claims.expires > NOW);
		json_decref(read);
	}
	else
	{
		const size_t length = strnlen(refusal.message, sizeof(refusal.message));

		CHECK(refusal.code != NULL && length > 0 && length < sizeof(refusal.message));
	}
	claims_free(&claims);
	return good;
}

/* The last byte has bits that mean nothing. */
static void
check_changed(struct buffer *token, size_t place)
{
	place %= token->length - 1;
	token->data[place] ^= 1;
	CHECK(!verify(buffer_slice(token), NULL));
	token->data[place] ^= 1;
}

static void
test_signed(enum signer signer, struct slice header_text, struct slice claims_text)
{
	json_t		 *header = json_loadb(header_text.data, header_text.length, JSON_REJECT_DUPLICATES, NULL);
	json_t		 *claims = json_loadb(claims_text.data, claims_text.length, JSON_REJECT_DUPLICATES, NULL);
	struct buffer token = {0};
	bool		  good;

	append_base64(&token, header_text.data, header_text.length);
	buffer_append_byte(&token, '.');
	append_base64(&token, claims_text.data, claims_text.length);
	sign(&token, signer, json_string_value(json_object_get(header, "alg")));
	good = verify(buffer_slice(&token), claims);
	CHECK(good == (is_good_header(header, signer) && are_good_claims(claims)));
	if (good)
		check_changed(&token, header_text.length * 31 + claims_text.length * 7);
	buffer_free(&token);
	json_decref(claims);
	json_decref(header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of((const char *) data, size);
	struct slice who = fuzz_take_line(&input);
	struct slice header;

	if (slice_equal(who, SLICE("raw")))
	{
		CHECK(!verify(input, NULL));
		return 0;
	}
	for (int signer = 0; signer < SIGNERS; signer++)
	{
		if (!slice_equal(who, slice_text(signers[signer])))
			continue;
		header = fuzz_take_line(&input);
		test_signed((enum signer) signer, header, input);
		return 0;
	}
	return -1;
}
