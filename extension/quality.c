/*-------------------------------------------------------------------------
 *
 * quality.c
 *	  Quality reports: advice for one participant, decisions for a session.
 *
 * A report is answered from shared memory and writes no row.  Everybody in a
 * session sends with the same rung, the lowest that one of them needs.  When
 * most of them have been bad for long it is the provider's fault: one failure
 * verdict, and a switch if there is a clearly better provider.  One bad member
 * of several is that member's network, and moves nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "arguments.h"
#include "assignment.h"
#include "change_ring.h"
#include "harthio.h"
#include "identity.h"
#include "outcome.h"
#include "participant.h"
#include "quality_metrics.h"
#include "quality_notes.h"
#include "quality_store.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_report_quality);

/* For the whole of a session: who is bad everywhere is not helped by moving. */
#define SWITCHES_MAX   4
#define SWITCH_SECONDS 20

/* Columns of type harthio_advice. */
enum
{
	ADVICE_SCORE,
	ADVICE_LEVEL,
	ADVICE_RUNG,
	ADVICE_SESSION_RUNG,
	ADVICE_MAX_KBPS,
	ADVICE_MAX_FPS,
	ADVICE_ASSIGNMENT,
	ADVICE_COLUMNS
};

/* The epochs before the current one, without those before the last end. */
static Statement switches_statement = {
	.text = "SELECT $2 - 1 - coalesce(max(epoch), 0) FROM harthio.assignment"
			" WHERE session_id = $1 AND provider IS NULL",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID},
};

/* Seconds on a clock that nobody sets; it is the same for all backends. */
static double
read_clock(void)
{
	instr_time time;

	INSTR_TIME_SET_CURRENT(time);
	return INSTR_TIME_GET_DOUBLE(time) + harthio_clock_offset;
}

static int
switches_so_far(const Assignment *current)
{
	Datum args[] = {CStringGetTextDatum(current->session_id), Int32GetDatum(current->epoch)};

	statement_run(&switches_statement, args, NULL);
	return column_int(0, 1);
}

static double
seconds_in_epoch(const Assignment *current)
{
	return (double) (GetCurrentTimestamp() - current->assigned_at) / USECS_PER_SEC +
		   harthio_clock_offset;
}

/* May a session be moved again, for its quality? */
static bool
may_switch(const Assignment *current)
{
	int switches = switches_so_far(current);

	return switches == 0 ||
		   (switches < SWITCHES_MAX && seconds_in_epoch(current) >= SWITCH_SECONDS);
}

/*
 * Is the session's quality bad enough to leave its provider?  Then *current
 * is a better one's assignment afterwards, if there is one.
 */
static void
leave_if_degraded(Assignment *current, const QualityView *view, const char *participant_id)
{
	int epoch = current->epoch;
	int members;

	/* who is not bad has nothing to say against the provider */
	if (!view->is_degraded)
		return;
	members = participant_members(current->session_id);
	if (!quality_session_is_degraded(members, view->degraded) || !may_switch(current))
		return;

	outcome_degraded(current, participant_id, members);

	/* while this waited for another one's verdict, that one may have switched */
	assignment_require(current->session_id, current);
	if (current->epoch == epoch)
		(void) assignment_switch_if_better(current, view->session_quality, participant_id);
}

/*
 * Have clients told of the session's rung if they do not know it.  Their
 * states are ordered by the position of the WAL, to which a rung adds nothing;
 * a transaction id makes this commit add its record.
 */
static void
tell(const char *session_id, const QualityKey *key, const QualityView *view)
{
	if (!view->untold)
		return;
	(void) GetCurrentTransactionId();
	change_session(session_id);
	quality_note_told(key, view->session_rung);
}

/*
 * Read the session's assignment as somebody who is in it now and knows of one
 * of its epochs.
 */
static void
require_reporter(const char *session_id, const char *participant_id, int epoch, Assignment *current)
{
	Presence presence;

	assignment_require(session_id, current);
	presence = participant_presence(session_id, participant_id);
	if (presence == PRESENCE_NEVER)
		participant_refuse(session_id, participant_id);
	assignment_check_epoch(current, epoch);
	assignment_check_open(current);
	if (presence != PRESENCE_PRESENT)
		participant_refuse(session_id, participant_id);
}

static Datum
assignment_datum(Oid type, const Assignment *assignment)
{
	TupleDesc desc = lookup_rowtype_tupdesc_copy(type, -1);

	return HeapTupleGetDatum(assignment_row(desc, assignment));
}

static Datum
advice_result(FunctionCallInfo fcinfo, const QualityView *view, const Assignment *current)
{
	const RungCap *cap = rung_cap(view->session_rung);
	TupleDesc	   desc;
	Datum		   values[ADVICE_COLUMNS] = {0};
	bool		   nulls[ADVICE_COLUMNS] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);

	values[ADVICE_SCORE] = Float8GetDatum(view->quality);
	values[ADVICE_LEVEL] = CStringGetTextDatum(quality_level(view->quality));
	nulls[ADVICE_SCORE] = nulls[ADVICE_LEVEL] = !view->known;
	values[ADVICE_RUNG] = Int32GetDatum(rung_cap(view->rung)->height);
	values[ADVICE_SESSION_RUNG] = Int32GetDatum(cap->height);
	values[ADVICE_MAX_KBPS] = Int32GetDatum(cap->target_kbps);
	values[ADVICE_MAX_FPS] = Int32GetDatum(cap->fps);
	values[ADVICE_ASSIGNMENT] = assignment_datum(TupleDescAttr(desc, ADVICE_ASSIGNMENT)->atttypid, current);

	return PointerGetDatum(SPI_returntuple(heap_form_tuple(desc, values, nulls), desc));
}

/*
 * Measure, and be told how much to send and where to be.  What says nothing
 * about the current epoch is answered and not counted.
 */
Datum
harthio_report_quality(PG_FUNCTION_ARGS)
{
	const char	  *session_id;
	int			   epoch;
	QualityMetrics metrics;
	Identity	   identity;
	Assignment	   current;
	QualityKey	   key;
	QualityView	   view;
	Datum		   answer;

	harthio_require_ready();
	PreventCommandIfReadOnly("harthio_report_quality()");
	session_id = argument_session_id(fcinfo, 0);
	epoch = argument_epoch(fcinfo, 1);
	metrics = quality_metrics_read(argument_required_json_object(fcinfo, 2, "metrics"));
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 3));

	SPI_connect();
	require_reporter(session_id, identity.participant_id, epoch, &current);
	key = quality_store_key(session_id, identity.participant_id);
	quality_store_report(&key, current.epoch, epoch == current.epoch ? &metrics : NULL, read_clock(), &view);
	tell(session_id, &key, &view);
	leave_if_degraded(&current, &view, identity.participant_id);
	answer = advice_result(fcinfo, &view, &current);
	SPI_finish();

	return answer;
}
