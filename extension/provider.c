/*-------------------------------------------------------------------------
 *
 * provider.c
 *	  The ways of carrying a call, and which one is best for a session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider.h"

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "change_ring.h"
#include "harthio.h"
#include "row.h"
#include "score.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_providers);

#define SESSION_PLACEHOLDER "{session_id}"

/* What failed before the session was last ended is forgotten. */
static Statement failed_statement = {
	.text = "SELECT DISTINCT o.provider FROM harthio.outcome o"
			" WHERE o.session_id = $1 AND o.verdict AND NOT o.success"
			"   AND o.epoch > (SELECT coalesce(max(a.epoch), 0) FROM harthio.assignment a"
			"                   WHERE a.session_id = $1 AND a.provider IS NULL)",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

typedef struct Provider
{
	char *name;
	int	  base_score;
	char *room_template;
	int	  priority;
	bool  enabled;
} Provider;

/* What speaks for and against a provider, the weightiest first. */
typedef struct Candidate
{
	const Provider *provider;
	bool			is_current; /* a switch leads elsewhere */
	bool			has_failed; /* in this session */
	bool			is_weak;	/* below harthio.min_score */
	double			score;
} Candidate;

static bool
is_better(const Candidate *a, const Candidate *b)
{
	if (a->is_current != b->is_current)
		return b->is_current;
	if (a->has_failed != b->has_failed)
		return b->has_failed;
	if (a->is_weak != b->is_weak)
		return b->is_weak;
	return a->score > b->score;
}

static char *
fill_room_template(const char *template, const char *session_id)
{
	StringInfoData room;
	const char	  *placeholder;

	initStringInfo(&room);
	while ((placeholder = strstr(template, SESSION_PLACEHOLDER)) != NULL)
	{
		appendBinaryStringInfo(&room, template, (int) (placeholder - template));
		appendStringInfoString(&room, session_id);
		template = placeholder + strlen(SESSION_PLACEHOLDER);
	}
	appendStringInfoString(&room, template);

	if (room.len > ROOM_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("room name is too long"),
				 errdetail("Its room template gives %d bytes for session \"%s\"; at most %d are allowed.",
						   room.len, session_id, ROOM_MAX),
				 errhint("Shorten room_template in harthio.provider.")));
	return room.data;
}

static Provider *
read_provider(HeapTuple tuple, Relation table)
{
	Provider *provider = palloc(sizeof(Provider));
	bool	  isnull;

	provider->name = row_text(tuple, PROVIDER_NAME, table);
	provider->base_score = DatumGetInt32(row_value(tuple, PROVIDER_BASE_SCORE, table, &isnull));
	provider->room_template = row_text(tuple, PROVIDER_ROOM_TEMPLATE, table);
	provider->priority = DatumGetInt32(row_value(tuple, PROVIDER_PRIORITY, table, &isnull));
	provider->enabled = DatumGetBool(row_value(tuple, PROVIDER_ENABLED, table, &isnull));
	return provider;
}

/* The operator's order, which decides between equals. */
static int
by_priority(const ListCell *a, const ListCell *b)
{
	const Provider *p = lfirst(a);
	const Provider *q = lfirst(b);

	if (p->priority != q->priority)
		return p->priority < q->priority ? -1 : 1;
	return strcmp(p->name, q->name);
}

/* All rows of harthio.provider, of which there are a few. */
static List *
read_providers(void)
{
	Relation	table = row_open("provider", AccessShareLock);
	List	   *providers = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;

	row_push_snapshot(false);
	scan = systable_beginscan(table, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		providers = lappend(providers, read_provider(tuple, table));
	systable_endscan(scan);
	PopActiveSnapshot();
	row_close(table);

	list_sort(providers, by_priority);
	return providers;
}

/* The names of those that have failed in a session. */
static List *
read_failed(const char *session_id)
{
	Datum  args[] = {CStringGetTextDatum(session_id)};
	uint64 rows = statement_run(&failed_statement, args, NULL);
	List  *failed = NIL;

	for (uint64 row = 0; row < rows; row++)
		failed = lappend(failed, makeString(column_string(row, 1)));
	return failed;
}

bool
provider_choose(const char *session_id, const char *current, Choice *choice)
{
	/* a session that is being opened has nothing behind it */
	List	 *failed = current ? read_failed(session_id) : NIL;
	Candidate best = {0};
	ListCell *cell;

	score_ensure_loaded();

	foreach (cell, read_providers())
	{
		const Provider *provider = lfirst(cell);
		Candidate		candidate;

		if (!provider->enabled)
			continue;
		candidate.provider = provider;
		candidate.is_current = current != NULL && strcmp(provider->name, current) == 0;
		candidate.has_failed = list_member(failed, makeString(provider->name));
		candidate.score = score_read(provider->name, provider->base_score).score;
		candidate.is_weak = candidate.score < harthio_min_score;
		if (best.provider == NULL || is_better(&candidate, &best))
			best = candidate;
	}
	if (best.provider == NULL)
		return false;

	choice->provider = best.provider->name;
	choice->room = fill_room_template(best.provider->room_template, session_id);
	return true;
}

void
provider_none_enabled(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no provider is enabled"),
			 errdetail("No row of harthio.provider has enabled = true."),
			 errhint("Enable one: UPDATE harthio.provider SET enabled = true WHERE provider = ...")));
}

void
provider_verdict(const char *name, bool success)
{
	ListCell *cell;

	score_ensure_loaded();

	/* a provider that the operator has deleted has nothing to learn */
	foreach (cell, read_providers())
	{
		const Provider *provider = lfirst(cell);

		if (strcmp(provider->name, name) == 0)
			change_score(name, provider->base_score, success);
	}
}

/*
 * One row for each provider: what the operator set, and what was learnt.
 */
Datum
harthio_providers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell	  *cell;

	harthio_require_ready();
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	score_ensure_loaded();
	foreach (cell, read_providers())
	{
		const Provider *provider = lfirst(cell);
		Score			score = score_read(provider->name, provider->base_score);
		Datum			values[8];
		bool			nulls[8] = {0};

		values[0] = CStringGetTextDatum(provider->name);
		values[1] = Float8GetDatum(score.score);
		values[2] = CStringGetTextDatum(score_band(score.score));
		values[3] = BoolGetDatum(provider->enabled);
		values[4] = Int32GetDatum(provider->priority);
		values[5] = Int64GetDatum(score.successes);
		values[6] = Int64GetDatum(score.failures);
		values[7] = TimestampTzGetDatum(score.last_outcome_at);
		nulls[7] = TIMESTAMP_IS_NOBEGIN(score.last_outcome_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();

	return (Datum) 0;
}
