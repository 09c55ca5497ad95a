/*-------------------------------------------------------------------------
 *
 * score_choose.c
 *	  Which provider a session gets, by what was learnt.
 *
 * The lowest scope that has seen enough decides, and what is known above it is
 * where it began.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "score_shared.h"

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
deciding_scopes(const PolicySettings *settings, const char *name, ScoreScope *scopes[SCORE_SCOPE_LEVELS])
{
	ScopeName chain[SCORE_SCOPE_LEVELS];
	int		  levels = score_scope_chain(name, chain);
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
	ScoreScope	  *scopes[SCORE_SCOPE_LEVELS];
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
	ScoreScope	  *scopes[SCORE_SCOPE_LEVELS];
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
