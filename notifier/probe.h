/*
 * probe.h
 *		Health checks of the providers, by one notifier at a time.
 *
 * Whoever holds the advisory lock does it: it belongs to the connection to the
 * database, so when that is gone another notifier takes over.  What is found goes
 * to harthio_report_probe(), which decides what it means.
 */
#ifndef HARTHIO_PROBE_H
#define HARTHIO_PROBE_H

#include "pool.h"

struct prober;

struct prober *prober_new(uv_loop_t *uv, struct pool *pool, uint64_t interval_ms,
						  uint64_t timeout_ms);

/* Ask no more; "prober_free" when the loop has closed its handles. */
void prober_stop(struct prober *prober);
void prober_free(struct prober *prober);

/* Called some times a second: is it time for another round? */
void prober_tick(struct prober *prober);

#endif
