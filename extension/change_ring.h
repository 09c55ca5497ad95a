/*-------------------------------------------------------------------------
 *
 * change_ring.h
 *	  From a transaction that changed something to those who must know.
 *
 * A transaction notes what it changed; at commit the notes take effect:
 * changes of sessions go into a ring in shared memory for the publisher, what
 * was learnt of providers moves their scores.  Rolled back, they are forgotten, savepoints included.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_CHANGE_RING_H
#define HARTHIO_CHANGE_RING_H

#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "change.h"
#include "score.h"

/* Notes of the current transaction. */
extern void change_session(const char *session_id);
extern void change_made_epoch(const Epoch *epoch);
extern void change_message(void); /* it inserted into realtime.messages */
extern void change_score(const ScoreNote *note);

/* The publisher's side: only one process may call these. */
extern void change_ring_attach_publisher(void);
extern int	change_ring_drain(Change *changes, int max, bool *messages, bool *overflowed);
extern void change_ring_published(void); /* what was drained last has been notified */

/* What has happened since the server started. */
typedef struct RingActivity
{
	int			size;
	int			depth;			   /* changes waiting */
	uint64		changes;		   /* that came in */
	uint64		overflows;		   /* times that it was full */
	int			publisher_pid;	   /* 0: none */
	TimestampTz waiting_since;	   /* the oldest change, notified or not; DT_NOBEGIN: none */
	uint64		batches;		   /* notified */
	int			last_batch;		   /* changes in it */
	int			largest_batch;	   /* likewise */
	int64		last_lag_us;	   /* from the first commit to the last one's notification */
	TimestampTz last_published_at; /* or DT_NOBEGIN */
} RingActivity;

extern void change_ring_activity(RingActivity *activity);

/* At library load, for this process and all that it forks. */
extern void change_ring_watch_transactions(void);

/* Shared memory. */
extern Size change_ring_shmem_size(void);
extern void change_ring_shmem_init(LWLock *lock);
extern bool change_ring_attached(void);

#endif /* HARTHIO_CHANGE_RING_H */
