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
void
state_begin(StateReader *reader)
{
	reader->version = RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : GetXLogInsertRecPtr();
	reader->reading = false;
}

void
state_end(StateReader *reader)
{
	if (reader->reading)
		row_scan_end(&reader->epochs);
}

static void
append_string(StringInfo json, const char *key, const char *value)
{
	appendStringInfoString(json, key);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

/* Most of what the publisher does; appendStringInfo() would double it. */
static void
append_integer(StringInfo json, const char *key, int64 value)
{
	char digits[MAXINT8LEN + 1];

	appendStringInfoString(json, key);
	appendBinaryStringInfo(json, digits, pg_lltoa(value, digits));
}

static int64
unix_milliseconds(TimestampTz time)
{
	return time / 1000 + UNIX_EPOCH_SECONDS * 1000;
}

static const char *
previous_provider(StateReader *reader)
{
	TupleTableSlot *row = row_scan_previous(&reader->epochs);

	return row ? row_text(row, ASSIGNMENT_PROVIDER) : NULL;
}

/* The newest epoch of a session; false if there is none. */
static bool
read_epoch(StateReader *reader, const char *session_id, Epoch *epoch)
{
	Datum			key[] = {CStringGetTextDatum(session_id)};
	TupleTableSlot *row;

	if (!reader->reading)
		row_scan_open(&reader->epochs, TABLE_ASSIGNMENT, AccessShareLock, 1, true);
	reader->reading = true;

	row_scan_seek(&reader->epochs, key);
	row = row_scan_previous(&reader->epochs);
	if (row == NULL)
		return false;
	assignment_from_row(session_id, row, &epoch->assignment);

	/* epochs have no gaps, and the first has nothing before it */
	epoch->previous = epoch->assignment.epoch > 1 ? previous_provider(reader) : NULL;
	return true;
}

/*
 * Write the object without its closing brace, so that more can follow.
 */
static void
append_members(StringInfo json, const Epoch *epoch, uint64 version)
{
	const Assignment *assignment = &epoch->assignment;

	append_string(json, "{\"sessionId\":", assignment->session_id);
	append_integer(json, ",\"generation\":", harthio_generation());
	append_integer(json, ",\"epoch\":", assignment->epoch);
	append_integer(json, ",\"version\":", (int64) version);
	append_string(json, ",\"provider\":", assignment->provider);
	append_string(json, ",\"room\":", assignment->room);
	append_string(json, ",\"roomId\":", assignment->room);
	append_string(json, ",\"reason\":", assignment->reason);
	append_string(json, ",\"initiatedBy\":", assignment->claimed_by);
	append_integer(json, ",\"timestamp\":", unix_milliseconds(assignment->assigned_at));
	if (assignment->provider == NULL)
		return;

	append_integer(json, ",\"rung\":", rung_cap(quality_store_rung(assignment->session_id))->height);
	if (epoch->previous != NULL)
	{
		append_string(json, ",\"failedProvider\":", epoch->previous);
		append_string(json, ",\"newProvider\":", assignment->provider);
	}
}

static void
append_object(StringInfo json, const Epoch *epoch, uint64 version)
{
	append_members(json, epoch, version);
	appendStringInfoChar(json, '}');
}

bool
state_append(StateReader *reader, const char *session_id, StringInfo json)
{
	Epoch epoch;

	if (!read_epoch(reader, session_id, &epoch))
		return false;
	append_object(json, &epoch, reader->version);
	return true;
}

bool
state_append_change(StateReader *reader, const Change *change, StringInfo json)
{
	Epoch epoch;

	if (!change_unpack_epoch(change, &epoch))
		return state_append(reader, change_session_id(change), json);
	append_object(json, &epoch, reader->version);
	return true;
}

/*
 * One row for each session that exists.  For notifiers.
 */
Datum
harthio_snapshot(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StateReader	   reader;
	StringInfoData json;
	Datum		  *ids;
	bool		  *missing;
	int			   count;

	harthio_require_ready();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("session_ids must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &ids, &missing, &count);

	initStringInfo(&json);
	state_begin(&reader);
	for (int i = 0; i < count; i++)
	{
		Datum values[] = {ids[i], (Datum) 0};
		bool  nulls[2] = {0};

		resetStringInfo(&json);
		if (missing[i] || !state_append(&reader, TextDatumGetCString(ids[i]), &json))
			continue;
		values[1] = CStringGetTextDatum(json.data);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	state_end(&reader);

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
	StateReader	   reader;
	Epoch		   epoch;
	StringInfoData json;
	text		  *answer;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(NULL);

	SPI_connect();
	assignment_require(session_id, &current);
	participant_require(session_id, &identity);

	initStringInfo(&json);
	state_begin(&reader);
	if (read_epoch(&reader, session_id, &epoch))
		append_members(&json, &epoch, reader.version);
	state_end(&reader);
	append_participants(&json, session_id);

	answer = SPI_palloc(json.len + VARHDRSZ);
	SET_VARSIZE(answer, json.len + VARHDRSZ);
	memcpy(VARDATA(answer), json.data, json.len);
	SPI_finish();

	PG_RETURN_TEXT_P(answer);
}
