/*-------------------------------------------------------------------------
 *
 * publisher.c
 *	  The background worker that tells the world what changed.
 *
 * It takes the changes of sessions from the change ring and NOTIFYs the state
 * after each on one channel, a batch in a transaction.  It is the only one to
 * notify, so states leave in one serial order.  Once a
 * second it writes down the scores that moved.
 *
 * Notifications that can be lost (its own start, a full ring) are made good
 * by one that tells every notifier to take snapshots.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "publisher.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "change_ring.h"
#include "statement.h"
#include "score.h"
#include "state.h"
#include "worker.h"

#define BATCH_MAX			   1000 /* sessions in one transaction */
#define GATHER_MS			   1	/* between two batches, under load */
#define CHECKPOINT_INTERVAL_MS 1000 /* between two writings of scores */

#define RESYNC_PAYLOAD	 "{\"resync\":true}"
#define MESSAGES_PAYLOAD "{\"messages\":true}"

void
publisher_register(void)
{
	worker_register("harthio publisher", "harthio_publisher_main");
}

/* Of two states in a batch that are alike, NOTIFY drops one. */
static void
notify_states(Change *changes, int count)
{
	StateReader	   reader;
	StringInfoData json;

	initStringInfo(&json);
	state_begin(&reader);
	for (int i = 0; i < count; i++)
	{
		resetStringInfo(&json);
		if (state_append_change(&reader, &changes[i], &json))
			Async_Notify(HARTHIO_CHANNEL, json.data);
	}
	state_end(&reader);
}

/*
 * Tell of one batch.  Returns whether there was anything to tell.
 */
static bool
publish(Change *changes, bool resync)
{
	bool messages;
	bool overflowed;
	int	 count = change_ring_drain(changes, BATCH_MAX, &messages, &overflowed);

	if (count == 0 && !messages && !overflowed && !resync)
		return false;

	worker_begin("publishing states");
	if (resync || overflowed)
		Async_Notify(HARTHIO_CHANNEL, RESYNC_PAYLOAD);
	if (messages)
		Async_Notify(HARTHIO_CHANNEL, MESSAGES_PAYLOAD);

	/* the extension may have been dropped since */
	if (count > 0 && OidIsValid(row_table_oid(TABLE_ASSIGNMENT)))
		notify_states(changes, count);
	worker_end();
	worker_rest();
	change_ring_published();

	return true;
}

static void
write_scores(void)
{
	worker_begin("writing scores");
	if (worker_has_extension())
	{
		score_ensure_loaded();
		score_checkpoint();
	}
	else
		score_forget();
	worker_end();
	worker_rest();
	score_checkpoint_committed();
}

/*
 * While there is something to tell nobody has to wake the publisher: it looks
 * again after a moment, in which the next batch gathers.  When there is not,
 * the next commit wakes it.
 */
static void
run(Change *changes)
{
	TimestampTz written_at = GetCurrentTimestamp();
	bool		resync = true;

	for (; !ShutdownRequestPending; resync = false)
	{
		long timeout = publish(changes, resync) ? GATHER_MS : -1;

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
		(void) worker_wait(timeout);
	}

	if (score_checkpoint_due())
		write_scores();
}

void
harthio_publisher_main(Datum arg)
{
	Change *changes;

	worker_connect(SignalHandlerForShutdownRequest);

	/* a NOTIFY gets a transaction id and would wait for the disk */
	worker_set("synchronous_commit", "off");

	/* lives as long as the worker */
	changes = MemoryContextAlloc(TopMemoryContext, BATCH_MAX * sizeof(Change));

	change_ring_attach_publisher();
	run(changes);

	proc_exit(1); /* not 0, which means: never start it again */
}
