/*-------------------------------------------------------------------------
 *
 * evacuation.c
 *	  Taking a provider out of service, with or without the sessions on it.
 *
 * A claim that chose the provider before it was disabled may commit while the
 * sessions are being moved.  So an evacuation is finished only when no session
 * is left and every transaction is over that may have made such a choice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "evacuation.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "assignment.h"
#include "harthio.h"
#include "identity.h"
#include "provider.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_evacuate_provider);
PG_FUNCTION_INFO_V1(harthio_drain_provider);
PG_FUNCTION_INFO_V1(harthio_enable_provider);

#define EVACUATION_BATCH 100 /* sessions in one transaction */
#define WAIT_SECONDS	 1	 /* before it looks again whether it can finish */

/* All rows: of two who each disable the other's last resort one must wait. */
static Statement lock_statement = {
	.text = "SELECT provider = $1, enabled FROM harthio.provider ORDER BY provider FOR NO KEY UPDATE",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement set_enabled_statement = {
	.text = "UPDATE harthio.provider SET enabled = $2 WHERE provider = $1 AND enabled <> $2",
	.nargs = 2,
	.argtypes = {TEXTOID, BOOLOID},
};

/* Of a session the epoch that has none after it is the current one. */
#define ON_PROVIDER(provider)                             \
	" harthio.assignment a WHERE a.provider = " provider  \
	"   AND NOT EXISTS (SELECT FROM harthio.assignment b" \
	"                    WHERE b.session_id = a.session_id AND b.epoch = a.epoch + 1)"

static Statement count_statement = {
	.text = "SELECT count(*)::integer FROM" ON_PROVIDER("$1"),
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement begin_statement = {
	.text = "INSERT INTO harthio.evacuation (provider, requested_by, started_at, sessions, moved)"
			" VALUES ($1, $2, clock_timestamp(), $3, 0)"
			" ON CONFLICT (provider) DO UPDATE SET requested_by = excluded.requested_by,"
			"   started_at = excluded.started_at, sessions = excluded.sessions, moved = 0, finished_at = NULL",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, INT4OID},
};

static Statement cancel_statement = {
	.text = "DELETE FROM harthio.evacuation WHERE provider = $1 AND finished_at IS NULL",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* A provider can be enabled without our functions, too. */
static Statement cancel_enabled_statement = {
	.text = "DELETE FROM harthio.evacuation e USING harthio.provider p"
			" WHERE p.provider = e.provider AND p.enabled AND e.finished_at IS NULL",
	.nargs = 0,
};

static Statement unfinished_statement = {
	.text = "SELECT array_agg(provider), max(started_at) FROM harthio.evacuation"
			" WHERE finished_at IS NULL HAVING count(*) > 0",
	.nargs = 0,
};

static Statement find_statement = {
	.text = "SELECT a.session_id FROM" ON_PROVIDER("ANY ($2)") "   AND a.session_id > $1 ORDER BY a.session_id LIMIT $3",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTARRAYOID, INT8OID},
};

static Statement requested_by_statement = {
	.text = "SELECT requested_by FROM harthio.evacuation WHERE provider = $1 AND finished_at IS NULL",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement moved_statement = {
	.text = "UPDATE harthio.evacuation SET moved = moved + 1 WHERE provider = $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* Our own workers choose nothing, or have had their turn. */
static Statement older_statement = {
	.text = "SELECT FROM pg_stat_activity WHERE datname = current_database()"
			"   AND pid <> pg_backend_pid() AND xact_start < $1"
			"   AND backend_type NOT IN ('autovacuum worker', 'harthio publisher', 'harthio sweeper') LIMIT 1",
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID},
};

static Statement finish_statement = {
	.text = "UPDATE harthio.evacuation e SET finished_at = clock_timestamp()"
			" WHERE e.provider = ANY ($1) AND e.finished_at IS NULL"
			"   AND NOT EXISTS (SELECT FROM" ON_PROVIDER("e.provider") ")",
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
};

/*
 * What is being evacuated, and since when this process has known of all of it:
 * transactions that began later see that those providers are disabled.
 */
static Datum	   providers = (Datum) 0; /* text[] in TopMemoryContext, or 0 */
static TimestampTz newest_started_at;
static TimestampTz known_since;
static bool		   must_wait; /* for transactions older than that, or another sweep */

/*
 * Lock the providers.  Returns whether another one than this is enabled, and
 * raises 42704 if there is no such provider.
 */
static bool
lock_providers(const char *provider)
{
	Datum  args[] = {CStringGetTextDatum(provider)};
	uint64 rows = statement_run(&lock_statement, args, NULL);
	bool   exists = false;
	bool   other = false;

	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;

		if (DatumGetBool(column_datum(row, 1, &isnull)))
			exists = true;
		else if (DatumGetBool(column_datum(row, 2, &isnull)))
			other = true;
	}
	if (!exists)
		provider_not_found(provider);
	return other;
}

static void
set_enabled(const char *provider, bool enabled)
{
	Datum args[] = {CStringGetTextDatum(provider), BoolGetDatum(enabled)};

	statement_run(&set_enabled_statement, args, NULL);
}

/*
 * Returns how many sessions are on the provider now.
 */
Datum
harthio_evacuate_provider(PG_FUNCTION_ARGS)
{
	char	*provider;
	Identity identity;
	Datum	 args[3];
	int		 sessions;

	harthio_require_ready();
	provider = argument_text(fcinfo, 0, "provider");
	identity = identity_of_caller(NULL);

	SPI_connect();
	if (!lock_providers(provider))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no other provider is enabled"),
				 errdetail("The sessions on \"%s\" would have nowhere to go.", provider),
				 errhint("Enable another one first, with harthio_enable_provider.")));
	set_enabled(provider, false);

	args[0] = CStringGetTextDatum(provider);
	args[1] = CStringGetTextDatum(identity.participant_id);
	statement_run(&count_statement, args, NULL);
	sessions = column_int(0, 1);
	args[2] = Int32GetDatum(sessions);
	statement_run(&begin_statement, args, NULL);
	sweeper_wake_at_commit();
	SPI_finish();

	PG_RETURN_INT32(sessions);
}

Datum
harthio_drain_provider(PG_FUNCTION_ARGS)
{
	char *provider;

	harthio_require_ready();
	provider = argument_text(fcinfo, 0, "provider");

	SPI_connect();
	(void) lock_providers(provider);
	set_enabled(provider, false);
	SPI_finish();

	PG_RETURN_VOID();
}

/*
 * Enabling a provider cancels its evacuation.
 */
Datum
harthio_enable_provider(PG_FUNCTION_ARGS)
{
	char *provider;
	Datum args[1];

	harthio_require_ready();
	provider = argument_text(fcinfo, 0, "provider");

	SPI_connect();
	(void) lock_providers(provider);
	set_enabled(provider, true);
	args[0] = CStringGetTextDatum(provider);
	statement_run(&cancel_statement, args, NULL);
	SPI_finish();

	PG_RETURN_VOID();
}

/*
 * Sweeps take turns for a transaction each: two that move the same sessions in
 * long transactions would wait for each other.  False if it is another one's,
 * or if an evacuation is being asked for: what disables the provider may be
 * visible already, but others may not have been told to read it anew.
 */
static bool
take_turn(void)
{
	Oid table = get_relname_relid("evacuation", get_namespace_oid("harthio", false));

	must_wait = !ConditionalLockRelationOid(table, ShareRowExclusiveLock);
	return !must_wait;
}

/*
 * Look what is to be evacuated now.  Evacuations start one after the other,
 * for they lock the providers, so that one that is new is the newest.
 */
static void
begin_walk(void)
{
	MemoryContext caller = CurrentMemoryContext;
	TimestampTz	  newest;
	bool		  isnull;

	if (providers != 0)
		pfree(DatumGetPointer(providers));
	providers = (Datum) 0;

	statement_run(&cancel_enabled_statement, NULL, NULL);
	if (statement_run(&unfinished_statement, NULL, NULL) == 0)
		return;

	newest = column_timestamp(0, 2);
	if (newest != newest_started_at)
		known_since = GetCurrentTimestamp();
	newest_started_at = newest;

	MemoryContextSwitchTo(TopMemoryContext);
	providers = datumCopy(column_datum(0, 1, &isnull), false, -1);
	MemoryContextSwitchTo(caller);
}

static void
evacuation_find(SweepBatch *batch)
{
	if (!take_turn())
		return;
	if (batch->after[0] == '\0')
		begin_walk();
	if (providers != 0)
	{
		Datum args[] = {CStringGetTextDatum(batch->after), providers,
						Int64GetDatum(EVACUATION_BATCH)};

		sweep_fill(batch, statement_run(&find_statement, args, NULL), EVACUATION_BATCH);
	}
}

/* Returns how many sessions were moved. */
static int
evacuation_apply(const char *session_id)
{
	Assignment current;
	Datum	   args[1];

	if (!take_turn() || !assignment_current(session_id, &current) || current.provider == NULL)
		return 0;
	args[0] = CStringGetTextDatum(current.provider);
	if (statement_run(&requested_by_statement, args, NULL) == 0)
		return 0;

	/* with no provider enabled it stays, and is tried again */
	if (!assignment_switch(&current, "evacuated", column_string(0, 1)) || !current.is_new)
		return 0;
	statement_run(&moved_statement, args, NULL);
	return 1;
}

/*
 * Which transactions are running is asked before the sessions are looked at,
 * so that those that are not are seen.
 */
static void
evacuation_finish(void)
{
	Datum since = TimestampTzGetDatum(known_since);

	if (providers == 0 || !take_turn())
		return;
	must_wait = statement_run(&older_statement, &since, NULL) > 0;
	if (!must_wait)
		statement_run(&finish_statement, &providers, NULL);
}

static int
evacuation_rest(void)
{
	return must_wait ? WAIT_SECONDS : harthio_sweep_interval;
}

const Sweep evacuation_sweep = {
	.activity = "evacuating providers",
	.find = evacuation_find,
	.apply = evacuation_apply,
	.finish = evacuation_finish,
	.rest = evacuation_rest,
};
