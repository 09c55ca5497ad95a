/*-------------------------------------------------------------------------
 *
 * assignment.c
 *	  Which provider carries a session in which epoch: claim, switch, end.
 *
 * This file alone writes harthio.assignment.
 *
 * Making an epoch needs no lock: of two inserts of one (session, epoch) the
 * primary key lets one through, and the other waits for its end and then
 * reads what won.  Only ending has to keep out those who are just joining:
 * who joins holds FOR KEY SHARE on the session's first row, who ends takes it
 * FOR UPDATE and then looks with a fresh snapshot who is there.  The first
 * row, and not the newest, so that everybody locks the same one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "assignment.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "change_ring.h"
#include "harthio.h"
#include "participant.h"
#include "provider.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_claim_provider);
PG_FUNCTION_INFO_V1(harthio_switch_provider);
PG_FUNCTION_INFO_V1(harthio_end_session);

static Statement current_statement = {
	.text = "SELECT epoch, provider, room, reason, claimed_by, assigned_at"
			"  FROM harthio.assignment WHERE session_id = $1"
			" ORDER BY epoch DESC LIMIT 1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement insert_statement = {
	.text = "INSERT INTO harthio.assignment (session_id, epoch, provider, room, reason, claimed_by, generation)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7)"
			" ON CONFLICT (session_id, epoch) DO NOTHING"
			" RETURNING assigned_at",
	.nargs = 7,
	.argtypes = {TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID},
};

/* Joining: many at a time, but not while the session is being ended. */
static Statement lock_to_join_statement = {
	.text = "SELECT FROM harthio.assignment WHERE session_id = $1 AND epoch = 1 FOR KEY SHARE",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* Joining one by one, for a session whose participants are counted. */
static Statement lock_to_count_statement = {
	.text = "SELECT FROM harthio.assignment WHERE session_id = $1 AND epoch = 1 FOR NO KEY UPDATE",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement lock_to_end_statement = {
	.text = "SELECT FROM harthio.assignment WHERE session_id = $1 AND epoch = 1 FOR UPDATE",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static bool
read_current(const char *session_id, Assignment *current, uint64 rows)
{
	if (rows == 0)
		return false;

	current->session_id = session_id;
	current->epoch = column_int(0, 1);
	current->provider = column_string(0, 2);
	current->room = column_string(0, 3);
	current->reason = column_string(0, 4);
	current->claimed_by = column_string(0, 5);
	current->assigned_at = column_timestamp(0, 6);
	current->is_new = false;
	return true;
}

bool
assignment_current(const char *session_id, Assignment *current)
{
	Datum	   args[] = {CStringGetTextDatum(session_id)};
	Assignment seen = {0};

	/*
	 * Under REPEATABLE READ and above, what this transaction can see may be
	 * history already, and an answer from it would be a wrong one.
	 */
	if (IsolationUsesXactSnapshot())
	{
		read_current(session_id, &seen, statement_run(&current_statement, args, NULL));
		if (!read_current(session_id, current, statement_run_latest(&current_statement, args)))
			return false;
		if (seen.epoch != current->epoch)
			harthio_serialization_failure();
		return true;
	}

	return read_current(session_id, current, statement_run(&current_statement, args, NULL));
}

void
assignment_require(const char *session_id, Assignment *current)
{
	if (!assignment_current(session_id, current))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("session \"%s\" does not exist", session_id),
				 errdetail("Nobody has claimed a provider for it."),
				 errhint("Claim one with harthio_claim_provider.")));
}

void
assignment_check_epoch(const Assignment *current, int epoch)
{
	if (epoch > current->epoch)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("epoch %d of session \"%s\" is in the future",
						epoch, current->session_id),
				 errdetail("Its current epoch is %d.", current->epoch),
				 errhint("Send the epoch of the assignment that the caller was told.")));
}

void
assignment_check_open(const Assignment *current)
{
	if (current->provider == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("session \"%s\" has ended", current->session_id),
				 errdetail("It ended with epoch %d.", current->epoch),
				 errhint("Claim it again with harthio_claim_provider.")));
}

/*
 * Insert the epoch that *next describes, without a provider if choice is
 * NULL.  False if somebody else made that epoch first.
 */
static bool
make_epoch(Assignment *next, const Choice *choice, const char *reason, const char *by)
{
	Datum args[7];
	char  nulls[] = "       ";

	args[0] = CStringGetTextDatum(next->session_id);
	args[1] = Int32GetDatum(next->epoch);
	args[2] = choice ? CStringGetTextDatum(choice->provider) : (Datum) 0;
	args[3] = choice ? CStringGetTextDatum(choice->room) : (Datum) 0;
	args[4] = CStringGetTextDatum(reason);
	args[5] = CStringGetTextDatum(by);
	args[6] = Int32GetDatum(harthio_generation());
	if (choice == NULL)
		nulls[2] = nulls[3] = 'n';

	if (statement_run(&insert_statement, args, nulls) == 0)
		return false;

	next->provider = choice ? choice->provider : NULL;
	next->room = choice ? choice->room : NULL;
	next->reason = pstrdup(reason);
	next->claimed_by = pstrdup(by);
	next->assigned_at = column_timestamp(0, 1);
	next->is_new = true;
	change_session(next->session_id);
	return true;
}

/*
 * Open a session: its first epoch, or the next one after an end.
 */
static bool
open_session(const char *session_id, int epoch, const char *by, Assignment *result)
{
	Choice choice;

	if (!provider_choose(session_id, NULL, &choice))
		provider_none_enabled();

	result->session_id = session_id;
	result->epoch = epoch;
	return make_epoch(result, &choice, epoch == 1 ? "claimed" : "reopened", by);
}

static bool
lock_session(Statement *lock_statement, const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	return statement_run(lock_statement, args, NULL) > 0;
}

/*
 * Be told the session's assignment as somebody who is joining it.  Whoever
 * finds no open session opens it; of several who do, all but one go round
 * again and find it.
 */
static void
claim(const char *session_id, const char *participant_id, Assignment *result)
{
	Statement *lock_statement = harthio_max_participants > 0 ? &lock_to_count_statement : &lock_to_join_statement;

	for (;;)
	{
		int next_epoch = 1;

		if (lock_session(lock_statement, session_id))
		{
			assignment_require(session_id, result);
			if (result->provider != NULL)
				return;
			next_epoch = result->epoch + 1;
		}
		if (open_session(session_id, next_epoch, participant_id, result))
			return;
	}
}

Datum
harthio_claim_provider(PG_FUNCTION_ARGS)
{
	char	  *session_id;
	Identity   identity;
	Datum	   info;
	Assignment result;
	Datum	   answer;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 1));
	info = argument_json_object(fcinfo, 2, "info");

	SPI_connect();

	/* a reload, or a second tab: nothing to write */
	if (!assignment_current(session_id, &result) || result.provider == NULL ||
		!participant_has_joined(session_id, identity.participant_id, info))
	{
		claim(session_id, identity.participant_id, &result);
		participant_join(session_id, identity.participant_id, info);
	}

	answer = assignment_result(fcinfo, &result);
	SPI_finish();

	return answer;
}

bool
assignment_switch(Assignment *current, const char *reason, const char *by)
{
	Assignment next = {.session_id = current->session_id, .epoch = current->epoch + 1};
	Choice	   choice;

	if (!provider_choose(current->session_id, current->provider, &choice))
		return false;

	if (make_epoch(&next, &choice, reason, by))
		*current = next;
	else
		assignment_require(current->session_id, current);
	return true;
}

/*
 * Compare and swap: only who knows the current epoch can leave it.  To all
 * others, and to the second of two, this is a question with an answer.
 */
Datum
harthio_switch_provider(PG_FUNCTION_ARGS)
{
	char	  *session_id;
	int		   epoch;
	char	  *reason;
	Identity   identity;
	Assignment result;
	Datum	   answer;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	epoch = argument_epoch(fcinfo, 1);
	reason = argument_reason(fcinfo, 2);
	identity = identity_of_caller(NULL);

	SPI_connect();
	assignment_require(session_id, &result);
	participant_require(session_id, &identity);
	assignment_check_epoch(&result, epoch);
	if (epoch == result.epoch)
	{
		assignment_check_open(&result);
		if (!assignment_switch(&result, reason, identity.participant_id))
			provider_none_enabled();
	}
	answer = assignment_result(fcinfo, &result);
	SPI_finish();

	return answer;
}

/*
 * End the session for everybody.  It can be claimed anew, in the next epoch.
 */
Datum
harthio_end_session(PG_FUNCTION_ARGS)
{
	char	  *session_id;
	Identity   identity;
	Assignment result;
	Datum	   answer;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(NULL);

	SPI_connect();
	assignment_require(session_id, &result);
	participant_require(session_id, &identity);
	lock_session(&lock_to_end_statement, session_id);
	do
	{
		/* a switch does not ask for the lock and may have been faster */
		assignment_require(session_id, &result);
		if (result.provider == NULL)
			break;
		result.epoch++;
	} while (!make_epoch(&result, NULL, "ended", identity.participant_id));
	participant_leave_all(session_id);
	answer = assignment_result(fcinfo, &result);
	SPI_finish();

	return answer;
}

static Datum
text_or_null(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string ? CStringGetTextDatum(string) : (Datum) 0;
}

Datum
assignment_result(FunctionCallInfo fcinfo, const Assignment *assignment)
{
	TupleDesc desc;
	Datum	  values[9];
	bool	  nulls[9] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);

	values[0] = CStringGetTextDatum(assignment->session_id);
	values[1] = Int32GetDatum(assignment->epoch);
	values[2] = text_or_null(assignment->provider, &nulls[2]);
	values[3] = text_or_null(assignment->room, &nulls[3]);
	values[4] = BoolGetDatum(assignment->is_new);
	values[5] = CStringGetTextDatum(assignment->reason);
	values[6] = CStringGetTextDatum(assignment->claimed_by);
	values[7] = TimestampTzGetDatum(assignment->assigned_at);
	values[8] = Int32GetDatum(harthio_generation());

	return PointerGetDatum(SPI_returntuple(heap_form_tuple(desc, values, nulls), desc));
}
