/*
 * internal.h
 *		The internal port: how we are, for machines, and the operator's page.
 *
 *	/metrics	what was counted, for Prometheus
 *	/healthz	200 while the process lives
 *	/readyz		200 if clients should be sent here, else 503 and why not
 *	/operator/	see operator.h
 *	all others	files, see pages.h
 */
#ifndef HARTHIO_INTERNAL_H
#define HARTHIO_INTERNAL_H

#include <libwebsockets.h>

/* What the internal port's virtual host serves. */
extern const struct lws_protocols internal_protocols[];

#endif
