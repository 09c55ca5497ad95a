/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  Forgetting what is old.
 *
 * The walk reads the newest epoch of every session, old or not, in the order
 * of the primary key: claims pay for no index that only this would use.  So
 * that walking costs next to nothing, it is done a hundred times in the time
 * for which sessions are kept, and not in every round.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "retention.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "assignment.h"
#include "harthio.h"
#include "statement.h"

#define WALKS_PER_RETENTION 100

/* Read in this order, so the last row says how far the walk has come. */
static Statement find_statement = {
	.text = "SELECT s.session_id, newest.provider IS NULL AND newest.assigned_at <= $2"
			"  FROM (SELECT session_id FROM harthio.assignment"
			"         WHERE session_id > $1 AND epoch = 1 ORDER BY session_id LIMIT $3) s"
			" CROSS JOIN LATERAL (SELECT a.provider, a.assigned_at FROM harthio.assignment a"
			"                      WHERE a.session_id = s.session_id ORDER BY a.epoch DESC LIMIT 1) newest"
			" ORDER BY s.session_id",
	.nargs = 3,
	.argtypes = {TEXTOID, TIMESTAMPTZOID, INT8OID},
};

static Statement old_outcomes_statement = {
	.text = "DELETE FROM harthio.outcome"
			" WHERE session_id > $1 AND session_id <= $2 AND reported_at <= $3",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, TIMESTAMPTZOID},
};

/* All tables that are keyed by a session but those with an owner of their own. */
static Statement forget_statements[] = {
	{.text = "DELETE FROM harthio.outcome WHERE session_id = $1", .nargs = 1, .argtypes = {TEXTOID}},
	{.text = "DELETE FROM harthio.participant WHERE session_id = $1", .nargs = 1, .argtypes = {TEXTOID}},
	{.text = "DELETE FROM harthio.session_quality WHERE session_id = $1", .nargs = 1, .argtypes = {TEXTOID}},
	{.text = "DELETE FROM harthio.vacancy WHERE session_id = $1", .nargs = 1, .argtypes = {TEXTOID}},
};

/* Keep those of the batch, which is all sessions that come next, that are due. */
static void
keep_due(SweepBatch *batch)
{
	int due = 0;

	for (int i = 0; i < batch->count; i++)
	{
		bool isnull;

		if (DatumGetBool(column_datum(i, 2, &isnull)))
			memmove(batch->ids[due++], batch->ids[i], sizeof(SessionIdBuffer));
	}
	batch->count = due;
}

static void
retention_find(SweepBatch *batch)
{
	Datum cutoff = sweep_cutoff(harthio_retention);
	Datum from = CStringGetTextDatum(batch->after);
	Datum find_args[] = {from, cutoff, Int64GetDatum(SWEEP_BATCH_MAX)};

	if (harthio_retention == 0)
		return;

	sweep_fill(batch, statement_run(&find_statement, find_args, NULL), SWEEP_BATCH_MAX);
	keep_due(batch);
	{
		Datum outcome_args[] = {from, CStringGetTextDatum(batch->after), cutoff};

		statement_run(&old_outcomes_statement, outcome_args, NULL);
	}
}

/* Returns how many sessions were removed. */
static int
retention_apply(const char *session_id)
{
	Datum	   args[] = {CStringGetTextDatum(session_id)};
	Assignment current;

	if (!assignment_try_lock(session_id))
		return 0;
	assignment_require(session_id, &current);
	if (current.provider != NULL ||
		current.assigned_at > DatumGetTimestampTz(sweep_cutoff(harthio_retention)))
		return 0;

	for (int i = 0; i < lengthof(forget_statements); i++)
		statement_run(&forget_statements[i], args, NULL);
	assignment_forget(session_id);
	return 1;
}

static int
retention_rest(void)
{
	return Max(harthio_sweep_interval, harthio_retention / WALKS_PER_RETENTION);
}

const Sweep retention_sweep = {
	.activity = "removing old sessions",
	.find = retention_find,
	.apply = retention_apply,
	.rest = retention_rest,
};
