/*-------------------------------------------------------------------------
 *
 * policy_additive.c
 *	  The product's own rule: points for a success, points off for a failure,
 *	  0..100, the highest wins, below the minimum only when nothing else is
 *	  left.
 *
 * Points drift back to the base score.  Without that, what happened last week
 * weighs as much as now, and a fallback that once reached 100 would keep all
 * sessions after the provider of choice is well again.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "policy_breaker.h"
#include "policy_rules.h"

double
additive_score(const PolicyScope *scope, const PolicyArm *arm, double now)
{
	double left = policy_decay(now - arm->updated_at, scope->drift_half_life);

	return arm->prior + (arm->points - arm->prior) * left;
}

/* The caller has let the points drift up to now. */
void
additive_verdict(const PolicySettings *settings, PolicyArm *arm, const PolicyVerdict *verdict)
{
	double points = verdict->success ? settings->success_points : -settings->failure_points;

	arm->points = fmin(100, fmax(0, arm->points + points * verdict->weight));
}

/* Strictly better: between equals the operator's order decides. */
static bool
is_better(const PolicySettings *settings, double score, double than)
{
	bool is_weak = score < settings->min_score;
	bool than_is_weak = than < settings->min_score;

	if (is_weak != than_is_weak)
		return than_is_weak;
	return score > than;
}

static int
best_closed(const PolicySettings *settings, const PolicyScope *scope,
			const PolicyCandidate *candidates, int count, double now)
{
	int	   best = -1;
	double best_score = 0;

	for (int i = 0; i < count; i++)
	{
		double score;

		if (!candidate_is_fresh(&candidates[i]) ||
			candidates[i].arm->state != BREAKER_CLOSED)
			continue;

		score = additive_score(scope, candidates[i].arm, now);
		if (best < 0 || is_better(settings, score, best_score))
		{
			best = i;
			best_score = score;
		}
	}
	return best;
}

/*
 * A half open arm is worth a probe if it stands before the best closed one in
 * the operator's order, or would win by its score.  A dead fallback that
 * nobody needs costs no session anything.
 */
int
additive_pick(const PolicySettings *settings, const PolicyScope *scope,
			  const PolicyCandidate *candidates, int count,
			  uint64_t session, double now, bool *probe)
{
	int	   best = best_closed(settings, scope, candidates, count, now);
	double best_score = best < 0 ? -1 : additive_score(scope, candidates[best].arm, now);

	*probe = false;
	for (int i = 0; i < count; i++)
	{
		const PolicyArm *arm = candidates[i].arm;

		if (!candidate_is_fresh(&candidates[i]) || arm->state != BREAKER_HALF ||
			!breaker_is_free(arm, session, now))
			continue;

		if (i < best || is_better(settings, additive_score(scope, arm, now), best_score))
		{
			*probe = true;
			return i;
		}
	}
	return best;
}
