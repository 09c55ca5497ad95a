/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  Success and failure reports; decides a coordinated switch.
 *
 * Every report of somebody present about the current epoch is kept, once for
 * each participant and kind.  The first of its kind in a session-epoch is the
 * verdict, by a unique index, and only a verdict moves a score.  Reports of
 * others and about earlier epochs are kept and not scored.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "assignment.h"
#include "harthio.h"
#include "identity.h"
#include "participant.h"
#include "provider.h"
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

/*
 * The provider is the one of that epoch; a closing epoch has none, and a
 * report about it is nobody's.
 */
static Statement insert_statement = {
	.text = "INSERT INTO harthio.outcome"
			" (session_id, epoch, participant_id, success, verdict, provider, connect_ms, detail)"
			" SELECT $1, $2, $3, $4, $5, a.provider, $6, $7 FROM harthio.assignment a"
			"  WHERE a.session_id = $1 AND a.epoch = $2 AND a.provider IS NOT NULL"
			" ON CONFLICT DO NOTHING",
	.nargs = 7,
	.argtypes = {TEXTOID, INT4OID, TEXTOID, BOOLOID, BOOLOID, INT4OID, JSONBOID},
};

/*
 * False if the participant has reported this before, or if it is to be a
 * verdict and there is one.
 */
static bool
insert_outcome(const Outcome *outcome, bool verdict)
{
	Datum args[7];
	char  nulls[] = "       ";

	args[0] = CStringGetTextDatum(outcome->session_id);
	args[1] = Int32GetDatum(outcome->epoch);
	args[2] = CStringGetTextDatum(outcome->participant_id);
	args[3] = BoolGetDatum(outcome->success);
	args[4] = BoolGetDatum(verdict);
	args[5] = Int32GetDatum(outcome->connect_ms);
	args[6] = outcome->detail;
	if (!outcome->has_connect_ms)
		nulls[5] = 'n';

	return statement_run(&insert_statement, args, nulls) > 0;
}

/*
 * Keep the outcome; current is the session's assignment.
 */
static void
record(const Outcome *outcome, const Assignment *current, bool counts)
{
	if (counts && insert_outcome(outcome, true))
		provider_verdict(current->provider, outcome->success);
	else
		insert_outcome(outcome, false);
}

/*
 * Learn from an outcome.  A failure of the current epoch moves everybody to
 * the best other provider; the answer tells the reporter where to.
 */
Datum
harthio_report_outcome(PG_FUNCTION_ARGS)
{
	Outcome	   outcome;
	Identity   identity;
	Presence   presence;
	Assignment current;
	bool	   counts;
	Datum	   answer;

	harthio_require_ready();
	outcome.session_id = argument_session_id(fcinfo, 0);
	outcome.epoch = argument_epoch(fcinfo, 1);
	outcome.success = argument_bool(fcinfo, 2, "success");
	outcome.has_connect_ms = argument_optional_connect_ms(fcinfo, 3, &outcome.connect_ms);
	outcome.detail = argument_json_object(fcinfo, 4, "detail");
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 5));
	outcome.participant_id = identity.participant_id;

	SPI_connect();
	assignment_require(outcome.session_id, &current);
	presence = participant_presence(outcome.session_id, outcome.participant_id);
	if (presence == PRESENCE_NEVER)
		participant_refuse(outcome.session_id, outcome.participant_id);
	assignment_check_epoch(&current, outcome.epoch);
	if (outcome.epoch == current.epoch)
		assignment_check_open(&current);

	counts = presence == PRESENCE_PRESENT && outcome.epoch == current.epoch;
	record(&outcome, &current, counts);

	if (counts && !outcome.success)
	{
		/*
		 * While this waited for another one's verdict, that one may have
		 * switched.  With no provider enabled the session stays where it is.
		 */
		assignment_require(outcome.session_id, &current);
		if (current.epoch == outcome.epoch)
			(void) assignment_switch(&current, "failed", outcome.participant_id);
	}
	answer = assignment_result(fcinfo, &current);
	SPI_finish();

	return answer;
}
