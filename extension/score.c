/*-------------------------------------------------------------------------
 *
 * score.c
 *	  What was learnt of the providers: live in shared memory.
 *
 * No row is updated by those who report: what a transaction learnt moves the
 * scores in shared memory after its commit, and the publisher writes them
 * down once a second (score_table.c).  A crash can lose a second of learning,
 * never an assignment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "score.h"

#include <math.h>

#include "common/hashfn.h"
#include "storage/shmem.h"

#include "score_shared.h"

SharedScores *scores = NULL;

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
	if (found)
		return;

	MemSet(scores, 0, sizeof(SharedScores));
	scores->lock = lock;
	if (!pg_strong_random(&scores->seed, sizeof(scores->seed)))
		elog(FATAL, "could not generate a random seed");
}

/* The policies take 0 for "unknown". */
uint64
score_hash(const char *name)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) name, (int) strlen(name),
									  scores->seed);

	return hash == 0 ? 1 : hash;
}

double
score_clock(void)
{
	return (double) GetCurrentTimestamp() / USECS_PER_SEC + (double) UNIX_EPOCH_SECONDS;
}

TimestampTz
score_timestamp(double seconds)
{
	if (seconds <= 0)
		return DT_NOBEGIN;
	return (TimestampTz) rint((seconds - (double) UNIX_EPOCH_SECONDS) * USECS_PER_SEC);
}

void
score_settings(PolicySettings *settings)
{
	policy_default_settings(settings, (PolicyRule) harthio_policy);
	settings->success_points = harthio_success_points;
	settings->failure_points = harthio_failure_points;
	settings->min_score = harthio_min_score;
	if (harthio_score_half_life >= 0)
	{
		double half_life = harthio_score_half_life > 0 ? harthio_score_half_life : HUGE_VAL;

		settings->half_life = half_life;
		settings->drift_half_life = half_life;
		settings->half_life_max = fmax(settings->half_life_max, half_life);
	}
}

int
score_find_provider(const char *name)
{
	if (name[0] == '\0')
		return -1;
	for (int i = 0; i < SCORE_MAX_PROVIDERS; i++)
	{
		/* most places are empty */
		if (scores->providers[i].name[0] == name[0] && strcmp(scores->providers[i].name, name) == 0)
			return i;
	}
	return -1;
}

int
score_add_provider(const char *name, double now)
{
	int slot = score_find_provider(name);

	for (int i = 0; i < SCORE_MAX_PROVIDERS && slot < 0 && name[0] != '\0'; i++)
	{
		if (scores->providers[i].name[0] != '\0')
			continue;
		slot = i;
		strlcpy(scores->providers[i].name, name, sizeof(ProviderName));
		scores->providers[i].since = now;
	}
	return slot;
}

ScoreScope *
score_find_scope(const char *name)
{
	for (int i = 0; i < SCORE_MAX_SCOPES; i++)
	{
		if (scores->scopes[i].used && strcmp(scores->scopes[i].name, name) == 0)
			return &scores->scopes[i];
	}
	return NULL;
}

/* A free place, or that of the scope that was quiet for longest. */
static ScoreScope *
place_for_scope(const char *name)
{
	ScoreScope *victim = NULL;

	if (name[0] == '\0')
		return &scores->scopes[0];

	for (int i = 1; i < SCORE_MAX_SCOPES; i++)
	{
		if (!scores->scopes[i].used)
			return &scores->scopes[i];
		if (victim == NULL || scores->scopes[i].heard_at < victim->heard_at)
			victim = &scores->scopes[i];
	}
	return victim;
}

ScoreScope *
score_add_scope(const char *name, double now)
{
	ScoreScope	  *scope = score_find_scope(name);
	PolicySettings settings;

	if (scope != NULL)
		return scope;

	scope = place_for_scope(name);
	MemSet(scope, 0, sizeof(ScoreScope));
	scope->used = true;
	strlcpy(scope->name, name, sizeof(ScopeName));
	scope->heard_at = now;
	score_settings(&settings);
	policy_scope_init(&scope->traffic, &settings);
	return scope;
}

int
score_scope_chain(const char *name, ScopeName chain[SCORE_SCOPE_LEVELS])
{
	const char *cut = strchr(name, '/');
	int			count = 1;

	chain[0][0] = '\0';
	if (cut != NULL)
		strlcpy(chain[count++], name, cut - name + 1);
	if (name[0] != '\0')
		strlcpy(chain[count++], name, sizeof(ScopeName));
	return count;
}

bool
score_knows(const char *provider)
{
	int	 slot;
	bool known;

	LWLockAcquire(scores->lock, LW_SHARED);
	slot = score_find_provider(provider);
	known = slot >= 0 && scores->scopes[0].arms[slot].known;
	LWLockRelease(scores->lock);

	return known;
}

void
score_activity(ScoreActivity *activity)
{
	LWLockAcquire(scores->lock, LW_SHARED);
	*activity = scores->activity;
	LWLockRelease(scores->lock);
}
