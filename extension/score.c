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

/* All sessions, those of a network, those of a network in a region. */
#define SCOPE_LEVELS 3

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
	return (double) GetCurrentTimestamp() / USECS_PER_SEC +
		   (double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

TimestampTz
score_timestamp(double seconds)
{
	if (seconds <= 0)
		return DT_NOBEGIN;
	return (TimestampTz) rint((seconds - (double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) *
							  USECS_PER_SEC);
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

/* The scope and those above it, from the highest down; returns how many. */
static int
scope_chain(const char *name, ScopeName chain[SCOPE_LEVELS])
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

static bool
has_evidence(const PolicySettings *settings, const ScoreScope *scope)
{
	double evidence = 0;

	for (int i = 0; i < SCORE_MAX_PROVIDERS; i++)
	{
		if (scope->arms[i].known)
			evidence += scope->arms[i].policy.successes + scope->arms[i].policy.failures;
	}
	return evidence >= settings->scope_evidence;
}

/*
 * The scopes that decide for a name: the lowest that has seen enough, last,
 * and those above it.  Returns how many; at least the one for all sessions.
 */
static int
deciding_scopes(const PolicySettings *settings, const char *name, ScoreScope *scopes[SCOPE_LEVELS])
{
	ScopeName chain[SCOPE_LEVELS];
	int		  levels = scope_chain(name, chain);
	int		  count = 1;

	scopes[0] = &scores->scopes[0];
	while (count < levels)
	{
		scopes[count] = score_find_scope(chain[count]);
		if (scopes[count] == NULL || !has_evidence(settings, scopes[count]))
			break;
		count++;
	}
	return count;
}

/*
 * The provider's arm in the last of the scopes, its prior brought up to date
 * from the top down; or, where nothing is known of it, *blank made so.
 */
static PolicyArm *
settled_arm(const PolicySettings *settings, ScoreScope **scopes, int count,
			const char *provider, double base_score, PolicyArm *blank, double now)
{
	int		   slot = score_find_provider(provider);
	double	   prior = base_score;
	PolicyArm *arm = NULL;

	for (int level = 0; level < count && slot >= 0; level++)
	{
		ScoreArm  *known = &scopes[level]->arms[slot];
		PolicyArm *above = arm;

		arm = known->known ? &known->policy : NULL;
		if (arm == NULL)
			continue;
		if (above == NULL)
			policy_set_prior(arm, &scopes[level]->traffic, prior, now);
		else
			policy_inherit(settings, &scopes[level]->traffic, arm,
						   &scopes[level - 1]->traffic, above, now);
		prior = policy_score(settings, &scopes[level]->traffic, arm, now);
	}
	if (arm != NULL)
		return arm;

	policy_arm_init(blank, prior, now);
	return blank;
}

static bool
has_room(const ScoreCandidate *candidate)
{
	int slot;

	if (candidate->max_sessions == 0)
		return true;
	slot = score_find_provider(candidate->provider);
	return slot < 0 || scores->providers[slot].sessions < candidate->max_sessions;
}

/* The caller holds the lock. */
static int
choose(const char *scope, const ScoreCandidate *candidates, int count,
	   const char *session_id, PolicyCandidate *policy, PolicyArm *blanks,
	   int *origin, PolicyKind *kind)
{
	double		   now = score_clock();
	PolicySettings settings;
	ScoreScope	  *scopes[SCOPE_LEVELS];
	int			   nscopes;
	int			   ncandidates = 0;
	PolicyChoice   choice;

	score_add_scope("", now);
	score_settings(&settings);
	nscopes = deciding_scopes(&settings, scope, scopes);

	for (int i = 0; i < count; i++)
	{
		/* a session takes up no more room where it is already */
		if (!candidates[i].is_current && !has_room(&candidates[i]))
			continue;
		policy[ncandidates].arm = settled_arm(&settings, scopes, nscopes, candidates[i].provider,
											  candidates[i].base_score, &blanks[i], now);
		policy[ncandidates].failures = candidates[i].failures;
		policy[ncandidates].is_current = candidates[i].is_current;
		origin[ncandidates++] = i;
	}

	choice = policy_choose(&settings, &scopes[nscopes - 1]->traffic, policy, ncandidates,
						   score_hash(session_id), now);
	if (choice.index < 0)
		return -1;
	*kind = choice.kind;
	scores->activity.choices[choice.kind]++;
	return origin[choice.index];
}

int
score_choose(const char *scope, const ScoreCandidate *candidates, int count,
			 const char *session_id, PolicyKind *kind)
{
	PolicyCandidate *policy = palloc(count * sizeof(PolicyCandidate));
	PolicyArm		*blanks = palloc(count * sizeof(PolicyArm));
	int				*origin = palloc(count * sizeof(int));
	int				 chosen;

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	chosen = choose(scope, candidates, count, session_id, policy, blanks, origin, kind);
	LWLockRelease(scores->lock);

	pfree(policy);
	pfree(blanks);
	pfree(origin);
	return chosen;
}

double
score_read(const char *scope, const char *provider, int base_score)
{
	double		   now = score_clock();
	PolicySettings settings;
	ScoreScope	  *scopes[SCOPE_LEVELS];
	PolicyArm	   blank;
	PolicyArm	  *arm;
	int			   nscopes;
	double		   score;

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	score_add_scope("", now);
	score_settings(&settings);
	nscopes = deciding_scopes(&settings, scope, scopes);
	arm = settled_arm(&settings, scopes, nscopes, provider, base_score, &blank, now);
	score = policy_score(&settings, &scopes[nscopes - 1]->traffic, arm, now);
	LWLockRelease(scores->lock);

	return score;
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

/* Returns whether the table had everything until now. */
static bool
touch(ScoreChanges *changes)
{
	return changes->made++ == changes->written;
}

/* A new arm begins where the scope above it stands. */
static ScoreArm *
open_arm(ScoreScope *scope, int slot, double prior, double now)
{
	ScoreArm *arm = &scope->arms[slot];

	if (!arm->known)
	{
		MemSet(arm, 0, sizeof(ScoreArm));
		arm->known = true;
		policy_arm_init(&arm->policy, prior, now);
	}
	return arm;
}

static void
count_verdict(ScoreArm *arm, bool success, double now)
{
	if (success)
	{
		arm->successes++;
		arm->last_success_at = now;
	}
	else
	{
		arm->failures++;
		arm->last_failure_at = now;
	}
}

/*
 * A report is evidence in its scope and in all above it.  What the reporter
 * may still say is taken from its budget once.
 */
static bool
apply_report(const ScoreNote *note, const PolicySettings *settings, int slot, double now)
{
	double		  weight = guard_weight(note->members);
	double		  taken = guard_take(&scores->budgets, note->reporter, score_hash(note->provider),
									 note->success, weight, settings->half_life, now);
	PolicyVerdict verdict = {note->success, taken / weight, note->reporter, note->session};
	ScopeName	  chain[SCOPE_LEVELS];
	int			  levels = scope_chain(note->scope, chain);
	double		  prior = note->base_score;
	bool		  first = false;

	for (int level = 0; level < levels; level++)
	{
		ScoreScope *scope = score_add_scope(chain[level], now);
		ScoreArm   *arm = open_arm(scope, slot, prior, now);

		/* of what is above, a new arm takes what was known before this report */
		prior = policy_score(settings, &scope->traffic, &arm->policy, now);
		scope->heard_at = now;
		policy_report(&scope->traffic, &arm->policy, note->success, taken, now);
		if (note->verdict)
		{
			policy_verdict(settings, &scope->traffic, &arm->policy, &verdict, now);
			count_verdict(arm, note->success, now);
		}
		first |= touch(&arm->changes);
	}
	return first;
}

/* Traffic of a scope that has seen no report yet is not counted. */
static bool
apply_session(const ScoreNote *note, const PolicySettings *settings, double now)
{
	int		  slot = score_add_provider(note->provider, now);
	int		  left = score_find_provider(note->left);
	ScopeName chain[SCOPE_LEVELS];
	int		  levels = scope_chain(note->scope, chain);
	bool	  first = false;

	if (slot >= 0)
	{
		scores->providers[slot].sessions++;
		open_arm(score_add_scope("", now), slot, note->base_score, now);
	}
	if (left >= 0)
		scores->providers[left].sessions--;
	if (note->provider[0] == '\0')
		scores->activity.ended++;
	else if (note->left[0] != '\0')
		scores->activity.switched++;
	else
		scores->activity.opened++;
	if (note->left[0] != '\0' || note->provider[0] == '\0')
		return false;

	for (int level = 0; level < levels; level++)
	{
		ScoreScope *scope = level == 0 ? score_add_scope("", now) : score_find_scope(chain[level]);

		if (scope == NULL)
			break;
		policy_arrival(settings, &scope->traffic, now);
		first |= touch(&scope->changes);
	}
	return first;
}

/* A health check says the same of a provider in all scopes. */
static bool
apply_probe(const ScoreNote *note, const PolicySettings *settings, int slot, double now)
{
	ScoreProvider *provider = &scores->providers[slot];
	bool		   first = false;

	provider->probed = true;
	provider->probe_ok = note->success;
	provider->probe_latency_ms = note->latency_ms;
	provider->probed_at = now;

	open_arm(score_add_scope("", now), slot, note->base_score, now);
	for (int i = 0; i < SCORE_MAX_SCOPES; i++)
	{
		ScoreScope *scope = &scores->scopes[i];

		if (!scope->used || !scope->arms[slot].known)
			continue;
		policy_check(settings, &scope->traffic, &scope->arms[slot].policy, note->success, now);
		first |= touch(&scope->arms[slot].changes);
	}
	return first;
}

bool
score_apply(const ScoreNote *note)
{
	double		   now = score_clock();
	PolicySettings settings;
	bool		   first = false;
	int			   slot;

	score_settings(&settings);

	LWLockAcquire(scores->lock, LW_EXCLUSIVE);
	if (note->event == SCORE_SESSION)
		first = apply_session(note, &settings, now);
	else if ((slot = score_add_provider(note->provider, now)) >= 0)
	{
		if (note->event == SCORE_REPORT)
			first = apply_report(note, &settings, slot, now);
		else
			first = apply_probe(note, &settings, slot, now);
	}
	LWLockRelease(scores->lock);

	return first;
}

static const char *
breaker_name(BreakerState state)
{
	switch (state)
	{
		case BREAKER_OPEN:
			return "open";
		case BREAKER_HALF:
			return "half-open";
		default:
			return "closed";
	}
}

static const char *
reason_name(BreakerReason reason)
{
	switch (reason)
	{
		case BREAKER_HARD:
			return "failures";
		case BREAKER_MARGIN:
			return "another is better";
		default:
			return NULL;
	}
}

static void
fill_report(ScoreReport *report, const PolicySettings *settings, const ScoreScope *scope,
			int slot, double now)
{
	const ScoreArm		*arm = &scope->arms[slot];
	const ScoreProvider *provider = &scores->providers[slot];

	strlcpy(report->scope, scope->name, sizeof(ScopeName));
	strlcpy(report->provider, provider->name, sizeof(ProviderName));
	report->score = policy_score(settings, &scope->traffic, &arm->policy, now);
	report->evidence = arm->policy.successes + arm->policy.failures;
	report->successes = arm->successes;
	report->failures = arm->failures;
	report->last_success_at = score_timestamp(arm->last_success_at);
	report->last_failure_at = score_timestamp(arm->last_failure_at);
	report->breaker = breaker_name(arm->policy.state);
	report->reason = reason_name(arm->policy.reason);
	report->open_until = arm->policy.state == BREAKER_OPEN ? score_timestamp(arm->policy.open_until) : DT_NOBEGIN;
	report->ejections = arm->policy.ejections;
	report->sessions = provider->sessions;
	report->sessions_per_minute = policy_rate(settings, &scope->traffic, now) * 60;
	report->probed = provider->probed;
	report->probe_ok = provider->probe_ok;
	report->probe_latency_ms = provider->probe_latency_ms;
	report->probed_at = score_timestamp(provider->probed_at);
}

int
score_report(ScoreReport **reports)
{
	double		   now = score_clock();
	PolicySettings settings;
	int			   count = 0;

	*reports = palloc(sizeof(ScoreReport) * SCORE_MAX_SCOPES * SCORE_MAX_PROVIDERS);
	score_settings(&settings);

	LWLockAcquire(scores->lock, LW_SHARED);
	for (int i = 0; i < SCORE_MAX_SCOPES; i++)
	{
		for (int slot = 0; slot < SCORE_MAX_PROVIDERS; slot++)
		{
			if (scores->scopes[i].used && scores->scopes[i].arms[slot].known)
				fill_report(&(*reports)[count++], &settings, &scores->scopes[i], slot, now);
		}
	}
	LWLockRelease(scores->lock);

	return count;
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
