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
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "assignment.h"
#include "harthio.h"
#include "row.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_leave_session);

/* For who was here before; an empty info is no news. */
static Statement rejoin_statement = {
	.text = "UPDATE harthio.participant SET"
			"       joined_at = CASE WHEN left_at IS NULL THEN joined_at ELSE clock_timestamp() END,"
			"       left_at = NULL,"
			"       info = CASE WHEN $3 = '{}' THEN info ELSE $3 END"
			" WHERE session_id = $1 AND participant_id = $2",
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

static HeapTuple
find(Relation table, const char *session_id, const char *participant_id)
{
	const char *key[] = {session_id, participant_id};

	return row_find_last(table, 2, key, false);
}

static bool
is_present(HeapTuple tuple, Relation table)
{
	bool isnull;

	row_value(tuple, PARTICIPANT_LEFT_AT, table, &isnull);
	return isnull;
}

Presence
participant_presence(const char *session_id, const char *participant_id)
{
	Relation  table = row_open("participant", AccessShareLock);
	HeapTuple tuple = find(table, session_id, participant_id);
	Presence  presence = PRESENCE_NEVER;

	if (tuple != NULL)
		presence = is_present(tuple, table) ? PRESENCE_PRESENT : PRESENCE_LEFT;
	row_close(table);
	return presence;
}

int
participant_members(const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	statement_run(&present_statement, args, NULL);
	return column_int(0, 1);
}

/* Would joining with this info change the one that is stored? */
static bool
is_news(HeapTuple tuple, Relation table, Jsonb *info)
{
	bool   isnull;
	Jsonb *stored;

	if (JB_ROOT_COUNT(info) == 0)
		return false;
	stored = DatumGetJsonbP(row_value(tuple, PARTICIPANT_INFO, table, &isnull));
	return compareJsonbContainers(&stored->root, &info->root) != 0;
}

bool
participant_has_joined(const char *session_id, const char *participant_id, Datum info)
{
	Relation  table = row_open("participant", AccessShareLock);
	HeapTuple tuple = find(table, session_id, participant_id);
	bool	  joined = tuple != NULL && is_present(tuple, table) &&
				  !is_news(tuple, table, DatumGetJsonbP(info));

	row_close(table);
	return joined;
}

static bool
insert_participant(const char *session_id, const char *participant_id, Datum info, bool is_new)
{
	Relation table = row_open("participant", RowExclusiveLock);
	Datum	 values[PARTICIPANT_LEFT_AT] = {0};
	bool	 nulls[PARTICIPANT_LEFT_AT] = {0};
	bool	 inserted;

	values[PARTICIPANT_SESSION_ID - 1] = CStringGetTextDatum(session_id);
	values[PARTICIPANT_ID - 1] = CStringGetTextDatum(participant_id);
	values[PARTICIPANT_INFO - 1] = info;
	values[PARTICIPANT_JOINED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[PARTICIPANT_LEFT_AT - 1] = true;

	inserted = (is_new ? row_insert_alone : row_insert)(table, values, nulls, lengthof(values));
	row_close(table);
	return inserted;
}

void
participant_join(const char *session_id, const char *participant_id, Datum info, bool is_new)
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

	if (!insert_participant(session_id, participant_id, info, is_new) &&
		statement_run(&rejoin_statement, args, NULL) == 0)
		harthio_serialization_failure();
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
