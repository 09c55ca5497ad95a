/*-------------------------------------------------------------------------
 *
 * publisher.c
 *	  The background worker that tells the world what changed.
 *
 * It takes session ids from the change ring, reads the committed state of
 * each, and NOTIFYs the states on one channel, a batch in a transaction.  It
 * is the only one to notify, so states leave in one serial order.  Once a
 * second it writes down the scores that moved.
 *
 * Notifications that can be lost (its own start, a full ring) are made good
 * by one that tells every notifier to take snapshots.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "publisher.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "change_ring.h"
#include "statement.h"
#include "score.h"
#include "state.h"

#define BATCH_MAX			   1000 /* sessions in one transaction */
#define GATHER_MS			   1	/* between two batches, under load */
#define CHECKPOINT_INTERVAL_MS 1000 /* between two writings of scores */
#define RESTART_SECONDS		   1	/* after it has died */

#define RESYNC_PAYLOAD	 "{\"resync\":true}"
#define MESSAGES_PAYLOAD "{\"messages\":true}"

void
publisher_register(void)
{
	BackgroundWorker worker = {
		.bgw_name = "harthio publisher",
		.bgw_type = "harthio publisher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = RESTART_SECONDS,
		.bgw_library_name = "harthio",
		.bgw_function_name = "harthio_publisher_main",
	};

	/* pg_upgrade's server has nobody to tell */
	if (!IsBinaryUpgrade)
		RegisterBackgroundWorker(&worker);
}

static void
begin_work(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

static void
end_work(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static ArrayType *
text_array(SessionIdBuffer *ids, int count)
{
	Datum *elements = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(ids[i]);
	return construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * Of a session that is in the batch twice the second state is the same as the
 * first, and NOTIFY drops such a double.
 */
static void
notify_states(SessionIdBuffer *ids, int count)
{
	uint64		   version;
	uint64		   rows = state_read(PointerGetDatum(text_array(ids, count)), &version);
	StringInfoData json;

	initStringInfo(&json);
	for (uint64 row = 0; row < rows; row++)
	{
		resetStringInfo(&json);
		state_append(&json, row, version);
		Async_Notify(HARTHIO_CHANNEL, json.data);
	}
}

/*
 * Tell of one batch.  Returns whether there was anything to tell.
 */
static bool
publish(SessionIdBuffer *ids, bool resync)
{
	bool messages;
	bool overflowed;
	int	 count = change_ring_drain(ids, BATCH_MAX, &messages, &overflowed);

	if (count == 0 && !messages && !overflowed && !resync)
		return false;

	begin_work("publishing states");
	if (resync || overflowed)
		Async_Notify(HARTHIO_CHANNEL, RESYNC_PAYLOAD);
	if (messages)
		Async_Notify(HARTHIO_CHANNEL, MESSAGES_PAYLOAD);

	/* the extension may have been dropped since */
	if (count > 0 && OidIsValid(get_extension_oid("harthio", true)))
		notify_states(ids, count);
	end_work();
	change_ring_published();

	return true;
}

static void
write_scores(void)
{
	begin_work("writing scores");
	if (OidIsValid(get_extension_oid("harthio", true)))
	{
		score_ensure_loaded();
		score_checkpoint();
	}
	else
		score_forget();
	end_work();
	score_checkpoint_committed();
}

/*
 * Sleep until there is something to do, for at most timeout milliseconds if
 * that is not negative.
 */
static void
wait_for_work(long timeout)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	if (timeout >= 0)
		events |= WL_TIMEOUT;
	(void) WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();

	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * While there is something to tell nobody has to wake the publisher: it looks
 * again after a moment, in which the next batch gathers.  When there is not,
 * the next commit wakes it.
 */
static void
run(SessionIdBuffer *ids)
{
	TimestampTz written_at = GetCurrentTimestamp();
	bool		resync = true;

	for (; !ShutdownRequestPending; resync = false)
	{
		long timeout = publish(ids, resync) ? GATHER_MS : -1;

		if (score_checkpoint_due())
		{
			long left = CHECKPOINT_INTERVAL_MS -
						TimestampDifferenceMilliseconds(written_at, GetCurrentTimestamp());

			if (left <= 0)
			{
				write_scores();
				written_at = GetCurrentTimestamp();
				continue;
			}
			if (timeout < 0)
				timeout = left;
		}
		wait_for_work(timeout);
	}

	if (score_checkpoint_due())
		write_scores();
}

void
harthio_publisher_main(Datum arg)
{
	SessionIdBuffer *ids;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(harthio_database, NULL, 0);

	/* names are not looked up where users can put objects */
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);

	/* a NOTIFY gets a transaction id and would wait for the disk */
	SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);

	/* lives as long as the worker */
	ids = MemoryContextAlloc(TopMemoryContext, BATCH_MAX * sizeof(SessionIdBuffer));

	change_ring_attach_publisher();
	run(ids);

	proc_exit(1); /* not 0, which means: never start it again */
}
