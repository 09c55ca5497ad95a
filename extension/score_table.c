/*-------------------------------------------------------------------------
 *
 * score_table.c
 *	  The scores' tables: loaded at start, written once a second.
 *
 * harthio.scope has what is known of a scope's traffic, harthio.provider_score
 * an arm for each of its providers.  Who holds the probe and who reported last
 * is not kept: after a restart both are unknown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "row.h"
#include "score_shared.h"
#include "statement.h"

/* The numbers of a scope, in the order of its statements. */
enum
{
	SCOPE_ARRIVALS,
	SCOPE_ARRIVALS_AT,
	SCOPE_FIRST_AT,
	SCOPE_HALF_LIFE,
	SCOPE_DRIFT_HALF_LIFE,
	SCOPE_HEARD_AT,
	SCOPE_NUMBERS
};

/* The numbers of an arm, likewise. */
enum
{
	ARM_PRIOR,
	ARM_POINTS,
	ARM_GOOD,
	ARM_BAD,
	ARM_UPDATED_AT,
	ARM_OPEN_UNTIL,
	ARM_CLOSED_AT,
	ARM_BREAKER,
	ARM_REASON,
	ARM_CONSECUTIVE,
	ARM_EJECTIONS,
	ARM_DEMOTIONS,
	ARM_VERDICTS,
	ARM_FAILED,
	ARM_PROBES_OK,
	ARM_SUCCESSES,
	ARM_FAILURES,
	ARM_LAST_SUCCESS_AT,
	ARM_LAST_FAILURE_AT,
	ARM_NUMBERS
};

/* Times are stored as such, and numbers here: seconds since 1970, 0 for none. */
#define TIME_IN(n)	   "to_timestamp(nullif(v[" #n "], 0))"
#define TIME_OUT(name) "coalesce(extract(epoch FROM " name "), 0)"

static Statement load_scopes_statement = {
	.text = "SELECT scope, ARRAY[arrivals, " TIME_OUT("arrivals_at") ", " TIME_OUT("first_at") ","
																							   "       half_life, drift_half_life, " TIME_OUT("heard_at") "]::float8[]"
																																						  "  FROM harthio.scope ORDER BY scope <> '', heard_at DESC",
};

static Statement load_arms_statement = {
	.text = "SELECT scope, provider, ARRAY[prior, points, good, bad, " TIME_OUT("updated_at") ","
																							  "       " TIME_OUT("open_until") ", " TIME_OUT("closed_at") ", breaker, reason, consecutive,"
																																						  "       ejections, demotions, verdicts, failed, probes_ok, successes, failures,"
																																						  "       " TIME_OUT("last_success_at") ", " TIME_OUT("last_failure_at") "]::float8[]"
																																																								 "  FROM harthio.provider_score",
};

static Statement write_scope_statement = {
	.text = "INSERT INTO harthio.scope AS s"
			"       (scope, arrivals, arrivals_at, first_at, half_life, drift_half_life, heard_at)"
			" SELECT $1, v[1], " TIME_IN(2) ", " TIME_IN(3) ", v[4], v[5], " TIME_IN(6) "  FROM (SELECT $2 AS v) numbers"
																						" ON CONFLICT (scope) DO UPDATE SET"
																						"  (arrivals, arrivals_at, first_at, half_life, drift_half_life, heard_at) ="
																						"  (excluded.arrivals, excluded.arrivals_at, excluded.first_at, excluded.half_life,"
																						"   excluded.drift_half_life, excluded.heard_at)",
	.nargs = 2,
	.argtypes = {TEXTOID, FLOAT8ARRAYOID},
};

/* A provider that the operator has deleted has nothing to keep. */
static Statement write_arm_statement = {
	.text = "INSERT INTO harthio.provider_score AS s"
			"       (scope, provider, score, prior, points, good, bad, updated_at, open_until, closed_at,"
			"        breaker, reason, consecutive, ejections, demotions, verdicts, failed, probes_ok,"
			"        successes, failures, last_success_at, last_failure_at)"
			" SELECT $1, $2, $3, v[1], v[2], v[3], v[4], " TIME_IN(5) ", " TIME_IN(6) ", " TIME_IN(7) ","
																									  "        v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15], v[16], v[17],"
																									  "        " TIME_IN(18) ", " TIME_IN(19) "  FROM (SELECT $4 AS v) numbers, harthio.provider p WHERE p.provider = $2"
																																			  " ON CONFLICT (scope, provider) DO UPDATE SET"
																																			  "  (score, prior, points, good, bad, updated_at, open_until, closed_at,"
																																			  "   breaker, reason, consecutive, ejections, demotions, verdicts, failed, probes_ok,"
																																			  "   successes, failures, last_success_at, last_failure_at) ="
																																			  "  (excluded.score, excluded.prior, excluded.points, excluded.good, excluded.bad,"
																																			  "   excluded.updated_at, excluded.open_until, excluded.closed_at, excluded.breaker,"
																																			  "   excluded.reason, excluded.consecutive, excluded.ejections, excluded.demotions,"
																																			  "   excluded.verdicts, excluded.failed, excluded.probes_ok, excluded.successes,"
																																			  "   excluded.failures, excluded.last_success_at, excluded.last_failure_at)",
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, FLOAT8OID, FLOAT8ARRAYOID},
};

/* The chart of a provider's score: its last value in each minute. */
static Statement write_history_statement = {
	.text = "INSERT INTO harthio.score_history AS h (provider, minute, score)"
			" SELECT p.provider, date_trunc('minute', clock_timestamp()), $2"
			"  FROM harthio.provider p WHERE p.provider = $1"
			" ON CONFLICT (provider, minute) DO UPDATE SET score = excluded.score",
	.nargs = 2,
	.argtypes = {TEXTOID, FLOAT8OID},
};

static Statement trim_history_statement = {
	.text = "DELETE FROM harthio.score_history"
			" WHERE provider = $1 AND minute < clock_timestamp() - interval '7 days'",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement trim_scopes_statement = {
	.text = "DELETE FROM harthio.scope WHERE scope <> ALL ($1)",
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
};

static Statement provider_statement = {
	.text = "SELECT FROM harthio.provider WHERE provider = $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* The newest epoch of a session that has not ended says where it is. */
static Statement sessions_statement = {
	.text = "SELECT a.provider, count(*) FROM harthio.assignment a"
			" WHERE a.provider IS NOT NULL"
			"   AND NOT EXISTS (SELECT FROM harthio.assignment b"
			"                    WHERE b.session_id = a.session_id AND b.epoch = a.epoch + 1)"
			" GROUP BY a.provider",
};

static Datum
float_array(const double *numbers, int count)
{
	Datum *elements = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = Float8GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(elements, count, FLOAT8OID, sizeof(float8),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* An array without nulls, of as many numbers as the statement selects. */
static void
column_floats(uint64 row, int column, double *numbers, int count)
{
	bool	   isnull;
	ArrayType *array = DatumGetArrayTypeP(column_datum(row, column, &isnull));

	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count || ARR_HASNULL(array))
		elog(ERROR, "a row of the scores has no %d numbers", count);
	memcpy(numbers, ARR_DATA_PTR(array), count * sizeof(double));
}

static void
scope_to_numbers(const ScoreScope *scope, double *v)
{
	v[SCOPE_ARRIVALS] = scope->traffic.arrivals;
	v[SCOPE_ARRIVALS_AT] = scope->traffic.arrivals_at;
	v[SCOPE_FIRST_AT] = scope->traffic.first_at;
	v[SCOPE_HALF_LIFE] = scope->traffic.half_life;
	v[SCOPE_DRIFT_HALF_LIFE] = scope->traffic.drift_half_life;
	v[SCOPE_HEARD_AT] = scope->heard_at;
}

static void
scope_from_numbers(ScoreScope *scope, const double *v)
{
	scope->traffic.arrivals = v[SCOPE_ARRIVALS];
	scope->traffic.arrivals_at = v[SCOPE_ARRIVALS_AT];
	scope->traffic.first_at = v[SCOPE_FIRST_AT];
	scope->traffic.half_life = v[SCOPE_HALF_LIFE];
	scope->traffic.drift_half_life = v[SCOPE_DRIFT_HALF_LIFE];
	scope->heard_at = v[SCOPE_HEARD_AT];
}

static void
arm_to_numbers(const ScoreArm *arm, double *v)
{
	v[ARM_PRIOR] = arm->policy.prior;
	v[ARM_POINTS] = arm->policy.points;
	v[ARM_GOOD] = arm->policy.successes;
	v[ARM_BAD] = arm->policy.failures;
	v[ARM_UPDATED_AT] = arm->policy.updated_at;
	v[ARM_OPEN_UNTIL] = arm->policy.open_until;
	v[ARM_CLOSED_AT] = arm->policy.closed_at;
	v[ARM_BREAKER] = arm->policy.state;
	v[ARM_REASON] = arm->policy.reason;
	v[ARM_CONSECUTIVE] = arm->policy.consecutive;
	v[ARM_EJECTIONS] = arm->policy.ejections;
	v[ARM_DEMOTIONS] = arm->policy.demotions;
	v[ARM_VERDICTS] = arm->policy.verdicts;
	v[ARM_FAILED] = arm->policy.failed;
	v[ARM_PROBES_OK] = arm->policy.probes_ok;
	v[ARM_SUCCESSES] = (double) arm->successes;
	v[ARM_FAILURES] = (double) arm->failures;
	v[ARM_LAST_SUCCESS_AT] = arm->last_success_at;
	v[ARM_LAST_FAILURE_AT] = arm->last_failure_at;
}

static void
arm_from_numbers(ScoreArm *arm, const double *v)
{
	arm->known = true;
	arm->policy.prior = v[ARM_PRIOR];
	arm->policy.points = v[ARM_POINTS];
	arm->policy.successes = v[ARM_GOOD];
	arm->policy.failures = v[ARM_BAD];
	arm->policy.updated_at = v[ARM_UPDATED_AT];
	arm->policy.open_until = v[ARM_OPEN_UNTIL];
	arm->policy.closed_at = v[ARM_CLOSED_AT];
	arm->policy.state = (BreakerState) v[ARM_BREAKER];
	arm->policy.reason = (BreakerReason) v[ARM_REASON];
	arm->policy.consecutive = (int) v[ARM_CONSECUTIVE];
	arm->policy.ejections = (int) v[ARM_EJECTIONS];
	arm->policy.demotions = (int) v[ARM_DEMOTIONS];
	arm->policy.verdicts = (int) v[ARM_VERDICTS];
	arm->policy.failed = (int) v[ARM_FAILED];
	arm->policy.probes_ok = (int) v[ARM_PROBES_OK];
	arm->successes = (int64) v[ARM_SUCCESSES];
	arm->failures = (int64) v[ARM_FAILURES];
	arm->last_success_at = v[ARM_LAST_SUCCESS_AT];
	arm->last_failure_at = v[ARM_LAST_FAILURE_AT];
}

/* What the tables have, in the memory of this backend. */
typedef struct Loaded
{
	uint64	   nscopes;
	ScopeName *scopes;
	double (*scope_numbers)[SCOPE_NUMBERS];
	uint64		  narms;
	ScopeName	 *arm_scopes;
	ProviderName *arm_providers;
	double (*arm_numbers)[ARM_NUMBERS];
} Loaded;

static void
read_tables(Loaded *loaded)
{
	loaded->nscopes = statement_run(&load_scopes_statement, NULL, NULL);
	loaded->scopes = palloc0((loaded->nscopes + 1) * sizeof(ScopeName));
	loaded->scope_numbers = palloc0((loaded->nscopes + 1) * sizeof(*loaded->scope_numbers));
	for (uint64 row = 0; row < loaded->nscopes; row++)
	{
		strlcpy(loaded->scopes[row], column_string(row, 1), sizeof(ScopeName));
		column_floats(row, 2, loaded->scope_numbers[row], SCOPE_NUMBERS);
	}

	loaded->narms = statement_run(&load_arms_statement, NULL, NULL);
	loaded->arm_scopes = palloc0((loaded->narms + 1) * sizeof(ScopeName));
	loaded->arm_providers = palloc0((loaded->narms + 1) * sizeof(ProviderName));
	loaded->arm_numbers = palloc0((loaded->narms + 1) * sizeof(*loaded->arm_numbers));
	for (uint64 row = 0; row < loaded->narms; row++)
	{
		strlcpy(loaded->arm_scopes[row], column_string(row, 1), sizeof(ScopeName));
		strlcpy(loaded->arm_providers[row], column_string(row, 2), sizeof(ProviderName));
		column_floats(row, 3, loaded->arm_numbers[row], ARM_NUMBERS);
	}
}

static void
forget_all(void)
{
	MemSet(scores->providers, 0, sizeof(scores->providers));
	MemSet(scores->scopes, 0, sizeof(scores->scopes));
	MemSet(&scores->budgets, 0, sizeof(scores->budgets));
	scores->table = InvalidOid;
}

/* The caller holds the lock.  What there is no room for is left out. */
static void
take_over(const Loaded *loaded, double now)
{
	forget_all();
	score_add_scope("", now);
	for (uint64 i = 0; i < loaded->nscopes && i < SCORE_MAX_SCOPES; i++)
		scope_from_numbers(score_add_scope(loaded->scopes[i], now), loaded->scope_numbers[i]);

	for (uint64 i = 0; i < loaded->narms; i++)
	{
		ScoreScope *scope = score_find_scope(loaded->arm_scopes[i]);
		int			slot = score_add_provider(loaded->arm_providers[i], now);

		if (scope != NULL && slot >= 0)
			arm_from_numbers(&scope->arms[slot], loaded->arm_numbers[i]);
	}
}

/*
 * The identity of the loaded table tells a new installation of the extension
 * from the one that the scores in memory belong to.
 */
void
score_ensure_loaded(void)
{
	Oid	   table = row_table_oid(TABLE_PROVIDER_SCORE);
	Oid	   known;
	Loaded loaded;

	LWLockAcquire(scores->lock, LW_SHARED);
	known = scores->table;
	LWLockRelease(scores->lock);
	if (known == table)
		return;

	read_tables(&loaded);

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	if (scores->table != table)
	{
		take_over(&loaded, score_clock());
		scores->table = table;
	}
	LWLockRelease(scores->lock);
}

void
score_forget(void)
{
	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	forget_all();
	LWLockRelease(scores->lock);
}

static bool
is_due(const ScoreChanges *changes)
{
	return changes->made != changes->written;
}

bool
score_checkpoint_due(void)
{
	bool due = false;

	LWLockAcquire(scores->lock, LW_SHARED);
	for (int i = 0; i < SCORE_MAX_SCOPES && !due; i++)
	{
		ScoreScope *scope = &scores->scopes[i];

		due = is_due(&scope->changes);
		for (int slot = 0; slot < SCORE_MAX_PROVIDERS && !due; slot++)
			due = is_due(&scope->arms[slot].changes);
	}
	LWLockRelease(scores->lock);

	return due;
}

static void
write_arm(const ScoreScope *scope, const ScoreArm *arm, const char *provider, double score)
{
	double numbers[ARM_NUMBERS];
	Datum  args[4];

	arm_to_numbers(arm, numbers);
	args[0] = CStringGetTextDatum(scope->name);
	args[1] = CStringGetTextDatum(provider);
	args[2] = Float8GetDatum(score);
	args[3] = float_array(numbers, ARM_NUMBERS);
	statement_run(&write_arm_statement, args, NULL);

	if (scope->name[0] == '\0')
	{
		statement_run(&write_history_statement, args + 1, NULL);
		statement_run(&trim_history_statement, args + 1, NULL);
	}
}

/*
 * Copy a scope, and mark what changed in it as being written.  Returns whether
 * anything did.
 */
static bool
copy_changed(int index, ScoreScope *copy)
{
	ScoreScope *scope = &scores->scopes[index];
	bool		due;

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	scope->changes.writing = scope->changes.made;
	due = is_due(&scope->changes);
	for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
	{
		scope->arms[slot].changes.writing = scope->arms[slot].changes.made;
		due |= is_due(&scope->arms[slot].changes);
	}
	if (due)
		*copy = *scope;
	LWLockRelease(scores->lock);

	return due;
}

static void
write_scope(const ScoreScope *scope)
{
	double		   numbers[SCOPE_NUMBERS];
	double		   now = score_clock();
	PolicySettings settings;
	Datum		   args[2];

	scope_to_numbers(scope, numbers);
	args[0] = CStringGetTextDatum(scope->name);
	args[1] = float_array(numbers, SCOPE_NUMBERS);
	statement_run(&write_scope_statement, args, NULL);

	/* a provider keeps its slot until this process takes it away */
	score_settings(&settings);
	for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
	{
		const ScoreArm *arm = &scope->arms[slot];

		if (is_due(&arm->changes))
			write_arm(scope, arm, scores->providers[slot].name,
					  policy_score(&settings, &scope->traffic, &arm->policy, now));
	}
}

/*
 * Scopes that had to make room for others leave the table too.
 */
static void
trim_scopes(void)
{
	ScopeName names[SCORE_MAX_SCOPES];
	Datum	  elements[SCORE_MAX_SCOPES];
	Datum	  array;
	int		  count = 0;

	LWLockAcquire(scores->lock, LW_SHARED);
	for (int i = 0; i < SCORE_MAX_SCOPES; i++)
	{
		if (scores->scopes[i].used)
			memcpy(names[count++], scores->scopes[i].name, sizeof(ScopeName));
	}
	LWLockRelease(scores->lock);

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(names[i]);
	array = PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
	statement_run(&trim_scopes_statement, &array, NULL);
}

/*
 * Free the slots of providers that the operator has deleted, but for those
 * that came so late that their row may not be visible here.
 */
static void
trim_providers(double started)
{
	for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
	{
		ScoreProvider *provider = &scores->providers[slot];
		ProviderName   name;
		Datum		   arg;

		LWLockAcquire(scores->lock, LW_SHARED);
		strlcpy(name, provider->since < started ? provider->name : "", sizeof(name));
		LWLockRelease(scores->lock);

		arg = CStringGetTextDatum(name);
		if (name[0] == '\0' || statement_run(&provider_statement, &arg, NULL) > 0)
			continue;

		LWLockAcquire(scores->lock, LW_EXCLUSIVE);
		MemSet(provider, 0, sizeof(ScoreProvider));
		for (int i = 0; i < SCORE_MAX_SCOPES; i++)
			MemSet(&scores->scopes[i].arms[slot], 0, sizeof(ScoreArm));
		LWLockRelease(scores->lock);
	}
}

void
score_checkpoint(void)
{
	ScoreScope *copy = palloc(sizeof(ScoreScope));
	double		started = score_clock();

	for (int i = 0; i < SCORE_MAX_SCOPES; i++)
	{
		if (copy_changed(i, copy))
			write_scope(copy);
	}
	trim_scopes();
	trim_providers(started);
	pfree(copy);
}

/* Only what is committed counts as written. */
void
score_checkpoint_committed(void)
{
	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	for (int i = 0; i < SCORE_MAX_SCOPES; i++)
	{
		ScoreScope *scope = &scores->scopes[i];

		scope->changes.written = scope->changes.writing;
		for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
			scope->arms[slot].changes.written = scope->arms[slot].changes.writing;
	}
	LWLockRelease(scores->lock);
}

static void
read_session_counts(int64 *counts)
{
	LWLockAcquire(scores->lock, LW_SHARED);
	for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
		counts[slot] = scores->providers[slot].sessions;
	LWLockRelease(scores->lock);
}

static void
add_session_count(const char *provider, int64 sessions)
{
	int slot;

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	slot = score_add_provider(provider, score_clock());
	if (slot >= 0)
		scores->providers[slot].sessions += sessions;
	LWLockRelease(scores->lock);
}

/*
 * What commits while the table is read is in its count or is added to it, but
 * for what commits in the moment between the first reading and the snapshot.
 */
void
score_recount_sessions(void)
{
	int64  before[SCORE_MAX_PROVIDERS];
	uint64 rows;

	read_session_counts(before);
	rows = statement_run(&sessions_statement, NULL, NULL);

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
		scores->providers[slot].sessions -= before[slot];
	LWLockRelease(scores->lock);

	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;

		add_session_count(column_string(row, 1), DatumGetInt64(column_datum(row, 2, &isnull)));
	}
}
