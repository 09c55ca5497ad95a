/*-------------------------------------------------------------------------
 *
 * vacancy.c
 *	  Sessions that somebody has left, which may be empty now.
 *
 * Who leaves writes the note and holds its row until its own leaving is
 * committed.  The sweeper skips a note that is held, and forgets one only in
 * the transaction in which it has looked: a leaving that it could not see
 * waits for that, and then writes the note anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "vacancy.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "assignment.h"
#include "harthio.h"
#include "participant.h"
#include "statement.h"

#define VACANCY_BATCH 100 /* sessions in one transaction */

/* Who an epoch is by that nobody asked for. */
#define SWEEPER_ID "harthio"

static Statement note_statement = {
	.text = "INSERT INTO harthio.vacancy (session_id, since) VALUES ($1, clock_timestamp())"
			" ON CONFLICT (session_id) DO UPDATE SET since = excluded.since",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement find_statement = {
	.text = "SELECT session_id FROM harthio.vacancy"
			" WHERE session_id > $1 AND since <= $2"
			" ORDER BY session_id LIMIT $3",
	.nargs = 3,
	.argtypes = {TEXTOID, TIMESTAMPTZOID, INT8OID},
};

static Statement hold_statement = {
	.text = "SELECT FROM harthio.vacancy WHERE session_id = $1 AND since <= $2 FOR UPDATE SKIP LOCKED",
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static Statement forget_statement = {
	.text = "DELETE FROM harthio.vacancy WHERE session_id = $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

void
vacancy_note(const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	statement_run(&note_statement, args, NULL);
}

static void
vacancy_find(SweepBatch *batch)
{
	Datum args[] = {CStringGetTextDatum(batch->after), sweep_cutoff(harthio_session_ttl),
					Int64GetDatum(VACANCY_BATCH)};

	if (harthio_session_ttl > 0)
		sweep_fill(batch, statement_run(&find_statement, args, NULL), VACANCY_BATCH);
}

/* Returns how many sessions were ended. */
static int
vacancy_apply(const char *session_id)
{
	Datum	   args[] = {CStringGetTextDatum(session_id), sweep_cutoff(harthio_session_ttl)};
	Assignment current;
	bool	   ends;

	if (statement_run(&hold_statement, args, NULL) == 0)
		return 0;
	if (!assignment_try_lock(session_id))
		return 0;

	assignment_require(session_id, &current);
	ends = current.provider != NULL && participant_members(session_id) == 0;
	if (ends)
		assignment_end(&current, "expired", SWEEPER_ID);
	statement_run(&forget_statement, args, NULL);
	return ends ? 1 : 0;
}

static int
vacancy_rest(void)
{
	return harthio_sweep_interval;
}

const Sweep vacancy_sweep = {
	.activity = "ending empty sessions",
	.find = vacancy_find,
	.apply = vacancy_apply,
	.rest = vacancy_rest,
};
