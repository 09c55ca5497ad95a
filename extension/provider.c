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
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "assignment.h"
#include "change_ring.h"
#include "harthio.h"
#include "score.h"
#include "statement.h"

#define SESSION_PLACEHOLDER "{session_id}"

/*
 * The epochs of a session that were left because their provider had failed, or
 * was too bad.  What was before the session's last end is forgotten.
 */
static Statement failed_statement = {
	.text = "SELECT a.provider, count(*)::integer"
			"  FROM harthio.assignment a"
			"  JOIN harthio.assignment n ON n.session_id = a.session_id AND n.epoch = a.epoch + 1"
			" WHERE a.session_id = $1 AND n.reason IN ('" REASON_FAILED "', '" REASON_DEGRADED "')"
			"   AND a.epoch > (SELECT coalesce(max(e.epoch), 0) FROM harthio.assignment e"
			"                   WHERE e.session_id = $1 AND e.provider IS NULL)"
			" GROUP BY a.provider",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

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

Provider *
provider_find(List *providers, const char *name)
{
	ListCell *cell;

	foreach (cell, providers)
	{
		Provider *provider = lfirst(cell);

		if (strcmp(provider->name, name) == 0)
			return provider;
	}
	return NULL;
}

void
provider_not_found(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("provider \"%s\" does not exist", name),
			 errdetail("There is no such row in harthio.provider."),
			 errhint("See harthio_providers().")));
}

/* How often each has failed in a session, until now and just now. */
static void
read_failures(const ProviderNeed *need, List *providers)
{
	Datum	  args[] = {CStringGetTextDatum(need->session_id)};
	Provider *provider;
	uint64	  rows;

	/* a session that is being opened has nothing behind it */
	if (need->current == NULL)
		return;

	rows = statement_run(&failed_statement, args, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		provider = provider_find(providers, column_string(row, 1));
		if (provider != NULL)
			provider->failures += column_int(row, 2);
	}
	provider = provider_find(providers, need->current);
	if (provider != NULL && need->failed)
		provider->failures++;
}

/* Choose among some of the providers. */
static const Provider *
choose(const ProviderNeed *need, List *providers)
{
	ScoreCandidate *candidates = palloc(list_length(providers) * sizeof(ScoreCandidate));
	int				count = 0;
	int				chosen;
	PolicyKind		kind;
	ListCell	   *cell;

	foreach (cell, providers)
	{
		const Provider *provider = lfirst(cell);

		candidates[count++] = (ScoreCandidate){
			.provider = provider->name,
			.base_score = provider->base_score,
			.max_sessions = provider->max_sessions,
			.failures = provider->failures,
			.is_current = need->current != NULL && strcmp(provider->name, need->current) == 0,
		};
	}
	score_ensure_loaded();
	chosen = score_choose(need->scope, candidates, count, need->session_id, &kind);
	return chosen < 0 ? NULL : list_nth(providers, chosen);
}

static void
fill_choice(const ProviderNeed *need, const Provider *provider, Choice *choice)
{
	choice->provider = provider->name;
	choice->room = fill_room_template(provider->room_template, need->session_id);
	choice->base_score = provider->base_score;
}

bool
provider_choose(const ProviderNeed *need, Choice *choice)
{
	List		   *providers = provider_read_all();
	const Provider *chosen;
	ListCell	   *cell;

	read_failures(need, providers);
	foreach (cell, providers)
	{
		if (!((Provider *) lfirst(cell))->enabled)
			providers = foreach_delete_current(providers, cell);
	}

	chosen = choose(need, providers);
	if (chosen == NULL)
		return false;
	fill_choice(need, chosen, choice);
	return true;
}

/*
 * What is worse than that is left out before the choice, which may lend a
 * probe to the session.
 */
bool
provider_choose_better(const ProviderNeed *need, double than, Choice *choice)
{
	List		   *providers = provider_read_all();
	const Provider *chosen;
	ListCell	   *cell;

	read_failures(need, providers);
	score_ensure_loaded();
	foreach (cell, providers)
	{
		const Provider *provider = lfirst(cell);

		if (!provider->enabled || provider->failures > 0 ||
			strcmp(provider->name, need->current) == 0 ||
			score_read(need->scope, provider->name, provider->base_score) <= than)
			providers = foreach_delete_current(providers, cell);
	}

	chosen = choose(need, providers);
	if (chosen == NULL)
		return false;
	fill_choice(need, chosen, choice);
	return true;
}

double
provider_score(const char *name, const char *scope)
{
	const Provider *provider = provider_find(provider_read_all(), name);

	score_ensure_loaded();
	return provider == NULL ? 0 : score_read(scope, provider->name, provider->base_score);
}

void
provider_none_usable(void)
{
	ListCell *cell;

	foreach (cell, provider_read_all())
	{
		if (((Provider *) lfirst(cell))->enabled)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no provider has room"),
					 errdetail("Each enabled one carries as many sessions as its max_sessions says."),
					 errhint("Try again when a session has ended, or raise max_sessions in harthio.provider.")));
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no provider is enabled"),
			 errdetail("No row of harthio.provider has enabled = true."),
			 errhint("Enable one: UPDATE harthio.provider SET enabled = true WHERE provider = ...")));
}

/* A provider that the operator has deleted has nothing to learn. */
void
provider_learn(const ProviderReport *report)
{
	ScoreNote note = {.event = SCORE_REPORT};

	score_ensure_loaded();
	if (!score_knows(report->provider))
	{
		const Provider *provider = provider_find(provider_read_all(), report->provider);

		if (provider == NULL)
			return;
		note.base_score = provider->base_score;
	}

	strlcpy(note.provider, report->provider, sizeof(note.provider));
	strlcpy(note.scope, report->scope, sizeof(note.scope));
	note.success = report->success;
	note.verdict = report->verdict;
	note.members = report->members;
	note.reporter = score_hash(report->participant_id);
	note.session = score_hash(report->session_id);
	change_score(&note);
}
