/*-------------------------------------------------------------------------
 *
 * change_ring.h
 *	  From a transaction that changed something to those who must know.
 *
 * A transaction notes what it changed; at commit the notes take effect:
 * sessions go into a ring in shared memory for the publisher, what was learnt
 * of providers moves their scores.  Rolled back, they are forgotten, savepoints included.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_CHANGE_RING_H
#define HARTHIO_CHANGE_RING_H

#include "storage/lwlock.h"

#include "harthio.h"
#include "score.h"

typedef char SessionIdBuffer[SESSION_ID_MAX + 1];

/* Notes of the current transaction. */
extern void change_session(const char *session_id);
extern void change_score(const ScoreNote *note);

/* The publisher's side: only one process may call these. */
extern void change_ring_attach_publisher(void);
extern int	change_ring_drain(SessionIdBuffer *ids, int max, bool *overflowed);

/* At library load, for this process and all that it forks. */
extern void change_ring_watch_transactions(void);

/* Shared memory. */
extern Size change_ring_shmem_size(void);
extern void change_ring_shmem_init(LWLock *lock);
extern bool change_ring_attached(void);

#endif /* HARTHIO_CHANGE_RING_H */
