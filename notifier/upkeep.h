/*
 * upkeep.h
 *		What a notifier does by itself: leases and health checks.
 *
 * Both go through one database connection of their own, so that neither calls of
 * clients nor their questions keep them waiting, nor they those.
 */
#ifndef HARTHIO_UPKEEP_H
#define HARTHIO_UPKEEP_H

#include "hub.h"
#include "options.h"
#include "pool.h"

struct link_setup;
struct upkeep;

/* Health checks are made every so many milliseconds; 0: never. */
struct upkeep *upkeep_new(const struct link_setup *setup, const struct options *options,
						  uint64_t probe_interval_ms, struct hub *hub,
						  const struct hash_key *secret);

/* Ask no more; "upkeep_free" when the loop has closed its handles. */
void upkeep_stop(struct upkeep *upkeep);
void upkeep_free(struct upkeep *upkeep);
void upkeep_tick(struct upkeep *upkeep);

/* Who has come into a session, and that somebody has left it: see lease.h. */
void upkeep_enter(struct upkeep *upkeep, const char *session_id, const char *participant);
void upkeep_leave(struct upkeep *upkeep, const char *session_id);

#endif
