/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  Success and failure reports; decides a coordinated switch.
 *
 * Every report is kept, once for each participant, epoch and kind.  It counts
 * if its reporter is there, it is about the current epoch (or, a failure, about
 * the one that was just left because it failed), and it is not the client's own
 * fault.  The one with which a majority of the members agrees is the verdict of
 * its session-epoch and kind.  It takes a place in the primary key that is there
 * once; all others have the place of their participant.  What counts is evidence,
 * and the verdict moves the score.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "outcome.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "harthio.h"
#include "identity.h"
#include "participant.h"
#include "policy_guards.h"
#include "provider.h"
#include "row.h"
#include "score.h"
#include "sightings.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_report_outcome);

typedef struct Outcome
{
	const char *session_id;
	int			epoch;
	const char *participant_id;
	bool		success;
	int32		connect_ms; /* from claim to connection */
	bool		has_connect_ms;
	Datum		detail; /* jsonb object */
} Outcome;

/* Reports of one session, epoch and kind. */
typedef struct Reports
{
	bool decided; /* one is the verdict */
	bool mine;	  /* one is of this participant */
} Reports;

/* No participant has an empty name. */
#define VERDICT_PLACE ""

/* A closing epoch has none, and a report about it is nobody's. */
static Statement provider_statement = {
	.text = "SELECT provider FROM harthio.assignment WHERE session_id = $1 AND epoch = $2",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID},
};

static Statement others_statement = {
	.text = "SELECT count(*)::integer FROM harthio.outcome"
			" WHERE session_id = $1 AND epoch = $2 AND success = $3 AND counted AND participant_id <> $4",
	.nargs = 4,
	.argtypes = {TEXTOID, INT4OID, BOOLOID, TEXTOID},
};

static char *
provider_of_epoch(const Outcome *outcome)
{
	Datum args[] = {CStringGetTextDatum(outcome->session_id), Int32GetDatum(outcome->epoch)};

	statement_run(&provider_statement, args, NULL);
	return column_string(0, 1);
}

/*
 * False if its place is taken: the verdict's, or the participant's own.
 */
static bool
insert_at_place(const Outcome *outcome, const char *provider, bool counts, bool verdict, RowInsert insert)
{
	Relation table = row_open(TABLE_OUTCOME, RowExclusiveLock);
	Datum	 values[OUTCOME_PLACE] = {0};
	bool	 nulls[OUTCOME_PLACE] = {0};
	bool	 inserted;

	values[OUTCOME_SESSION_ID - 1] = CStringGetTextDatum(outcome->session_id);
	values[OUTCOME_EPOCH - 1] = Int32GetDatum(outcome->epoch);
	values[OUTCOME_PARTICIPANT_ID - 1] = CStringGetTextDatum(outcome->participant_id);
	values[OUTCOME_SUCCESS - 1] = BoolGetDatum(outcome->success);
	values[OUTCOME_VERDICT - 1] = BoolGetDatum(verdict);
	values[OUTCOME_COUNTED - 1] = BoolGetDatum(counts);
	values[OUTCOME_PROVIDER - 1] = CStringGetTextDatum(provider);
	values[OUTCOME_CONNECT_MS - 1] = Int32GetDatum(outcome->connect_ms);
	nulls[OUTCOME_CONNECT_MS - 1] = !outcome->has_connect_ms;
	values[OUTCOME_DETAIL - 1] = outcome->detail;
	values[OUTCOME_REPORTED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[OUTCOME_PLACE - 1] = CStringGetTextDatum(verdict ? VERDICT_PLACE : outcome->participant_id);

	inserted = insert(table, values, nulls, lengthof(values));
	row_close(table);
	return inserted;
}

static bool
is_at_place(const Outcome *outcome, const char *place)
{
	Datum	key[] = {CStringGetTextDatum(outcome->session_id), Int32GetDatum(outcome->epoch),
					 BoolGetDatum(outcome->success), CStringGetTextDatum(place)};
	RowScan scan;
	bool	found;

	row_scan_begin(&scan, TABLE_OUTCOME, RowExclusiveLock, 4, key, false);
	found = row_scan_next(&scan) != NULL;
	row_scan_end(&scan);
	return found;
}

/*
 * Of those of its epoch and kind that are there: is one the verdict, and is one
 * of this participant?  The verdict's place comes before all others, and mostly
 * there is none or it is taken.  Who is not the verdict's reporter is not looked
 * for then: its own place keeps it from reporting again.
 */
static Reports
read_reports(const Outcome *outcome)
{
	Datum			key[] = {CStringGetTextDatum(outcome->session_id), Int32GetDatum(outcome->epoch),
							 BoolGetDatum(outcome->success)};
	Reports			reports = {false, false};
	RowScan			scan;
	TupleTableSlot *row;
	bool			isnull;
	bool			others = false;

	row_scan_begin(&scan, TABLE_OUTCOME, RowExclusiveLock, 3, key, false);
	row = row_scan_next(&scan);
	if (row != NULL)
	{
		reports.decided = DatumGetBool(row_value(row, OUTCOME_VERDICT, &isnull));
		reports.mine = strcmp(row_text(row, OUTCOME_PARTICIPANT_ID), outcome->participant_id) == 0;
		others = !reports.decided && !reports.mine;
	}
	row_scan_end(&scan);
	if (others)
		reports.mine = is_at_place(outcome, outcome->participant_id);
	return reports;
}

/* Probably the first of its session, epoch and kind, and surely the only one to be told so. */
static bool
is_first(const Outcome *outcome)
{
	uint64 report = (uint64) outcome->epoch * 2 + outcome->success;

	return sighting_is_first(hash_combine64(score_hash(outcome->session_id), report));
}

/*
 * False if the participant has reported this before.  Agreed by a majority it
 * is the verdict, unless there is one.
 */
static bool
insert_outcome(const Outcome *outcome, const char *provider, bool counts, bool agreed, bool *verdict)
{
	Reports reports;

	*verdict = agreed;
	if (is_first(outcome) && insert_at_place(outcome, provider, counts, agreed, row_insert_alone))
		return true;

	reports = read_reports(outcome);
	*verdict = false;
	if (reports.mine)
		return false;
	if (agreed && !reports.decided)
	{
		*verdict = insert_at_place(outcome, provider, counts, true, row_insert_unseen);
		if (*verdict)
			return true;

		/* somebody was faster: another participant, or the same one */
		if (read_reports(outcome).mine)
			return false;
	}
	return insert_at_place(outcome, provider, counts, false, row_insert_unseen);
}

/*
 * Does a majority agree with this report?  Of one or two members the first
 * report decides: the other one is moved before it can say the same.  In
 * larger sessions the reports are counted, and take turns for it.
 */
static bool
has_majority(const Outcome *outcome, int members)
{
	Datum args[] = {CStringGetTextDatum(outcome->session_id), Int32GetDatum(outcome->epoch),
					BoolGetDatum(outcome->success), CStringGetTextDatum(outcome->participant_id)};
	int	  agreeing;

	if (members <= 2)
		return true;

	assignment_lock_to_count(outcome->session_id);
	statement_run_latest(&others_statement, args);
	agreeing = column_int(0, 1) + 1;
	if (outcome->success)
		return guard_majority(members, 0, agreeing) == GUARD_SUCCESS;
	return guard_majority(members, agreeing, 0) == GUARD_FAILURE;
}

/*
 * Keep an outcome that counts, as the verdict if it can be, and note what it
 * says of the provider.
 */
static void
count_outcome(const Outcome *outcome, const char *provider, const char *scope,
			  int members, bool agreed)
{
	bool verdict;

	if (!insert_outcome(outcome, provider, true, agreed, &verdict))
		return;
	provider_learn(&(ProviderReport){
		.provider = provider,
		.scope = scope,
		.session_id = outcome->session_id,
		.participant_id = outcome->participant_id,
		.members = members,
		.success = outcome->success,
		.verdict = verdict,
	});
}

static void
count_report(const Outcome *outcome, const char *provider, const char *scope, int members)
{
	count_outcome(outcome, provider, scope, members, has_majority(outcome, members));
}

void
outcome_degraded(const Assignment *current, const char *participant_id, int members)
{
	Outcome outcome = {
		.session_id = current->session_id,
		.epoch = current->epoch,
		.participant_id = participant_id,
		.success = false,
		.detail = DirectFunctionCall1(jsonb_in, CStringGetDatum("{\"reason\": \"" REASON_DEGRADED "\"}")),
	};

	count_outcome(&outcome, current->provider, current->scope, members, true);
}

/* Keep one that does not count. */
static void
keep_outcome(const Outcome *outcome)
{
	const char *provider = provider_of_epoch(outcome);
	bool		verdict;

	if (provider != NULL)
		(void) insert_outcome(outcome, provider, false, false, &verdict);
}

static bool
is_own_fault(const Outcome *outcome)
{
	return !outcome->success &&
		   guard_is_own_fault(json_string_member(DatumGetJsonbP(outcome->detail), "reason"));
}

/*
 * The first failure moves everybody, so that those of the others come when the
 * epoch has been left already.  They are heard, or no larger session would ever
 * reach a majority.
 */
static bool
is_late_failure(const Outcome *outcome, const Assignment *current)
{
	return !outcome->success && outcome->epoch == current->epoch - 1 &&
		   strcmp(current->reason, REASON_FAILED) == 0;
}

/*
 * Learn from an outcome.  A failure of the current epoch moves everybody to
 * the best other provider.
 */
static void
record(const Outcome *outcome, Assignment *current, Presence presence, int members)
{
	bool is_current = outcome->epoch == current->epoch;
	bool counts = presence == PRESENCE_PRESENT && !is_own_fault(outcome);

	if (counts && is_current)
		count_report(outcome, current->provider, current->scope, members);
	else if (counts && is_late_failure(outcome, current))
		count_report(outcome, provider_of_epoch(outcome), current->scope, members);
	else
		keep_outcome(outcome);

	if (counts && is_current && !outcome->success)
	{
		/*
		 * While this waited for another one's verdict, that one may have
		 * switched.  With nowhere to go the session stays where it is.
		 */
		assignment_require(outcome->session_id, current);
		if (current->epoch == outcome->epoch)
			(void) assignment_switch(current, REASON_FAILED, outcome->participant_id);
	}
}

Datum
harthio_report_outcome(PG_FUNCTION_ARGS)
{
	Outcome	   outcome;
	Identity   identity;
	Presence   presence;
	int		   members;
	Assignment current;
	Datum	   answer;

	harthio_require_ready();
	outcome.session_id = argument_session_id(fcinfo, 0);
	outcome.epoch = argument_epoch(fcinfo, 1);
	outcome.success = argument_bool(fcinfo, 2, "success");
	outcome.has_connect_ms = argument_optional_ms(fcinfo, 3, "connect_ms", &outcome.connect_ms);
	outcome.detail = argument_json_object(fcinfo, 4, "detail");
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 5));
	outcome.participant_id = identity.participant_id;

	SPI_connect();
	assignment_require(outcome.session_id, &current);
	presence = participant_presence_among(outcome.session_id, outcome.participant_id, outcome.detail, &members);
	if (presence == PRESENCE_NEVER)
		participant_refuse(outcome.session_id, outcome.participant_id);
	assignment_check_epoch(&current, outcome.epoch);
	if (outcome.epoch == current.epoch)
		assignment_check_open(&current);

	record(&outcome, &current, presence, members);
	answer = assignment_result(fcinfo, &current);
	SPI_finish();

	return answer;
}
