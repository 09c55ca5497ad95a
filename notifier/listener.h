/*
 * listener.h
 *		Hears from the database what changed, and tells the hub.
 *
 * After every (re)connect: LISTEN, and only when that is committed take
 * snapshots of all sessions that the hub has.  Whatever happens in between is
 * heard as a notification, and the order of states makes what is heard twice or
 * late harmless.
 */
#ifndef HARTHIO_LISTENER_H
#define HARTHIO_LISTENER_H

#include <uv.h>

#include "hub.h"

struct listener;

struct listener *listener_new(uv_loop_t *uv, const char *conninfo, struct hub *hub,
							  void (*on_mismatch)(void *arg), void *arg);

/* Is everything heard that the database tells now? */
bool listener_is_live(const struct listener *listener);

/* Hear no more; "listener_free" when the loop has closed its handles. */
void listener_stop(struct listener *listener);
void listener_free(struct listener *listener);

#endif
