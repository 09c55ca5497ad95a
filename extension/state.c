/*-------------------------------------------------------------------------
 *
 * state.c
 *	  The whole current truth of one session, as one small JSON object.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "state.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "assignment.h"
#include "harthio.h"
#include "identity.h"
#include "ladder.h"
#include "participant.h"
#include "quality_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_snapshot);
PG_FUNCTION_INFO_V1(harthio_session);

/* The newest assignment of each, and the provider of the epoch before it. */
static Statement state_statement = {
	.text = "SELECT a.session_id, a.epoch, a.provider, a.room, a.reason, a.claimed_by, a.assigned_at,"
			"       CASE WHEN a.epoch > 1 THEN"
			"         (SELECT b.provider FROM harthio.assignment b"
			"           WHERE b.session_id = a.session_id AND b.epoch = a.epoch - 1) END"
			"  FROM unnest($1) AS wanted(session_id)"
			" CROSS JOIN LATERAL (SELECT * FROM harthio.assignment x"
			"                      WHERE x.session_id = wanted.session_id"
			"                      ORDER BY x.epoch DESC LIMIT 1) a",
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
};

/* Each once, with the info of the device that came last. */
static Statement participants_statement = {
	.text = "SELECT participant_id, min(joined_at),"
			"       (array_agg(info ORDER BY joined_at DESC, device))[1]::text,"
			"       CASE WHEN bool_or(device <> '') THEN"
			"         json_agg(json_build_object('device', device, 'incarnation', incarnation) ORDER BY joined_at, device)::text END"
			"  FROM harthio.participant"
			" WHERE session_id = $1 AND left_at IS NULL"
			" GROUP BY participant_id"
			" ORDER BY min(joined_at), participant_id",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/*
 * The WAL position before the snapshot is a lower bound of what the snapshot
 * shows: of two states of one epoch the one with the higher version was read
 * later, or nothing happened in between.
 */
uint64
state_read(Datum session_ids, uint64 *version)
{
	*version = RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : GetXLogInsertRecPtr();
	return statement_run_latest(&state_statement, &session_ids);
}

Datum
state_session_id(uint64 row)
{
	bool isnull;

	return column_datum(row, 1, &isnull);
}

static void
append_string(StringInfo json, const char *key, const char *value)
{
	appendStringInfo(json, ",\"%s\":", key);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

static int64
unix_milliseconds(TimestampTz time)
{
	return time / 1000 +
		   (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000;
}

/* Write the object without its closing brace, so that more can follow. */
static void
append_members(StringInfo json, uint64 row, uint64 version)
{
	char *provider = column_string(row, 3);
	char *room = column_string(row, 4);
	char *previous = column_string(row, 8);

	appendStringInfoString(json, "{\"sessionId\":");
	escape_json(json, column_string(row, 1));
	appendStringInfo(json, ",\"generation\":%d,\"epoch\":%d,\"version\":" UINT64_FORMAT,
					 harthio_generation(), column_int(row, 2), version);
	append_string(json, "provider", provider);
	append_string(json, "room", room);
	append_string(json, "roomId", room);
	append_string(json, "reason", column_string(row, 5));
	append_string(json, "initiatedBy", column_string(row, 6));
	appendStringInfo(json, ",\"timestamp\":" INT64_FORMAT,
					 unix_milliseconds(column_timestamp(row, 7)));
	if (provider != NULL)
		appendStringInfo(json, ",\"rung\":%d",
						 rung_cap(quality_store_rung(column_string(row, 1)))->height);
	if (provider != NULL && previous != NULL)
	{
		append_string(json, "failedProvider", previous);
		append_string(json, "newProvider", provider);
	}
}

void
state_append(StringInfo json, uint64 row, uint64 version)
{
	append_members(json, row, version);
	appendStringInfoChar(json, '}');
}

/*
 * One row for each session that exists.  For notifiers.
 */
Datum
harthio_snapshot(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StringInfoData json;
	uint64		   version;
	uint64		   rows;

	harthio_require_ready();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("session_ids must not be null")));
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	initStringInfo(&json);
	rows = state_read(PG_GETARG_DATUM(0), &version);
	for (uint64 row = 0; row < rows; row++)
	{
		Datum values[2];
		bool  nulls[2] = {0};

		resetStringInfo(&json);
		state_append(&json, row, version);
		values[0] = state_session_id(row);
		values[1] = CStringGetTextDatum(json.data);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();

	return (Datum) 0;
}

static void
append_participants(StringInfo json, const char *session_id)
{
	Datum  args[] = {CStringGetTextDatum(session_id)};
	uint64 rows = statement_run_latest(&participants_statement, args);

	appendStringInfoString(json, ",\"participants\":[");
	for (uint64 row = 0; row < rows; row++)
	{
		char *devices = column_string(row, 4);

		appendStringInfoString(json, row > 0 ? ",{\"participantId\":" : "{\"participantId\":");
		escape_json(json, column_string(row, 1));
		appendStringInfo(json, ",\"joinedAt\":" INT64_FORMAT ",\"info\":%s",
						 unix_milliseconds(column_timestamp(row, 2)), column_string(row, 3));
		if (devices != NULL)
			appendStringInfo(json, ",\"devices\":%s", devices);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoString(json, "]}");
}

/*
 * The session's state and its participants, for one of them.
 */
Datum
harthio_session(PG_FUNCTION_ARGS)
{
	char		  *session_id;
	Identity	   identity;
	Assignment	   current;
	Datum		   element;
	StringInfoData json;
	uint64		   version;
	text		  *answer;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(NULL);

	SPI_connect();
	assignment_require(session_id, &current);
	participant_require(session_id, &identity);

	initStringInfo(&json);
	element = CStringGetTextDatum(session_id);
	state_read(PointerGetDatum(construct_array(&element, 1, TEXTOID, -1, false, TYPALIGN_INT)),
			   &version);
	append_members(&json, 0, version);
	append_participants(&json, session_id);

	answer = SPI_palloc(json.len + VARHDRSZ);
	SET_VARSIZE(answer, json.len + VARHDRSZ);
	memcpy(VARDATA(answer), json.data, json.len);
	SPI_finish();

	PG_RETURN_TEXT_P(answer);
}
