/*
 * lease.h
 *		Tells the database who is in a session here, so that who vanishes leaves.
 *
 * The notifier has a name for one life and a lease, which it renews every third
 * of harthio.leave_grace.  When the participants of a session change here, the
 * newest set is told, at most one call at a time for each session.  Whenever it
 * is doubtful what the database knows, all sessions are told again.
 *
 * Who was never attached never leaves by himself: so who came is told once even
 * if he is gone again by then.
 */
#ifndef HARTHIO_LEASE_H
#define HARTHIO_LEASE_H

#include "hub.h"
#include "pool.h"

struct lease;

struct lease *lease_new(struct hub *hub, struct pool *pool, uv_loop_t *uv,
						const struct hash_key *secret);
void		  lease_free(struct lease *lease);

/* There is a new connection to the database: begin anew. */
void lease_ready(struct lease *lease);

/*
 * This participant (NULL: somebody without a name) has come into the session, or
 * is somebody's new name; somebody has left it.
 */
void lease_enter(struct lease *lease, const char *session_id, const char *participant);
void lease_leave(struct lease *lease, const char *session_id);

/* Called some times a second: tell what has changed. */
void lease_tick(struct lease *lease);

#endif
