/*-------------------------------------------------------------------------
 *
 * sweeper.c
 *	  The background worker that does what is due by time.
 *
 * Each sweep walks on for itself: as long as it has more to do it takes a
 * batch in every turn of the loop, and then it rests.  So a long walk holds up
 * no other.  An error is logged and costs what was in its transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sweeper.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "evacuation.h"
#include "harthio.h"
#include "lease.h"
#include "retention.h"
#include "score.h"
#include "statement.h"
#include "vacancy.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(harthio_sweep);

#define RECOUNT_SECONDS 600
#define LOCK_TIMEOUT	"1s"
#define AT_ONCE			0 /* a time long ago */

/* In the order in which one leads to the next. */
static const Sweep *const sweeps[] = {
	&lease_sweep,
	&vacancy_sweep,
	&retention_sweep,
	&evacuation_sweep,
};

/*
 * Not a sweep, but due by time as well: how many sessions are where is known
 * only since the server started.
 */
static void
recount(SweepBatch *batch)
{
	score_ensure_loaded();
	score_recount_sessions();
}

static int
recount_rest(void)
{
	return RECOUNT_SECONDS;
}

static const Sweep recounting = {
	.activity = "counting sessions",
	.find = recount,
	.rest = recount_rest,
};

/* Where the worker is with each of them. */
typedef struct Walk
{
	const Sweep *sweep;
	TimestampTz	 resume_at; /* when it has something to do again */
	SweepBatch	 batch;
} Walk;

static Walk walks[lengthof(sweeps) + 1];

/* How the others reach the worker; the lock protects both fields. */
typedef struct SweeperShared
{
	slock_t lock;
	Latch  *latch;				  /* its process latch, or NULL */
	bool	evacuation_requested; /* since it last looked */
} SweeperShared;

static SweeperShared *shared = NULL;

/* Has this transaction asked for an evacuation? */
static bool wake_at_commit = false;

void
sweep_fill(SweepBatch *batch, uint64 rows, int limit)
{
	batch->count = (int) rows;
	batch->more = rows == (uint64) limit;
	for (int i = 0; i < batch->count; i++)
	{
		strlcpy(batch->ids[i], column_string(i, 1), sizeof(SessionIdBuffer));
		strlcpy(batch->after, batch->ids[i], sizeof(SessionIdBuffer));
	}
}

Datum
sweep_cutoff(int seconds)
{
	return TimestampTzGetDatum(GetCurrentTimestamp() - seconds * USECS_PER_SEC);
}

/*
 * Take the next batch of a sweep, or its first one.
 */
static void
find_batch(const Sweep *sweep, SweepBatch *batch)
{
	batch->count = 0;
	batch->more = false;
	sweep->find(batch);
}

/*
 * All that is due, in the caller's transaction: for tests, and for who wants
 * it done now.  The columns of the result are in the order of the sweeps.
 */
Datum
harthio_sweep(PG_FUNCTION_ARGS)
{
	Datum		counts[lengthof(sweeps)];
	bool		nulls[lengthof(sweeps)] = {0};
	SweepBatch *batch = palloc0(sizeof(SweepBatch));
	TupleDesc	desc;
	Datum		result;

	harthio_require_ready();
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot sweep under REPEATABLE READ or SERIALIZABLE"),
				 errdetail("What is locked has to be looked at with a fresh snapshot."),
				 errhint("Use READ COMMITTED.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	SPI_connect();
	for (int i = 0; i < lengthof(sweeps); i++)
	{
		int done = 0;

		batch->after[0] = '\0';
		do
		{
			find_batch(sweeps[i], batch);
			for (int n = 0; n < batch->count; n++)
				done += sweeps[i]->apply(batch->ids[n]);
			CHECK_FOR_INTERRUPTS();
		} while (batch->more);
		if (sweeps[i]->finish)
			sweeps[i]->finish();
		counts[i] = Int32GetDatum(done);
	}
	result = PointerGetDatum(SPI_returntuple(heap_form_tuple(BlessTupleDesc(desc), counts, nulls), desc));
	SPI_finish();

	return result;
}

/* Part of a walk, as a transaction of the worker does it. */
typedef void (*Work)(Walk *walk, int n);

static void
do_find(Walk *walk, int n)
{
	find_batch(walk->sweep, &walk->batch);
}

static void
do_all(Walk *walk, int n)
{
	for (int i = 0; i < walk->batch.count; i++)
		(void) walk->sweep->apply(walk->batch.ids[i]);
}

static void
do_one(Walk *walk, int n)
{
	(void) walk->sweep->apply(walk->batch.ids[n]);
}

static void
do_finish(Walk *walk, int n)
{
	walk->sweep->finish();
}

/*
 * Without the extension, which may have been dropped, there is nothing to do.
 */
static void
do_in_transaction(Work work, Walk *walk, int n)
{
	worker_begin(walk->sweep->activity);
	if (worker_has_extension())
		work(walk, n);
	worker_end();
}

/*
 * Returns whether it went well; an error is logged.
 */
static bool
try_in_transaction(Work work, Walk *walk, int n)
{
	volatile bool done = false;

	PG_TRY();
	{
		do_in_transaction(work, walk, n);
		done = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(TopMemoryContext);
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	worker_rest();
	CHECK_FOR_INTERRUPTS();
	return done;
}

/*
 * One batch.  A batch that cannot be found ends the walk.
 */
static void
take_batch(Walk *walk)
{
	SweepBatch *batch = &walk->batch;

	if (!try_in_transaction(do_find, walk, 0))
		batch->count = batch->more = 0;
	if (batch->count > 0 && !try_in_transaction(do_all, walk, 0))
	{
		for (int n = 0; n < batch->count; n++)
			(void) try_in_transaction(do_one, walk, n);
	}
	if (batch->more)
		return;

	if (walk->sweep->finish)
		(void) try_in_transaction(do_finish, walk, 0);
	batch->after[0] = '\0';
	walk->resume_at = GetCurrentTimestamp() + walk->sweep->rest() * USECS_PER_SEC;
}

static void
begin_all_walks(void)
{
	for (int i = 0; i < lengthof(walks); i++)
		walks[i].resume_at = AT_ONCE;
}

/* An evacuation that has been asked for begins at once. */
static void
look_for_request(void)
{
	bool requested;

	SpinLockAcquire(&shared->lock);
	requested = shared->evacuation_requested;
	shared->evacuation_requested = false;
	SpinLockRelease(&shared->lock);

	for (int i = 0; requested && i < lengthof(walks); i++)
	{
		if (walks[i].sweep == &evacuation_sweep)
			walks[i].resume_at = AT_ONCE;
	}
}

/* Milliseconds until a walk resumes. */
static long
time_to_rest(void)
{
	TimestampTz next = walks[0].resume_at;

	for (int i = 1; i < lengthof(walks); i++)
		next = Min(next, walks[i].resume_at);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
}

static void
run(void)
{
	for (int i = 0; i < lengthof(sweeps); i++)
		walks[i].sweep = sweeps[i];
	walks[lengthof(sweeps)].sweep = &recounting;
	begin_all_walks();
	lease_start_grace();

	for (;;)
	{
		for (int i = 0; i < lengthof(walks); i++)
		{
			if (walks[i].resume_at <= GetCurrentTimestamp())
				take_batch(&walks[i]);
		}
		if (worker_wait(time_to_rest()))
			begin_all_walks(); /* with the new settings */
		look_for_request();
	}
}

static void
detach(int code, Datum arg)
{
	SpinLockAcquire(&shared->lock);
	shared->latch = NULL;
	SpinLockRelease(&shared->lock);
}

static void
attach(void)
{
	SpinLockAcquire(&shared->lock);
	shared->latch = MyLatch;
	SpinLockRelease(&shared->lock);
	before_shmem_exit(detach, (Datum) 0);
}

void
harthio_sweeper_main(Datum arg)
{
	worker_connect(die);

	/* see IsolationUsesXactSnapshot() in harthio_sweep() */
	worker_set("default_transaction_isolation", "read committed");

	/* who holds a row for long is passed over */
	worker_set("lock_timeout", LOCK_TIMEOUT);

	attach();
	run();
}

static void
xact_callback(XactEvent event, void *arg)
{
	Latch *latch;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;

	if (wake_at_commit && event == XACT_EVENT_COMMIT)
	{
		SpinLockAcquire(&shared->lock);
		shared->evacuation_requested = true;
		latch = shared->latch;
		SpinLockRelease(&shared->lock);
		if (latch != NULL)
			SetLatch(latch);
	}
	wake_at_commit = false;
}

void
sweeper_wake_at_commit(void)
{
	wake_at_commit = true;
}

Size
sweeper_shmem_size(void)
{
	return sizeof(SweeperShared);
}

void
sweeper_shmem_init(void)
{
	bool found;

	shared = ShmemInitStruct("harthio sweeper", sweeper_shmem_size(), &found);
	if (!found)
	{
		MemSet(shared, 0, sizeof(SweeperShared));
		SpinLockInit(&shared->lock);
	}
}

void
sweeper_register(void)
{
	RegisterXactCallback(xact_callback, NULL);
	worker_register("harthio sweeper", "harthio_sweeper_main");
}
