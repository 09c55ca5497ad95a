/*-------------------------------------------------------------------------
 *
 * lease.c
 *	  How participants leave who do not say so.
 *
 * To have a participant leave, the session is locked as for an end, and then
 * looked at again: attaching and joining hold the lock that joining takes, so
 * nobody is lost who was attached a moment before.
 *
 * To take a lease away, its row is deleted; attaching holds FOR KEY SHARE on
 * it.  A notifier whose lease is gone gets a new one and is told so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lease.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "assignment.h"
#include "harthio.h"
#include "participant.h"
#include "quality_summary.h"
#include "statement.h"
#include "vacancy.h"

PG_FUNCTION_INFO_V1(harthio_attach);
PG_FUNCTION_INFO_V1(harthio_renew_lease);

#define LEASE_BATCH 100 /* sessions in one transaction */

static Statement renew_statement = {
	.text = "UPDATE harthio.node SET renewed_at = clock_timestamp() WHERE node_id = $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement hold_statement = {
	.text = "SELECT FROM harthio.node WHERE node_id = $1 FOR KEY SHARE",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement grant_statement = {
	.text = "INSERT INTO harthio.node (node_id, renewed_at) VALUES ($1, clock_timestamp())"
			" ON CONFLICT DO NOTHING",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement attach_statement = {
	.text = "INSERT INTO harthio.attachment (session_id, participant_id, node_id)"
			" SELECT DISTINCT $1, wanted.participant_id, $3 FROM unnest($2) AS wanted(participant_id) ORDER BY 2"
			" ON CONFLICT (session_id, participant_id, node_id) DO UPDATE SET detached_at = NULL"
			"   WHERE attachment.detached_at IS NOT NULL",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTARRAYOID, TEXTOID},
};

static Statement detach_statement = {
	.text = "UPDATE harthio.attachment SET detached_at = clock_timestamp()"
			" WHERE session_id = $1 AND node_id = $3 AND detached_at IS NULL"
			"   AND participant_id <> ALL ($2)",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTARRAYOID, TEXTOID},
};

static Statement extend_statement = {
	.text = "UPDATE harthio.attachment SET detached_at = clock_timestamp()"
			" WHERE session_id = $1 AND participant_id = $2 AND detached_at IS NOT NULL",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

/* A node that is at work right now is not dead. */
static Statement lapse_statement = {
	.text = "WITH lapsed AS (DELETE FROM harthio.node WHERE node_id IN"
			"   (SELECT node_id FROM harthio.node WHERE renewed_at <= $1 FOR UPDATE SKIP LOCKED)"
			"   RETURNING node_id)"
			" SELECT array_agg(node_id) FROM lapsed HAVING count(*) > 0",
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID},
};

static Statement detach_lapsed_statement = {
	.text = "UPDATE harthio.attachment SET detached_at = $2"
			" WHERE node_id = ANY ($1) AND detached_at IS NULL",
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, TIMESTAMPTZOID},
};

static Statement find_statement = {
	.text = "SELECT DISTINCT session_id FROM harthio.attachment"
			" WHERE session_id > $1 AND detached_at <= $2"
			" ORDER BY session_id LIMIT $3",
	.nargs = 3,
	.argtypes = {TEXTOID, TIMESTAMPTZOID, INT8OID},
};

/* Present, attached no more, and not for a moment only. */
#define LOSING                                                                            \
	" p.session_id = $1 AND p.left_at IS NULL"                                            \
	" AND EXISTS (SELECT FROM harthio.attachment a WHERE a.session_id = p.session_id"     \
	"              AND a.participant_id = p.participant_id AND a.detached_at <= $2)"      \
	" AND NOT EXISTS (SELECT FROM harthio.attachment a WHERE a.session_id = p.session_id" \
	"              AND a.participant_id = p.participant_id"                               \
	"              AND (a.detached_at IS NULL OR a.detached_at > $2))"

static Statement losing_statement = {
	.text = "SELECT FROM harthio.participant p WHERE" LOSING,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static Statement lose_statement = {
	.text = "WITH lost AS (UPDATE harthio.participant p SET left_at = clock_timestamp(), lost = true"
			" WHERE" LOSING " RETURNING p.participant_id)"
			" SELECT DISTINCT participant_id FROM lost",
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static Statement forget_statement = {
	.text = "DELETE FROM harthio.attachment WHERE session_id = $1 AND detached_at <= $2",
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

/* See lease_start_grace(). */
static TimestampTz grace_began_at = DT_NOBEGIN;

void
lease_start_grace(void)
{
	grace_began_at = GetCurrentTimestamp();
}

void
lease_extend(const char *session_id, const char *participant_id)
{
	Datum args[] = {CStringGetTextDatum(session_id), CStringGetTextDatum(participant_id)};

	statement_run(&extend_statement, args, NULL);
}

/*
 * See to it that the node has a lease, and keep it from being taken away.
 * Returns whether it had one already.
 */
static bool
hold_lease(Datum node_id)
{
	bool had_one = true;

	while (statement_run(&hold_statement, &node_id, NULL) == 0)
	{
		had_one = false;
		statement_run(&grant_statement, &node_id, NULL);
		CHECK_FOR_INTERRUPTS();
	}
	return had_one;
}

/*
 * These, and only these, participants of the session are attached at this
 * node.  False if the node had no lease: what it said before is void then, and
 * it should attach all its sessions again.
 */
Datum
harthio_attach(PG_FUNCTION_ARGS)
{
	char *node_id;
	char *session_id;
	Datum args[3];
	bool  had_lease;

	harthio_require_ready();
	node_id = argument_node_id(fcinfo, 0);
	session_id = argument_session_id(fcinfo, 1);
	args[0] = CStringGetTextDatum(session_id);
	args[1] = argument_participant_ids(fcinfo, 2);
	args[2] = CStringGetTextDatum(node_id);

	SPI_connect();
	had_lease = hold_lease(args[2]);
	assignment_lock_to_join(session_id);
	statement_run(&attach_statement, args, NULL);
	statement_run(&detach_statement, args, NULL);
	participant_return(session_id, args[1]);
	SPI_finish();

	PG_RETURN_BOOL(had_lease);
}

/*
 * One row for all who are attached.  Returns the same as attaching.
 */
Datum
harthio_renew_lease(PG_FUNCTION_ARGS)
{
	Datum node_id;
	bool  had_lease;

	harthio_require_ready();
	node_id = CStringGetTextDatum(argument_node_id(fcinfo, 0));

	SPI_connect();
	had_lease = statement_run(&renew_statement, &node_id, NULL) > 0;
	if (!had_lease)
		statement_run(&grant_statement, &node_id, NULL);
	SPI_finish();

	PG_RETURN_BOOL(had_lease);
}

/*
 * Take away the leases that were not renewed.  Whoever was attached there was
 * so until the last renewal at most.
 */
static void
take_leases_away(Datum cutoff)
{
	Datum args[2];
	bool  isnull;

	if (DatumGetTimestampTz(cutoff) < grace_began_at)
		return;
	if (statement_run(&lapse_statement, &cutoff, NULL) == 0)
		return;

	args[0] = column_datum(0, 1, &isnull);
	args[1] = cutoff;
	statement_run(&detach_lapsed_statement, args, NULL);
}

static void
lease_find(SweepBatch *batch)
{
	Datum cutoff = sweep_cutoff(harthio_leave_grace);
	Datum args[] = {CStringGetTextDatum(batch->after), cutoff, Int64GetDatum(LEASE_BATCH)};

	if (batch->after[0] == '\0')
		take_leases_away(cutoff);
	sweep_fill(batch, statement_run(&find_statement, args, NULL), LEASE_BATCH);
}

/* Returns how many participants were lost. */
static int
lease_apply(const char *session_id)
{
	Datum	   args[] = {CStringGetTextDatum(session_id), sweep_cutoff(harthio_leave_grace)};
	Assignment current;
	uint64	   lost = 0;

	/* one can be attached to a session that nobody has claimed */
	if (assignment_current(session_id, &current) && !assignment_try_lock(session_id))
		return 0;

	if (statement_run(&losing_statement, args, NULL) > 0)
	{
		vacancy_note(session_id);
		lost = statement_run(&lose_statement, args, NULL);
		quality_left(session_id, column_strings(lost, 1));
	}
	statement_run(&forget_statement, args, NULL);
	return (int) lost;
}

static int
lease_rest(void)
{
	return harthio_sweep_interval;
}

const Sweep lease_sweep = {
	.activity = "looking after leases",
	.find = lease_find,
	.apply = lease_apply,
	.rest = lease_rest,
};
