/*
 * probe_target.h
 *		What a health check asks whom, and what a good answer is.  No I/O.
 */
#ifndef HARTHIO_PROBE_TARGET_H
#define HARTHIO_PROBE_TARGET_H

#include "buffer.h"

#define PROBE_STUN_BYTES		20 /* a request: a header and nothing else */
#define PROBE_STUN_RANDOM_BYTES 12 /* by which its answer is known */
#define PROBE_STATUS_BYTES		12 /* of an HTTP answer: as much as is looked at */

enum probe_kind
{
	PROBE_TCP,	 /* does it accept a connection? */
	PROBE_HTTP,	 /* does it answer with 2xx or 3xx? */
	PROBE_HTTPS, /* the same, with a certificate that is good */
	PROBE_STUN	 /* does it answer a binding request over UDP? */
};

struct probe_target
{
	enum probe_kind kind;
	char			host[256];
	char			port[6];
	char			path[513]; /* of HTTP */
};

/* False: it is none of the forms that harthio.provider.probe describes. */
bool probe_target_parse(const char *url, struct probe_target *target);

void probe_http_request(const struct probe_target *target, struct buffer *request);

/* Is this, the beginning of an answer, a good one? */
bool probe_http_good(const char answer[PROBE_STATUS_BYTES]);

void probe_stun_request(const unsigned char random[PROBE_STUN_RANDOM_BYTES],
						unsigned char		request[PROBE_STUN_BYTES]);
bool probe_stun_good(const unsigned char request[PROBE_STUN_BYTES], struct slice answer);

#endif
