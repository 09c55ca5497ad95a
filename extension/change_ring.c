/*-------------------------------------------------------------------------
 *
 * change_ring.c
 *	  From a transaction that changed something to those who must know.
 *
 * Claims do not NOTIFY themselves: NOTIFY takes a lock that is one for the
 * whole cluster and holds it through the commit's flush.  Instead a committed
 * transaction leaves its changes in a ring in shared memory, and the publisher
 * takes them from there.  Two transactions may reach the ring in another order
 * than they committed in: states are told with their order in them, and where
 * the ring has no contents the publisher reads what is committed.
 *
 * The commit callback runs after the commit is durable and must not fail.
 * What it needs is allocated before, and a full ring sets a flag upon which
 * the publisher tells everybody to take snapshots.
 *
 * Of database broadcasts the ring carries only that there are new ones: who
 * reads them knows by the transaction in each row which ones he has had.
 *
 * The ring's lock protects all of ChangeRing but its size.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "change_ring.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

typedef struct ChangeRing
{
	LWLock	   *lock;							/* in the main tranche array, never changes */
	int			size;							/* entries in changes, never changes */
	Latch	   *publisher;						/* its process latch (shared memory), or NULL */
	bool		publisher_awake;				/* it will look again before it sleeps */
	bool		overflowed;						/* changes were left out since the last drain */
	bool		messages;						/* realtime.messages has new rows since then */
	int			publisher_pid;					/* 0: none */
	uint64		overflows;						/* times that it was full */
	uint64		batches;						/* notified */
	int			last_batch;						/* changes in it */
	int			largest_batch;					/* likewise */
	TimestampTz draining_since;					/* oldest of the batch under way, or DT_NOBEGIN */
	TimestampTz waiting_since;					/* oldest of those still here, or DT_NOBEGIN */
	TimestampTz published_at;					/* end of the last batch, or DT_NOBEGIN */
	int64		last_lag_us;					/* of the last batch */
	uint64		head;							/* next to be taken */
	uint64		tail;							/* next to be filled; tail - head <= size */
	Change		changes[FLEXIBLE_ARRAY_MEMBER]; /* entry n is at n % size */
} ChangeRing;

/* A session that the current transaction changed. */
typedef struct PendingSession
{
	SubTransactionId subid; /* who noted it */
	Change			 change;
} PendingSession;

/* What the current transaction learnt of a provider. */
typedef struct PendingScore
{
	SubTransactionId subid; /* who noted it */
	ScoreNote		 note;
} PendingScore;

/*
 * The notes, in the order in which they were made.  They live in
 * TopTransactionContext; commit and abort only forget them.
 */
static struct
{
	PendingSession *sessions;
	int				nsessions;
	int				session_room; /* allocated */
	bool			all_sessions; /* more than fit into the ring: tell everybody */
	bool			messages;	  /* rows in realtime.messages, or rolled back ones */
	PendingScore   *scores;
	int				nscores;
	int				score_room; /* allocated */
} pending;

static ChangeRing *ring = NULL;

Size
change_ring_shmem_size(void)
{
	return add_size(offsetof(ChangeRing, changes),
					mul_size(harthio_ring_size, sizeof(Change)));
}

void
change_ring_shmem_init(LWLock *lock)
{
	bool found;

	ring = ShmemInitStruct("harthio change ring", change_ring_shmem_size(), &found);
	if (!found)
	{
		MemSet(ring, 0, offsetof(ChangeRing, changes));
		ring->lock = lock;
		ring->size = harthio_ring_size;
		ring->draining_since = DT_NOBEGIN;
		ring->waiting_since = DT_NOBEGIN;
		ring->published_at = DT_NOBEGIN;
	}
}

bool
change_ring_attached(void)
{
	return ring != NULL;
}

/*
 * Make room for one more note in an array of the current transaction.
 */
static void *
grow(void *array, int *room, int used, Size element)
{
	int wanted = Max(8, *room * 2);

	if (used < *room)
		return array;

	if (array == NULL)
		array = MemoryContextAllocHuge(TopTransactionContext, wanted * element);
	else
		array = repalloc_huge(array, wanted * element);
	*room = wanted;
	return array;
}

/* One more note of a session, or NULL: everybody is to be told of all. */
static Change *
note_session(void)
{
	PendingSession *note;

	/* a transaction that overflows the ring by itself need not list more */
	if (pending.nsessions >= ring->size)
	{
		pending.all_sessions = true;
		return NULL;
	}

	pending.sessions = grow(pending.sessions, &pending.session_room,
							pending.nsessions, sizeof(PendingSession));
	note = &pending.sessions[pending.nsessions++];
	note->subid = GetCurrentSubTransactionId();
	return &note->change;
}

void
change_session(const char *session_id)
{
	Change *change = note_session();

	if (change != NULL)
		change_pack_session(change, session_id);
}

void
change_made_epoch(const Epoch *epoch)
{
	Change *change = note_session();

	if (change != NULL)
		change_pack_epoch(change, epoch);
}

/*
 * A savepoint that is rolled back takes its rows with it and not this note:
 * then somebody looks for rows and finds none.
 */
void
change_message(void)
{
	pending.messages = true;
}

void
change_score(const ScoreNote *note)
{
	PendingScore *score;

	pending.scores = grow(pending.scores, &pending.score_room,
						  pending.nscores, sizeof(PendingScore));
	score = &pending.scores[pending.nscores++];
	score->subid = GetCurrentSubTransactionId();
	score->note = *note;
}

/* Returns whether there is a first score to write down. */
static bool
apply_scores(void)
{
	bool first = false;

	for (int i = 0; i < pending.nscores; i++)
	{
		if (score_apply(&pending.scores[i].note))
			first = true;
	}
	return first;
}

static void
ring_overflow(void)
{
	ring->overflowed = true;
	ring->overflows++;
}

static void
ring_push_pending(void)
{
	if (TIMESTAMP_IS_NOBEGIN(ring->waiting_since))
		ring->waiting_since = GetCurrentTransactionStopTimestamp();

	for (int i = 0; i < pending.nsessions; i++)
	{
		if (ring->tail - ring->head >= (uint64) ring->size)
		{
			ring_overflow();
			break;
		}
		ring->changes[ring->tail++ % ring->size] = pending.sessions[i].change;
	}
	if (pending.all_sessions)
		ring_overflow();
	if (pending.messages)
		ring->messages = true;
}

static void
take_effect(void)
{
	bool   wake = apply_scores();
	Latch *publisher;

	if (pending.nsessions == 0 && !pending.all_sessions && !pending.messages && !wake)
		return;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring_push_pending();
	publisher = ring->publisher_awake ? NULL : ring->publisher;
	LWLockRelease(ring->lock);

	if (publisher != NULL)
		SetLatch(publisher);
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			take_effect();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (pending.nsessions > 0 || pending.all_sessions || pending.nscores > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has changed a harthio session"),
						 errdetail("What it changed is made known by the backend that commits it."),
						 errhint("End the transaction with COMMIT.")));
			if (pending.messages)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has sent a realtime message"),
						 errdetail("What it sent is made known by the backend that commits it."),
						 errhint("End the transaction with COMMIT.")));
			return;
		case XACT_EVENT_ABORT:
			break;
		default:
			return;
	}

	/* the arrays themselves go with TopTransactionContext */
	MemSet(&pending, 0, sizeof(pending));
}

/*
 * Notes of a subtransaction are the last ones made when it ends, since those
 * of its own children have passed to it or are gone.
 */
static void
subxact_callback(SubXactEvent event, SubTransactionId mine,
				 SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = pending.nsessions; i > 0 && pending.sessions[i - 1].subid == mine; i--)
			pending.sessions[i - 1].subid = parent;
		for (int i = pending.nscores; i > 0 && pending.scores[i - 1].subid == mine; i--)
			pending.scores[i - 1].subid = parent;
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (pending.nsessions > 0 && pending.sessions[pending.nsessions - 1].subid == mine)
			pending.nsessions--;
		while (pending.nscores > 0 && pending.scores[pending.nscores - 1].subid == mine)
			pending.nscores--;
	}
}

void
change_ring_watch_transactions(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}

static void
detach_publisher(int code, Datum arg)
{
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->publisher = NULL;
	ring->publisher_pid = 0;
	LWLockRelease(ring->lock);
}

void
change_ring_attach_publisher(void)
{
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->publisher = MyLatch;
	ring->publisher_pid = MyProcPid;
	ring->publisher_awake = true;
	LWLockRelease(ring->lock);
	before_shmem_exit(detach_publisher, (Datum) 0);
}

/*
 * Take up to max changes out of the ring and say whether some were left out of it,
 * and whether messages were sent, since the last call.  After a call that finds
 * nothing, and only then, what comes into the ring sets the publisher's latch.
 */
int
change_ring_drain(Change *changes, int max, bool *messages, bool *overflowed)
{
	int count = 0;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	while (count < max && ring->head < ring->tail)
		changes[count++] = ring->changes[ring->head++ % ring->size];
	*overflowed = ring->overflowed;
	ring->overflowed = false;
	*messages = ring->messages;
	ring->messages = false;
	ring->publisher_awake = count > 0 || *overflowed || *messages;
	ring->last_batch = count;
	ring->draining_since = ring->waiting_since;
	if (ring->head == ring->tail)
		ring->waiting_since = DT_NOBEGIN;
	LWLockRelease(ring->lock);

	return count;
}

void
change_ring_published(void)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->batches++;
	ring->largest_batch = Max(ring->largest_batch, ring->last_batch);
	ring->published_at = now;
	ring->last_lag_us = TIMESTAMP_IS_NOBEGIN(ring->draining_since) ? 0 : now - ring->draining_since;
	ring->draining_since = DT_NOBEGIN;
	LWLockRelease(ring->lock);
}

void
change_ring_activity(RingActivity *activity)
{
	LWLockAcquire(ring->lock, LW_SHARED);
	*activity = (RingActivity){
		.size = ring->size,
		.depth = (int) (ring->tail - ring->head),
		.changes = ring->tail,
		.overflows = ring->overflows,
		.publisher_pid = ring->publisher_pid,
		.waiting_since = TIMESTAMP_IS_NOBEGIN(ring->draining_since) ? ring->waiting_since : ring->draining_since,
		.batches = ring->batches,
		.last_batch = ring->last_batch,
		.largest_batch = ring->largest_batch,
		.last_lag_us = ring->last_lag_us,
		.last_published_at = ring->published_at,
	};
	LWLockRelease(ring->lock);
}
