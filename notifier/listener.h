/*
 * listener.h
 *		Hears from the database what changed, and tells the hub.
 *
 * After every (re)connect: LISTEN, and only when that is committed take
 * snapshots of all sessions that the hub has.  Whatever happens in between is
 * heard as a notification, and the order of states makes what is heard twice or
 * late harmless.  The same holds for broadcasts of the database: see feed.h.
 */
#ifndef HARTHIO_LISTENER_H
#define HARTHIO_LISTENER_H

#include "database_link.h"
#include "hub.h"
#include "limit_options.h"

struct listener;

/* What a notification orders that is not the state of a session. */
enum listener_order
{
	LISTENER_NO_ORDER,
	LISTENER_RESYNC,  /* look at all states again, and whether there are messages */
	LISTENER_MESSAGES /* there may be new messages */
};

enum listener_order listener_read_order(const char *payload);

/*
 * The setup, the hub and the limits must live as long; messages with a payload
 * that is over the limit are dropped.
 */
struct listener *listener_new(const struct link_setup *setup, struct hub *hub,
							  const struct limits *limits);

/*
 * How far the publisher is behind, in seconds, as the database says, or more if
 * it has long not said anything; NaN while it cannot be asked.
 */
double listener_lag(const struct listener *listener);

/* Called some times a second: is it time to ask how far the publisher is? */
void listener_tick(struct listener *listener);

/* Is everything heard that the database tells now? */
bool listener_is_live(const struct listener *listener);

/* Hear no more; "listener_free" when the loop has closed its handles. */
void listener_stop(struct listener *listener);
void listener_free(struct listener *listener);

#endif
