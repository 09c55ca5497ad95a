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
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "arguments.h"
#include "change_ring.h"
#include "harthio.h"
#include "participant.h"
#include "provider.h"
#include "row.h"
#include "scope.h"
#include "score.h"
#include "sightings.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_claim_provider);
PG_FUNCTION_INFO_V1(harthio_switch_provider);
PG_FUNCTION_INFO_V1(harthio_end_session);

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

static Statement try_lock_statement = {
	.text = "SELECT FROM harthio.assignment WHERE session_id = $1 AND epoch = 1 FOR UPDATE SKIP LOCKED",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement forget_statement = {
	.text = "DELETE FROM harthio.assignment WHERE session_id = $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

void
assignment_from_row(const char *session_id, TupleTableSlot *row, Assignment *assignment)
{
	bool isnull;

	*assignment = (Assignment){
		.session_id = session_id,
		.epoch = DatumGetInt32(row_value(row, ASSIGNMENT_EPOCH, &isnull)),
		.provider = row_text(row, ASSIGNMENT_PROVIDER),
		.room = row_text(row, ASSIGNMENT_ROOM),
		.reason = row_text(row, ASSIGNMENT_REASON),
		.claimed_by = row_text(row, ASSIGNMENT_CLAIMED_BY),
		.assigned_at = DatumGetTimestampTz(row_value(row, ASSIGNMENT_ASSIGNED_AT, &isnull)),
		.scope = row_text(row, ASSIGNMENT_SCOPE),
	};
}

/*
 * The newest assignment of a session as this transaction sees it, or as it is
 * committed now.
 */
static bool
read_newest(const char *session_id, LOCKMODE lock, bool latest, Assignment *newest)
{
	Datum			key[] = {CStringGetTextDatum(session_id)};
	RowScan			scan;
	TupleTableSlot *row;

	row_scan_begin(&scan, TABLE_ASSIGNMENT, lock, 1, key, latest);
	row = row_scan_previous(&scan);
	if (row != NULL)
		assignment_from_row(session_id, row, newest);
	row_scan_end(&scan);
	return row != NULL;
}

static bool
read_current(const char *session_id, LOCKMODE lock, Assignment *current)
{
	bool	   exists = read_newest(session_id, lock, false, current);
	Assignment latest;

	/*
	 * Under REPEATABLE READ and above, what this transaction can see may be
	 * history already, and an answer from it would be a wrong one.
	 */
	if (IsolationUsesXactSnapshot() && read_newest(session_id, lock, true, &latest) &&
		(!exists || current->epoch != latest.epoch))
		harthio_serialization_failure();
	return exists;
}

bool
assignment_current(const char *session_id, Assignment *current)
{
	return read_current(session_id, AccessShareLock, current);
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
 * Sessions come and go on the providers; to and from are NULL for nowhere.
 */
static void
note_move(const Assignment *next, const char *from, const Choice *to)
{
	ScoreNote note = {.event = SCORE_SESSION};

	strlcpy(note.scope, next->scope, sizeof(note.scope));
	strlcpy(note.left, from ? from : "", sizeof(note.left));
	if (to != NULL)
	{
		strlcpy(note.provider, to->provider, sizeof(note.provider));
		note.base_score = to->base_score;
	}
	change_score(&note);
}

/*
 * Insert the epoch that *next describes, coming from a provider (NULL: from
 * none), without a provider if choice is NULL.  False if somebody else made
 * that epoch first.
 */
static bool
make_epoch(Assignment *next, const char *from, const Choice *choice, const char *reason, const char *by,
		   RowInsert insert)
{
	Relation table = row_open(TABLE_ASSIGNMENT, RowExclusiveLock);
	Datum	 values[ASSIGNMENT_SCOPE] = {0};
	bool	 nulls[ASSIGNMENT_SCOPE] = {0};

	next->provider = choice ? choice->provider : NULL;
	next->room = choice ? choice->room : NULL;
	next->reason = pstrdup(reason);
	next->claimed_by = pstrdup(by);
	next->assigned_at = GetCurrentTimestamp();

	values[ASSIGNMENT_SESSION_ID - 1] = CStringGetTextDatum(next->session_id);
	values[ASSIGNMENT_EPOCH - 1] = Int32GetDatum(next->epoch);
	values[ASSIGNMENT_PROVIDER - 1] = text_or_null(next->provider, &nulls[ASSIGNMENT_PROVIDER - 1]);
	values[ASSIGNMENT_ROOM - 1] = text_or_null(next->room, &nulls[ASSIGNMENT_ROOM - 1]);
	values[ASSIGNMENT_REASON - 1] = CStringGetTextDatum(reason);
	values[ASSIGNMENT_CLAIMED_BY - 1] = CStringGetTextDatum(by);
	values[ASSIGNMENT_ASSIGNED_AT - 1] = TimestampTzGetDatum(next->assigned_at);
	values[ASSIGNMENT_GENERATION - 1] = Int32GetDatum(harthio_generation());
	values[ASSIGNMENT_SCOPE - 1] = CStringGetTextDatum(next->scope);

	next->is_new = insert(table, values, nulls, lengthof(values));
	row_close(table);
	if (next->is_new)
	{
		note_move(next, from, choice);
		change_made_epoch(&(Epoch){*next, from});
	}
	return next->is_new;
}

/* False if there is no provider for it. */
static bool
choose_for(const char *session_id, Datum info, Assignment *result, Choice *choice)
{
	ProviderNeed need = {.session_id = session_id, .scope = scope_of_info(info)};

	result->session_id = session_id;
	result->scope = need.scope;
	return provider_choose(&need, choice);
}

/*
 * Open a session: its first epoch, or the next one after an end.
 */
static bool
open_session(const char *session_id, int epoch, const char *by, Datum info, Assignment *result)
{
	Choice choice;

	if (!choose_for(session_id, info, result, &choice))
		provider_none_usable();
	result->epoch = epoch;
	return make_epoch(result, NULL, &choice, epoch == 1 ? "claimed" : "reopened", by, row_insert_unseen);
}

/*
 * Open a session that nobody has named before, without a look whether it is
 * there.  False if it is, or if a look is better taken first.
 */
static bool
open_unseen_session(const char *session_id, const char *by, Datum info, Assignment *result)
{
	Choice choice;

	if (XactReadOnly || !sighting_is_first(score_hash(session_id)) ||
		!choose_for(session_id, info, result, &choice))
		return false;
	result->epoch = 1;
	return make_epoch(result, NULL, &choice, "claimed", by, row_insert_alone);
}

static bool
lock_session(Statement *lock_statement, const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	return statement_run(lock_statement, args, NULL) > 0;
}

bool
assignment_lock_to_join(const char *session_id)
{
	return lock_session(&lock_to_join_statement, session_id);
}

bool
assignment_try_lock(const char *session_id)
{
	return lock_session(&try_lock_statement, session_id);
}

void
assignment_forget(const char *session_id)
{
	Datum args[] = {CStringGetTextDatum(session_id)};

	statement_run(&forget_statement, args, NULL);
}

/*
 * Be told the session's assignment as somebody who is joining it; exists says
 * whether it was there a moment ago.  Whoever finds no open session opens it;
 * of several who do, all but one go round again and find it.
 */
static void
claim(const char *session_id, const char *participant_id, Datum info, bool exists, Assignment *result)
{
	Statement *lock_statement = harthio_max_participants > 0 ? &lock_to_count_statement : &lock_to_join_statement;

	for (;; exists = true)
	{
		int next_epoch = 1;

		if (exists && lock_session(lock_statement, session_id))
		{
			assignment_require(session_id, result);
			if (result->provider != NULL)
				return;
			next_epoch = result->epoch + 1;
		}
		if (open_session(session_id, next_epoch, participant_id, info, result))
			return;
	}
}

/* Who is in the session already, after a reload or in a second tab, writes nothing. */
static void
join(const char *session_id, const char *participant_id, const Device *device, Datum info, Assignment *result)
{
	bool exists = read_current(session_id, RowExclusiveLock, result);

	if (exists && result->provider != NULL &&
		participant_has_joined(session_id, participant_id, device, info))
		return;
	claim(session_id, participant_id, info, exists, result);
	participant_join(session_id, participant_id, device, info, result->is_new && result->epoch == 1);
}

Datum
harthio_claim_provider(PG_FUNCTION_ARGS)
{
	char	  *session_id;
	Identity   identity;
	Datum	   info;
	Device	   device;
	Assignment result;
	Datum	   answer;

	harthio_require_ready();
	session_id = argument_session_id(fcinfo, 0);
	identity = identity_of_caller(argument_optional_participant_id(fcinfo, 1));
	info = argument_json_object(fcinfo, 2, "info");
	device = device_take(&info);
	identity_require_may_join(session_id, &identity);

	SPI_connect();

	if (open_unseen_session(session_id, identity.participant_id, info, &result))
		participant_join(session_id, identity.participant_id, &device, info, true);
	else
		join(session_id, identity.participant_id, &device, info, &result);
	answer = assignment_result(fcinfo, &result);
	SPI_finish();

	return answer;
}

void
assignment_lock_to_count(const char *session_id)
{
	lock_session(&lock_to_count_statement, session_id);
}

static ProviderNeed
need_elsewhere(const Assignment *current, bool failed)
{
	return (ProviderNeed){
		.session_id = current->session_id,
		.scope = current->scope,
		.current = current->provider,
		.failed = failed,
	};
}

/* Make the next epoch, or be told the one that somebody else made. */
static void
switch_to(const Choice *choice, Assignment *current, const char *reason, const char *by)
{
	Assignment next = *current;

	next.epoch++;
	if (make_epoch(&next, current->provider, choice, reason, by, row_insert_unseen))
		*current = next;
	else
		assignment_require(current->session_id, current);
}

bool
assignment_switch(Assignment *current, const char *reason, const char *by)
{
	ProviderNeed need = need_elsewhere(current, strcmp(reason, REASON_FAILED) == 0);
	Choice		 choice;

	if (!provider_choose(&need, &choice))
		return false;
	switch_to(&choice, current, reason, by);
	return true;
}

bool
assignment_switch_if_better(Assignment *current, double quality, const char *by)
{
	ProviderNeed need = need_elsewhere(current, true);
	double		 score = provider_score(current->provider, current->scope);
	Choice		 choice;

	if (!provider_choose_better(&need, Min(score, quality) + harthio_switch_threshold, &choice))
		return false;
	switch_to(&choice, current, REASON_DEGRADED, by);
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
			provider_none_usable();
	}
	answer = assignment_result(fcinfo, &result);
	SPI_finish();

	return answer;
}

void
assignment_end(Assignment *current, const char *reason, const char *by)
{
	const char *from;

	do
	{
		/* a switch does not ask for the lock and may have been faster */
		assignment_require(current->session_id, current);
		if (current->provider == NULL)
			break;
		from = current->provider;
		current->epoch++;
	} while (!make_epoch(current, from, NULL, reason, by, row_insert_unseen));
	participant_leave_all(current->session_id);
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
	assignment_end(&result, "ended", identity.participant_id);
	answer = assignment_result(fcinfo, &result);
	SPI_finish();

	return answer;
}

HeapTuple
assignment_row(TupleDesc desc, const Assignment *assignment)
{
	Datum values[9];
	bool  nulls[9] = {0};

	values[0] = CStringGetTextDatum(assignment->session_id);
	values[1] = Int32GetDatum(assignment->epoch);
	values[2] = text_or_null(assignment->provider, &nulls[2]);
	values[3] = text_or_null(assignment->room, &nulls[3]);
	values[4] = BoolGetDatum(assignment->is_new);
	values[5] = CStringGetTextDatum(assignment->reason);
	values[6] = CStringGetTextDatum(assignment->claimed_by);
	values[7] = TimestampTzGetDatum(assignment->assigned_at);
	values[8] = Int32GetDatum(harthio_generation());

	return heap_form_tuple(desc, values, nulls);
}

Datum
assignment_result(FunctionCallInfo fcinfo, const Assignment *assignment)
{
	TupleDesc desc = lookup_rowtype_tupdesc(get_func_rettype(fcinfo->flinfo->fn_oid), -1);
	Datum	  answer = PointerGetDatum(SPI_returntuple(assignment_row(desc, assignment), desc));

	ReleaseTupleDesc(desc);
	return answer;
}
