/*
 * tls.h
 *		The certificate and its key: read whole, checked, then put to use.
 *
 * Connections that are open keep the certificate that they began with.
 */
#ifndef HARTHIO_TLS_H
#define HARTHIO_TLS_H

#include <openssl/ssl.h>

#include "file.h"

struct tls;

/* NULL, and what is wrong, if the files hold no certificate and its key. */
struct tls *tls_new(const char *certificate, const char *key,
					char problem[PROBLEM_MAX_BYTES]);
void		tls_free(struct tls *tls);

/* From now on, for handshakes of this context; false if OpenSSL refuses. */
bool tls_use(const struct tls *tls, SSL_CTX *context);

/* When the certificate ends, in seconds since 1970. */
double tls_expires(const struct tls *tls);

#endif
