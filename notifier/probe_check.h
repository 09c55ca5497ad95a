/*
 * probe_check.h
 *		One health check of one provider, without blocking.
 *
 * Names are resolved in libuv's threads.  No more is read than is looked at, and
 * whatever comes after that is not waited for.
 */
#ifndef HARTHIO_PROBE_CHECK_H
#define HARTHIO_PROBE_CHECK_H

#include <openssl/ssl.h>
#include <uv.h>

#include "probe_target.h"

struct probe_check;

/* "wrong" is NULL if it is there; it took "latency_ms" without the name's look-up. */
typedef void (*probe_callback)(void *owner, const char *wrong, unsigned latency_ms);

/* Told once, from the loop; the check is gone already. */
struct probe_check *probe_check_start(uv_loop_t *uv, const struct probe_target *target,
									  SSL_CTX *tls, uint64_t timeout_ms,
									  probe_callback callback, void *owner);

/* Nobody is told. */
void probe_check_stop(struct probe_check *check);

#endif
