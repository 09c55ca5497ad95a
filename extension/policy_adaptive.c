/*-------------------------------------------------------------------------
 *
 * policy_adaptive.c
 *	  An estimated failure rate; the operator's order wins unless it is
 *	  clearly worse.
 *
 * The estimate is made of decayed counts of successes and failures and of a
 * prior worth some outcomes.  It does not depend on the order of outcomes,
 * does not saturate, and without evidence is the base score.  One point is
 * half a percent of failures.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "policy_breaker.h"
#include "policy_rules.h"

double
adaptive_score(const PolicySettings *settings, const PolicyScope *scope,
			   const PolicyArm *arm, double now)
{
	double left = policy_decay(now - arm->updated_at, scope->half_life);
	double expected = (100 - arm->prior) / 200;
	double weight = settings->prior_weight;
	double rate = (arm->failures * left + weight * expected) /
				  ((arm->successes + arm->failures) * left + weight);

	return fmin(100, fmax(0, 100 * (1 - 2 * rate)));
}

/* Has it had its chance, and used it badly? */
static bool
is_tried(const PolicySettings *settings, const PolicyArm *arm)
{
	return arm->verdicts >= settings->trial_verdicts &&
		   arm->failed >= settings->trial_failures;
}

static int
first_closed(const PolicyCandidate *candidates, int count, int from)
{
	for (int i = from; i < count; i++)
	{
		if (candidate_is_fresh(&candidates[i]) &&
			candidates[i].arm->state == BREAKER_CLOSED)
			return i;
	}
	return -1;
}

/*
 * The one in use connects, but another one that could be used is clearly
 * better.
 */
static void
demote_if_worse(const PolicySettings *settings, const PolicyScope *scope,
				const PolicyCandidate *candidates, int count, double now)
{
	int	   first = first_closed(candidates, count, 0);
	double score;

	if (first < 0 || !is_tried(settings, candidates[first].arm))
		return;

	score = adaptive_score(settings, scope, candidates[first].arm, now);
	for (int other = first_closed(candidates, count, first + 1); other >= 0;
		 other = first_closed(candidates, count, other + 1))
	{
		double difference =
			adaptive_score(settings, scope, candidates[other].arm, now) - score;

		if (difference > settings->margin)
		{
			breaker_demote(settings, scope, candidates[first].arm, now);
			return;
		}
	}
}

int
adaptive_pick(const PolicySettings *settings, const PolicyScope *scope,
			  const PolicyCandidate *candidates, int count,
			  uint64_t session, double now, bool *probe)
{
	demote_if_worse(settings, scope, candidates, count, now);

	*probe = false;
	for (int i = 0; i < count; i++)
	{
		const PolicyArm *arm = candidates[i].arm;

		if (!candidate_is_fresh(&candidates[i]))
			continue;
		if (arm->state == BREAKER_CLOSED)
			return i;
		if (arm->state == BREAKER_HALF && breaker_is_free(arm, session, now))
		{
			*probe = true;
			return i;
		}
	}
	return -1;
}
