/*-------------------------------------------------------------------------
 *
 * sweeper.h
 *	  The background worker that does what is due by time.
 *
 * Participants whose leases have run out leave (lease.h), sessions that
 * everybody has left end (vacancy.h), old ones are removed (retention.h), and
 * providers are evacuated (evacuation.h).  Each of these is a Sweep: a walk
 * through sessions in the order of their ids.
 *
 * The sweeper takes a batch in one transaction, and if that fails the
 * sessions of the batch one by one, so that one that cannot be done delays no
 * other.  harthio.sweep() does all of it in the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SWEEPER_H
#define HARTHIO_SWEEPER_H

#include "change_ring.h"

#define SWEEP_BATCH_MAX 300

/* Some of the sessions that have something due. */
typedef struct SweepBatch
{
	SessionIdBuffer after; /* the walk has come to here; "" at its start */
	bool			more;  /* there may be sessions after this one */
	int				count;
	SessionIdBuffer ids[SWEEP_BATCH_MAX];
} SweepBatch;

/* The functions are called in a READ COMMITTED transaction with SPI. */
typedef struct Sweep
{
	const char *activity; /* as pg_stat_activity shows it */

	/* Find the sessions of the next batch, without locking them. */
	void (*find)(SweepBatch *batch);

	/*
	 * Do what is due for a session, if it still is and nobody is joining the
	 * session right now.  Returns how many participants or sessions it did.
	 */
	int (*apply)(const char *session_id);

	/* At the end of a walk, or NULL. */
	void (*finish)(void);

	/* Seconds until the next walk. */
	int (*rest)(void);
} Sweep;

/*
 * Make the rows of the last SELECT, which begin with a session's id, the
 * batch; with `limit` of them there may be more.
 */
extern void sweep_fill(SweepBatch *batch, uint64 rows, int limit);

/* The time of so many seconds ago, as a timestamptz datum. */
extern Datum sweep_cutoff(int seconds);

/* Have the sweeper evacuate as soon as this transaction has committed. */
extern void sweeper_wake_at_commit(void);

/* At library load. */
extern void				sweeper_register(void);
extern Size				sweeper_shmem_size(void);
extern void				sweeper_shmem_init(void);
extern PGDLLEXPORT void harthio_sweeper_main(Datum arg);

#endif /* HARTHIO_SWEEPER_H */
