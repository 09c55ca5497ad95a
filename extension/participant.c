/*-------------------------------------------------------------------------
 *
 * participant.c
 *	  Who is in a session: join, leave, and who may speak for it.
 *
 * A row says that a participant joined; left_at says that it left again.
 * Joining is the only thing that a full session refuses.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "participant.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "assignment.h"
#include "harthio.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_leave_session);

static Statement presence_statement = {
	.text = "SELECT left_at IS NULL FROM harthio.participant"
			" WHERE session_id = $1 AND participant_id = $2",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

/* An empty info is no news: whoever reloads need not repeat it. */
static Statement joined_statement = {
	.text = "SELECT left_at IS NULL AND ($3 = '{}' OR info = $3) FROM harthio.participant"
			" WHERE session_id = $1 AND participant_id = $2",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, JSONBOID},
};

static Statement join_statement = {
	.text = "INSERT INTO harthio.participant AS p (session_id, participant_id, info)"
			" VALUES ($1, $2, $3)"
			" ON CONFLICT (session_id, participant_id) DO UPDATE"
			"    SET joined_at = CASE WHEN p.left_at IS NULL THEN p.joined_at ELSE excluded.joined_at END,"
			"        left_at = NULL,"
			"        info = CASE WHEN excluded.info = '{}' THEN p.info ELSE excluded.info END",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, JSONBOID},
};

static Statement others_statement = {
	.text = "SELECT count(*)::integer FROM harthio.participant"
			" WHERE session_id = $1 AND participant_id <> $2 AND left_at IS NULL",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

static Statement present_statement = {
	.text = "SELECT count(*)::integer FROM harthio.participant"
			" WHERE session_id = $1 AND left_at IS NULL",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement leave_statement = {
	.text = "UPDATE harthio.participant SET left_at = clock_timestamp()"
			" WHERE session_id = $1 AND participant_id = $2 AND left_at IS NULL",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

static Statement leave_all_statement = {
	.text = "UPDATE harthio.participant SET left_at = clock_timestamp()"
			" WHERE session_id = $1 AND left_at IS NULL",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

Presence
participant_presence(const char *session_id, const char *participant_id)
{
	Datum args[] = {CStringGetTextDatum(session_id),
					CStringGetTextDatum(participant_id)};

	if (statement_run(&presence_statement, args, NULL) == 0)
		return PRESENCE_NEVER;
	return column_bool(0, 1) ? PRESENCE_PRESENT : PRESENCE_LEFT;
}

bool
participant_has_joined(const char *session_id, const char *participant_id, Datum info)
{
	Datum args[] = {CStringGetTextDatum(session_id),
					CStringGetTextDatum(participant_id), info};

	return statement_run(&joined_statement, args, NULL) > 0 && column_bool(0, 1);
}

void
participant_join(const char *session_id, const char *participant_id, Datum info)
{
	Datum args[] = {CStringGetTextDatum(session_id),
					CStringGetTextDatum(participant_id), info};

	if (harthio_max_participants > 0)
	{
		/* those whom this transaction's snapshot cannot see count too */
		statement_run_latest(&others_statement, args);
		if (column_int(0, 1) >= harthio_max_participants)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("session \"%s\" is full", session_id),
					 errdetail("Others are there: %d; harthio.max_participants is %d.",
							   column_int(0, 1), harthio_max_participants),
					 errhint("Try again when somebody has left.")));
	}

	statement_run(&join_statement, args, NULL);
}

/*
 * The session is locked against joining, but a snapshot older than the lock
 * may not see who joined before.
 */
void
participant_leave_all(const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	statement_run(&leave_all_statement, args, NULL);

	if (IsolationUsesXactSnapshot())
	{
		statement_run_latest(&present_statement, args);
		if (column_int(0, 1) > 0)
			harthio_serialization_failure();
	}
}

void
participant_refuse(const char *session_id, const char *participant_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("\"%s\" is not a participant of session \"%s\"",
					participant_id, session_id),
			 errdetail("Only those who joined a session can act in it."),
			 errhint("Join it with harthio_claim_provider.")));
}

void
participant_require(const char *session_id, const Identity *identity)
{
	if (!identity->trusted &&
		participant_presence(session_id, identity->participant_id) == PRESENCE_NEVER)
		participant_refuse(session_id, identity->participant_id);
}

/*
 * Returns whether the participant was there.
 */
Datum
harthio_leave_session(PG_FUNCTION_ARGS)
{
	char	  *session_id;
	Identity   identity;
	Assignment current;
	uint64	   left;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 1));

	SPI_connect();
	assignment_require(session_id, &current);
	if (participant_presence(session_id, identity.participant_id) == PRESENCE_NEVER)
		participant_refuse(session_id, identity.participant_id);
	{
		Datum args[] = {CStringGetTextDatum(session_id),
						CStringGetTextDatum(identity.participant_id)};

		left = statement_run(&leave_statement, args, NULL);
	}
	SPI_finish();

	PG_RETURN_BOOL(left > 0);
}
