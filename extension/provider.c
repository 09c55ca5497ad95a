/*-------------------------------------------------------------------------
 *
 * provider.c
 *	  The ways of carrying a call, and which one is best for a session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "change_ring.h"
#include "harthio.h"
#include "statement.h"
#include "score.h"

PG_FUNCTION_INFO_V1(harthio_providers);

#define SESSION_PLACEHOLDER "{session_id}"

/*
 * In the operator's order, which decides between equals.  What failed before
 * the session was last ended is forgotten.
 */
static Statement candidates_statement = {
	.text = "SELECT p.provider, p.base_score, p.room_template,"
			"       EXISTS (SELECT FROM harthio.outcome o"
			"                WHERE o.session_id = $1 AND o.verdict AND NOT o.success"
			"                  AND o.provider = p.provider"
			"                  AND o.epoch > (SELECT coalesce(max(a.epoch), 0) FROM harthio.assignment a"
			"                                  WHERE a.session_id = $1 AND a.provider IS NULL))"
			"  FROM harthio.provider p WHERE p.enabled"
			" ORDER BY p.priority, p.provider",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement base_score_statement = {
	.text = "SELECT base_score FROM harthio.provider WHERE provider = $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Statement list_statement = {
	.text = "SELECT provider, base_score, enabled, priority FROM harthio.provider"
			" ORDER BY priority, provider",
};

/* What speaks for and against a provider, the weightiest first. */
typedef struct Candidate
{
	uint64 row;		   /* of candidates_statement */
	bool   is_current; /* a switch leads elsewhere */
	bool   has_failed; /* in this session */
	bool   is_weak;	   /* below harthio.min_score */
	double score;
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

bool
provider_choose(const char *session_id, const char *current, Choice *choice)
{
	Datum	  args[] = {CStringGetTextDatum(session_id)};
	uint64	  rows;
	Candidate best = {0};

	score_ensure_loaded();

	rows = statement_run(&candidates_statement, args, NULL);
	if (rows == 0)
		return false;

	for (uint64 row = 0; row < rows; row++)
	{
		char	 *provider = column_string(row, 1);
		Candidate candidate;

		candidate.row = row;
		candidate.is_current = current != NULL && strcmp(provider, current) == 0;
		candidate.has_failed = column_bool(row, 4);
		candidate.score = score_read(provider, column_int(row, 2)).score;
		candidate.is_weak = candidate.score < harthio_min_score;
		if (row == 0 || is_better(&candidate, &best))
			best = candidate;
	}

	choice->provider = column_string(best.row, 1);
	choice->room = fill_room_template(column_string(best.row, 3), session_id);
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
provider_verdict(const char *provider, bool success)
{
	Datum args[] = {CStringGetTextDatum(provider)};

	score_ensure_loaded();

	/* a provider that the operator has deleted has nothing to learn */
	if (statement_run(&base_score_statement, args, NULL) > 0)
		change_score(provider, column_int(0, 1), success);
}

/*
 * One row for each provider: what the operator set, and what was learnt.
 */
Datum
harthio_providers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	uint64		   rows;

	harthio_require_ready();
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	score_ensure_loaded();
	rows = statement_run(&list_statement, NULL, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		char *provider = column_string(row, 1);
		Score score = score_read(provider, column_int(row, 2));
		Datum values[8];
		bool  nulls[8] = {0};

		values[0] = CStringGetTextDatum(provider);
		values[1] = Float8GetDatum(score.score);
		values[2] = CStringGetTextDatum(score_band(score.score));
		values[3] = BoolGetDatum(column_bool(row, 3));
		values[4] = Int32GetDatum(column_int(row, 4));
		values[5] = Int64GetDatum(score.successes);
		values[6] = Int64GetDatum(score.failures);
		values[7] = TimestampTzGetDatum(score.last_outcome_at);
		nulls[7] = TIMESTAMP_IS_NOBEGIN(score.last_outcome_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();

	return (Datum) 0;
}
