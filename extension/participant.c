/*-------------------------------------------------------------------------
 *
 * participant.c
 *	  Who is in a session: join, leave, and who may speak for it.
 *
 * A row says that a participant's device joined; left_at says that it left
 * again, and lost that it did so only because its lease ran out.  Joining is
 * the only thing that a full session refuses.
 *
 * Every way of leaving notes the session in harthio.vacancy, and does so
 * before it touches rows of harthio.participant: one order for all.
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
#include "lease.h"
#include "quality_summary.h"
#include "row.h"
#include "statement.h"
#include "vacancy.h"

PG_FUNCTION_INFO_V1(harthio_leave_session);

/* Devices of one participant in one session: present ones, and left ones. */
#define DEVICES_MAX 16

/* For a device that was here before; an empty info is no news. */
static Statement rejoin_statement = {
	.text = "UPDATE harthio.participant SET"
			"       joined_at = CASE WHEN left_at IS NULL THEN joined_at ELSE clock_timestamp() END,"
			"       left_at = NULL,"
			"       lost = false,"
			"       incarnation = $4,"
			"       info = CASE WHEN $5 = '{}' THEN info ELSE $5 END"
			" WHERE session_id = $1 AND participant_id = $2 AND device = $3 AND incarnation <= $4",
	.nargs = 5,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, INT8OID, JSONBOID},
};

static Statement others_statement = {
	.text = "SELECT count(DISTINCT participant_id)::integer FROM harthio.participant"
			" WHERE session_id = $1 AND participant_id <> $2 AND left_at IS NULL",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

static Statement forget_devices_statement = {
	.text = "DELETE FROM harthio.participant"
			" WHERE session_id = $1 AND participant_id = $2 AND left_at IS NOT NULL"
			"   AND device NOT IN (SELECT device FROM harthio.participant"
			"                       WHERE session_id = $1 AND participant_id = $2 AND left_at IS NOT NULL"
			"                       ORDER BY left_at DESC LIMIT $3)",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, INT8OID},
};

static Statement present_statement = {
	.text = "SELECT count(*)::integer FROM harthio.participant"
			" WHERE session_id = $1 AND left_at IS NULL",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* Who was lost and now says that it goes is not to come back by itself. */
#define LEAVING                                      \
	" WHERE session_id = $1 AND participant_id = $2" \
	"   AND (left_at IS NULL OR lost)"               \
	"   AND ($3 IS NULL OR device = $3)"             \
	"   AND ($4 IS NULL OR incarnation <= $4)"

static Statement leaving_statement = {
	.text = "SELECT FROM harthio.participant" LEAVING,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, INT8OID},
};

static Statement leave_statement = {
	.text = "UPDATE harthio.participant"
			"   SET left_at = coalesce(left_at, clock_timestamp()), lost = false" LEAVING,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, INT8OID},
};

static Statement leave_all_statement = {
	.text = "UPDATE harthio.participant"
			"   SET left_at = coalesce(left_at, clock_timestamp()), lost = false"
			" WHERE session_id = $1 AND (left_at IS NULL OR lost)"
			" RETURNING participant_id",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement return_statement = {
	.text = "UPDATE harthio.participant SET left_at = NULL, lost = false"
			" WHERE session_id = $1 AND participant_id = ANY ($2) AND lost",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTARRAYOID},
};

static bool
is_present(TupleTableSlot *row)
{
	bool isnull;

	row_value(row, PARTICIPANT_LEFT_AT, &isnull);
	return isnull;
}

static int64
incarnation_of(TupleTableSlot *row)
{
	bool isnull;

	return DatumGetInt64(row_value(row, PARTICIPANT_INCARNATION, &isnull));
}

/* One row, or none, for each device of a participant; or for one of them. */
static void
scan_devices(RowScan *scan, const char *session_id, const char *participant_id, const Device *device)
{
	Datum key[] = {CStringGetTextDatum(session_id), CStringGetTextDatum(participant_id), (Datum) 0};

	if (device != NULL)
		key[2] = CStringGetTextDatum(device->name);
	row_scan_begin(scan, TABLE_PARTICIPANT, AccessShareLock, device ? 3 : 2, key, false);
}

Presence
participant_presence(const char *session_id, const char *participant_id)
{
	Presence		presence = PRESENCE_NEVER;
	RowScan			scan;
	TupleTableSlot *row;

	scan_devices(&scan, session_id, participant_id, NULL);
	while (presence != PRESENCE_PRESENT && (row = row_scan_next(&scan)) != NULL)
		presence = is_present(row) ? PRESENCE_PRESENT : PRESENCE_LEFT;
	row_scan_end(&scan);
	return presence;
}

/* Is there a newer incarnation of the device? */
static bool
is_stale(const char *session_id, const char *participant_id, const Device *device)
{
	RowScan			scan;
	TupleTableSlot *row;
	bool			stale;

	scan_devices(&scan, session_id, participant_id, device);
	row = row_scan_next(&scan);
	stale = row != NULL && incarnation_of(row) > device->incarnation;
	row_scan_end(&scan);
	return stale;
}

/*
 * Does this row add to the participants who are there?  Rows come in the order
 * of the key, so a participant's devices are neighbours; *last is the one who
 * was counted last, or NULL.
 */
static bool
is_another_member(TupleTableSlot *row, char **last)
{
	char *id;

	if (!is_present(row))
		return false;
	id = row_text(row, PARTICIPANT_ID);
	if (*last != NULL && strcmp(id, *last) == 0)
		return false;
	*last = id;
	return true;
}

int
participant_members(const char *session_id)
{
	Datum			key[] = {CStringGetTextDatum(session_id)};
	char		   *last = NULL;
	int				members = 0;
	RowScan			scan;
	TupleTableSlot *row;

	row_scan_begin(&scan, TABLE_PARTICIPANT, AccessShareLock, 1, key, false);
	while ((row = row_scan_next(&scan)) != NULL)
		members += is_another_member(row, &last);
	row_scan_end(&scan);
	return members;
}

Presence
participant_presence_among(const char *session_id, const char *participant_id, Datum said, int *members)
{
	Datum			key[] = {CStringGetTextDatum(session_id)};
	Presence		presence = PRESENCE_NEVER;
	bool			stale = false;
	char		   *last = NULL;
	Device			device;
	bool			has_device = device_find(said, &device);
	RowScan			scan;
	TupleTableSlot *row;

	*members = 0;
	row_scan_begin(&scan, TABLE_PARTICIPANT, AccessShareLock, 1, key, false);
	while ((row = row_scan_next(&scan)) != NULL)
	{
		*members += is_another_member(row, &last);
		if (strcmp(row_text(row, PARTICIPANT_ID), participant_id) != 0)
			continue;
		presence = Max(presence, is_present(row) ? PRESENCE_PRESENT : PRESENCE_LEFT);
		stale = stale || (has_device && incarnation_of(row) > device.incarnation &&
						  strcmp(row_text(row, PARTICIPANT_DEVICE), device.name) == 0);
	}
	row_scan_end(&scan);
	return stale ? PRESENCE_LEFT : presence;
}

/* Would joining with this info change the one that is stored? */
static bool
is_news(TupleTableSlot *row, Jsonb *info)
{
	bool   isnull;
	Jsonb *stored;

	if (JB_ROOT_COUNT(info) == 0)
		return false;
	stored = DatumGetJsonbP(row_value(row, PARTICIPANT_INFO, &isnull));
	return compareJsonbContainers(&stored->root, &info->root) != 0;
}

bool
participant_has_joined(const char *session_id, const char *participant_id,
					   const Device *device, Datum info)
{
	RowScan			scan;
	TupleTableSlot *row;
	bool			joined;

	scan_devices(&scan, session_id, participant_id, device);
	row = row_scan_next(&scan);
	joined = row != NULL && is_present(row) && incarnation_of(row) == device->incarnation &&
			 !is_news(row, DatumGetJsonbP(info));
	row_scan_end(&scan);
	return joined;
}

static void
require_room(const char *session_id, const char *participant_id)
{
	Datum args[] = {CStringGetTextDatum(session_id), CStringGetTextDatum(participant_id)};

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

static void
count_devices(const char *session_id, const char *participant_id, int *present, int *left)
{
	RowScan			scan;
	TupleTableSlot *row;

	*present = *left = 0;
	scan_devices(&scan, session_id, participant_id, NULL);
	while ((row = row_scan_next(&scan)) != NULL)
		(*(is_present(row) ? present : left))++;
	row_scan_end(&scan);
}

/* Whoever makes up devices is stopped, and what is kept of them is bounded. */
static void
limit_devices(const char *session_id, const char *participant_id)
{
	Datum args[] = {CStringGetTextDatum(session_id), CStringGetTextDatum(participant_id),
					Int64GetDatum(DEVICES_MAX)};
	int	  present;
	int	  left;

	count_devices(session_id, participant_id, &present, &left);
	if (present > DEVICES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("\"%s\" is in session \"%s\" with too many devices",
						participant_id, session_id),
				 errdetail("At most %d are allowed.", DEVICES_MAX),
				 errhint("Leave with one of them.")));
	if (left > DEVICES_MAX)
		statement_run(&forget_devices_statement, args, NULL);
}

static bool
insert_participant(const char *session_id, const char *participant_id,
				   const Device *device, Datum info, bool is_new)
{
	Relation table = row_open(TABLE_PARTICIPANT, RowExclusiveLock);
	Datum	 values[PARTICIPANT_LOST] = {0};
	bool	 nulls[PARTICIPANT_LOST] = {0};
	bool	 inserted;

	values[PARTICIPANT_SESSION_ID - 1] = CStringGetTextDatum(session_id);
	values[PARTICIPANT_ID - 1] = CStringGetTextDatum(participant_id);
	values[PARTICIPANT_DEVICE - 1] = CStringGetTextDatum(device->name);
	values[PARTICIPANT_INCARNATION - 1] = Int64GetDatum(device->incarnation);
	values[PARTICIPANT_INFO - 1] = info;
	values[PARTICIPANT_JOINED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[PARTICIPANT_LEFT_AT - 1] = true;
	values[PARTICIPANT_LOST - 1] = BoolGetDatum(false);

	inserted = (is_new ? row_insert_alone : row_insert)(table, values, nulls, lengthof(values));
	row_close(table);
	return inserted;
}

static void
rejoin(const char *session_id, const char *participant_id, const Device *device, Datum info)
{
	Datum args[] = {CStringGetTextDatum(session_id), CStringGetTextDatum(participant_id),
					CStringGetTextDatum(device->name), Int64GetDatum(device->incarnation), info};

	lease_extend(session_id, participant_id);
	if (statement_run(&rejoin_statement, args, NULL) > 0)
		return;

	if (is_stale(session_id, participant_id, device))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("incarnation " INT64_FORMAT " of this device of \"%s\" is over",
						device->incarnation, participant_id),
				 errdetail("A newer incarnation has joined session \"%s\" and speaks for the device.", session_id),
				 errhint("Join with a higher incarnation, such as the time in milliseconds at which the page was loaded.")));
	harthio_serialization_failure();
}

void
participant_join(const char *session_id, const char *participant_id,
				 const Device *device, Datum info, bool is_new)
{
	if (harthio_max_participants > 0)
		require_room(session_id, participant_id);

	if (!insert_participant(session_id, participant_id, device, info, is_new))
		rejoin(session_id, participant_id, device, info);
	if (!is_new)
		limit_devices(session_id, participant_id);
}

/*
 * The session is locked against joining, but a snapshot older than the lock
 * may not see who joined before.
 */
void
participant_leave_all(const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	quality_left(session_id, column_strings(statement_run(&leave_all_statement, args, NULL), 1));

	if (IsolationUsesXactSnapshot())
	{
		statement_run_latest(&present_statement, args);
		if (column_int(0, 1) > 0)
			harthio_serialization_failure();
	}
}

void
participant_return(const char *session_id, Datum participant_ids)
{
	Datum args[] = {CStringGetTextDatum(session_id), participant_ids};

	statement_run(&return_statement, args, NULL);
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
 * Returns whether the participant, or the device, was there: in this
 * incarnation or an older one, if one is given.
 */
Datum
harthio_leave_session(PG_FUNCTION_ARGS)
{
	char	  *session_id;
	Identity   identity;
	char	  *device;
	int64	   incarnation = 0;
	Assignment current;
	Datum	   args[4] = {0};
	char	   nulls[] = "    ";
	bool	   left;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 1));
	device = argument_optional_device(fcinfo, 2);
	if (!argument_optional_incarnation(fcinfo, 3, &incarnation))
		nulls[3] = 'n';

	SPI_connect();
	assignment_require(session_id, &current);
	if (participant_presence(session_id, identity.participant_id) == PRESENCE_NEVER)
		participant_refuse(session_id, identity.participant_id);

	args[0] = CStringGetTextDatum(session_id);
	args[1] = CStringGetTextDatum(identity.participant_id);
	if (device != NULL)
		args[2] = CStringGetTextDatum(device);
	else
		nulls[2] = 'n';
	args[3] = Int64GetDatum(incarnation);

	/* a late beacon writes nothing */
	left = statement_run(&leaving_statement, args, nulls) > 0;
	if (left)
	{
		vacancy_note(session_id);
		left = statement_run(&leave_statement, args, nulls) > 0;
		if (participant_presence(session_id, identity.participant_id) != PRESENCE_PRESENT)
			quality_left(session_id, list_make1(identity.participant_id));
	}
	SPI_finish();

	PG_RETURN_BOOL(left);
}
