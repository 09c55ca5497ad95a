/*-------------------------------------------------------------------------
 *
 * score.c
 *	  Provider scores: learnt from verdicts, live in shared memory.
 *
 * No row is updated by those who report: a verdict moves the score in shared
 * memory after its transaction has committed, and the publisher writes the
 * scores down once a second.  A crash can lose a second of learning, never an
 * assignment.
 *
 * The scores' lock protects all of SharedScores but the lock pointer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "score.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "statement.h"

/* More providers than this can be rows, but keep their base score. */
#define MAX_SCORES 256

typedef struct ScoreEntry
{
	char   provider[PROVIDER_MAX + 1];
	Score  score;
	uint64 moves;	/* verdicts since it is in memory */
	uint64 written; /* moves that the table has */
	uint64 writing; /* moves that a checkpoint under way has */
} ScoreEntry;

typedef struct SharedScores
{
	LWLock	  *lock;  /* in the main tranche array, never changes */
	Oid		   table; /* harthio.provider_score that was loaded */
	int		   count; /* entries in use; they are never removed */
	ScoreEntry entries[MAX_SCORES];
} SharedScores;

static SharedScores *scores = NULL;

static Statement load_statement = {
	.text = "SELECT provider, score, successes, failures, last_outcome_at"
			"  FROM harthio.provider_score",
};

static Statement write_statement = {
	.text = "INSERT INTO harthio.provider_score AS s"
			"       (provider, score, successes, failures, last_outcome_at)"
			" SELECT $1, $2, $3, $4, $5 FROM harthio.provider p WHERE p.provider = $1"
			" ON CONFLICT (provider) DO UPDATE"
			"    SET score = excluded.score, successes = excluded.successes,"
			"        failures = excluded.failures, last_outcome_at = excluded.last_outcome_at",
	.nargs = 5,
	.argtypes = {TEXTOID, FLOAT8OID, INT8OID, INT8OID, TIMESTAMPTZOID},
};

Size
score_shmem_size(void)
{
	return sizeof(SharedScores);
}

void
score_shmem_init(LWLock *lock)
{
	bool found;

	scores = ShmemInitStruct("harthio scores", score_shmem_size(), &found);
	if (!found)
	{
		MemSet(scores, 0, sizeof(SharedScores));
		scores->lock = lock;
	}
}

/* The caller holds the lock. */
static ScoreEntry *
find(const char *provider)
{
	for (int i = 0; i < scores->count; i++)
	{
		if (strcmp(scores->entries[i].provider, provider) == 0)
			return &scores->entries[i];
	}
	return NULL;
}

/* The caller holds the lock exclusively.  NULL if there is no room. */
static ScoreEntry *
add(const char *provider, double score)
{
	ScoreEntry *entry;

	if (scores->count == MAX_SCORES)
		return NULL;

	entry = &scores->entries[scores->count++];
	MemSet(entry, 0, sizeof(ScoreEntry));
	strlcpy(entry->provider, provider, sizeof(entry->provider));
	entry->score.score = score;
	entry->score.last_outcome_at = DT_NOBEGIN;
	return entry;
}

/*
 * The identity of the loaded table tells a new installation of the extension
 * from the one that the scores in memory belong to.
 */
void
score_ensure_loaded(void)
{
	Oid	   table = get_relname_relid("provider_score",
									 get_namespace_oid("harthio", false));
	Oid	   loaded;
	uint64 rows;

	LWLockAcquire(scores->lock, LW_SHARED);
	loaded = scores->table;
	LWLockRelease(scores->lock);
	if (loaded == table)
		return;

	rows = statement_run(&load_statement, NULL, NULL);

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	if (scores->table != table)
	{
		scores->count = 0;
		for (uint64 row = 0; row < rows; row++)
		{
			bool		isnull;
			ScoreEntry *entry = add(column_string(row, 1),
									DatumGetFloat8(column_datum(row, 2, &isnull)));

			if (entry == NULL)
				break;
			entry->score.successes = DatumGetInt64(column_datum(row, 3, &isnull));
			entry->score.failures = DatumGetInt64(column_datum(row, 4, &isnull));
			entry->score.last_outcome_at = column_timestamp(row, 5);
		}
		scores->table = table;
	}
	LWLockRelease(scores->lock);
}

Score
score_read(const char *provider, int base_score)
{
	Score		score = {base_score, 0, 0, DT_NOBEGIN};
	ScoreEntry *entry;

	LWLockAcquire(scores->lock, LW_SHARED);
	entry = find(provider);
	if (entry != NULL)
		score = entry->score;
	LWLockRelease(scores->lock);

	return score;
}

bool
score_apply(const char *provider, int base_score, bool success)
{
	ScoreEntry *entry;
	bool		first = false;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	entry = find(provider);
	if (entry == NULL)
		entry = add(provider, base_score);
	if (entry != NULL)
	{
		Score *score = &entry->score;
		double points = success ? harthio_success_points : -harthio_failure_points;

		score->score = Min(100, Max(0, score->score + points));
		if (success)
			score->successes++;
		else
			score->failures++;
		score->last_outcome_at = now;
		first = entry->moves == entry->written;
		entry->moves++;
	}
	LWLockRelease(scores->lock);

	return first;
}

bool
score_checkpoint_due(void)
{
	bool due = false;

	LWLockAcquire(scores->lock, LW_SHARED);
	for (int i = 0; i < scores->count && !due; i++)
		due = scores->entries[i].moves != scores->entries[i].written;
	LWLockRelease(scores->lock);

	return due;
}

/*
 * Rows of providers that were deleted meanwhile are not written.
 */
void
score_checkpoint(void)
{
	int count;

	LWLockAcquire(scores->lock, LW_SHARED);
	count = scores->count;
	LWLockRelease(scores->lock);

	for (int i = 0; i < count; i++)
	{
		ScoreEntry entry;
		Datum	   args[5];

		LWLockAcquire(scores->lock, LW_EXCLUSIVE);
		scores->entries[i].writing = scores->entries[i].moves;
		entry = scores->entries[i];
		LWLockRelease(scores->lock);

		if (entry.writing == entry.written)
			continue;

		args[0] = CStringGetTextDatum(entry.provider);
		args[1] = Float8GetDatum(entry.score.score);
		args[2] = Int64GetDatum(entry.score.successes);
		args[3] = Int64GetDatum(entry.score.failures);
		args[4] = TimestampTzGetDatum(entry.score.last_outcome_at);
		statement_run(&write_statement, args, NULL);
	}
}

/* Only what is committed counts as written. */
void
score_checkpoint_committed(void)
{
	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	for (int i = 0; i < scores->count; i++)
		scores->entries[i].written = scores->entries[i].writing;
	LWLockRelease(scores->lock);
}

void
score_forget(void)
{
	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	scores->count = 0;
	scores->table = InvalidOid;
	LWLockRelease(scores->lock);
}

const char *
score_band(double score)
{
	if (score >= 80)
		return "excellent";
	if (score >= 60)
		return "good";
	if (score >= 40)
		return "poor";
	return "failed";
}
