/*
 * tls.c
 *		The certificate and its key: read whole, checked, then put to use.
 */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "memory.h"

#define PEM_MAX_BYTES 262144

struct tls
{
	X509 *certificate;
	STACK_OF(X509) * chain; /* between it and the root */
	EVP_PKEY *key;
};

static void
complain(const char *path, const char *what, char problem[PROBLEM_MAX_BYTES])
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(problem, PROBLEM_MAX_BYTES, "file \"%s\" %s%s%s", path, what,
			 reason != NULL ? ": " : "", reason != NULL ? reason : "");
	ERR_clear_error();
}

/* A key that is locked must not make us ask the terminal for its password. */
static int
no_password(char *buffer, int size, int writing, void *arg)
{
	if (size > 0)
		buffer[0] = '\0';
	(void) writing;
	(void) arg;
	return 0;
}

static void
read_certificates(struct tls *tls, BIO *bio)
{
	X509 *next;

	tls->certificate = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
	tls->chain = sk_X509_new_null();
	while (tls->certificate != NULL && tls->chain != NULL &&
		   (next = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		sk_X509_push(tls->chain, next);
	/* The end of the file is an error too. */
	if (tls->certificate != NULL)
		ERR_clear_error();
}

static BIO *
open_pem(const char *path, bool secret, struct slice *content, char *problem)
{
	if (!file_read(path, PEM_MAX_BYTES, secret, content, problem))
		return NULL;
	return BIO_new_mem_buf(content->data, (int) content->length);
}

static bool
read_certificate_file(struct tls *tls, const char *path, char *problem)
{
	struct slice content = {0};
	BIO			*bio = open_pem(path, false, &content, problem);

	if (bio == NULL)
		return false;
	read_certificates(tls, bio);
	BIO_free(bio);
	file_forget(&content);
	if (tls->certificate == NULL || tls->chain == NULL)
		complain(path, "holds no certificate", problem);
	return tls->certificate != NULL && tls->chain != NULL;
}

static bool
read_key_file(struct tls *tls, const char *path, char *problem)
{
	struct slice content = {0};
	BIO			*bio = open_pem(path, true, &content, problem);

	if (bio == NULL)
		return false;
	tls->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	file_forget(&content);
	if (tls->key == NULL)
		complain(path, "holds no private key without a password", problem);
	else if (X509_check_private_key(tls->certificate, tls->key) != 1)
	{
		complain(path, "does not hold the certificate's key", problem);
		return false;
	}
	return tls->key != NULL;
}

struct tls *
tls_new(const char *certificate, const char *key, char problem[PROBLEM_MAX_BYTES])
{
	struct tls *tls = memory_new(sizeof(*tls));

	ERR_clear_error();
	if (read_certificate_file(tls, certificate, problem) &&
		read_key_file(tls, key, problem))
		return tls;
	tls_free(tls);
	return NULL;
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	X509_free(tls->certificate);
	sk_X509_pop_free(tls->chain, X509_free);
	EVP_PKEY_free(tls->key);
	free(tls);
}

bool
tls_use(const struct tls *tls, SSL_CTX *context)
{
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
		   SSL_CTX_use_cert_and_key(context, tls->certificate, tls->key, tls->chain, 1) == 1;
}

double
tls_expires(const struct tls *tls)
{
	struct tm end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(tls->certificate), &end) != 1)
		return 0;
	return (double) timegm(&end);
}
