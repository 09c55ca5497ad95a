/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Which provider the next session gets: what both rules share.
 *
 *-------------------------------------------------------------------------
 */
#include "policy.h"

#include <math.h>
#include <string.h>

#include "policy_breaker.h"
#include "policy_rules.h"

/* Seconds of traffic before its rate says anything about half-lives. */
#define RATE_WARM_UP 60

/* Times that a session goes back to what failed in it, while others are worse. */
#define MAX_RETRIES 2

void
policy_default_settings(PolicySettings *settings, PolicyRule rule)
{
	*settings = (PolicySettings){
		.rule = rule,
		.success_points = 5,
		.failure_points = 15,
		.drift_half_life = 450,
		.drift_sessions = 15,
		.half_life = 1800,
		.half_life_sessions = 20,
		.half_life_max = 86400,
		.prior_weight = 8,
		.margin = 10,
		.trial_verdicts = 4,
		.trial_failures = 2,
		.demote_base = 1800,
		.demote_sessions = 20,
		.demote_max = 14400,
		.min_evidence = 5,
		.min_score = 40,
		.consecutive = 3,
		.min_weight = 0.5,
		.eject_base = 60,
		.eject_sessions = 3,
		.eject_max = 600,
		.eject_max_sessions = 8,
		.eject_abs_max = 3600,
		.jitter = 0.2,
		.forgive = 600,
		.probes = 3,
		.probes_max = 5,
		.probe_lease = 45,
		.kept_failures = 1,
		.rate_half_life = 7200,
		.scope_evidence = 5,
		.checks_bad = 2,
		.checks_good = 2,
		.check_ttl = 120,
	};

	/*
	 * A score that moves by points cannot tell a provider that fails every
	 * second session from a good one after a few lucky probes: ask for more.
	 */
	if (rule == POLICY_ADDITIVE)
	{
		settings->probes = 5;
		settings->probes_max = 8;
	}
}

/* A clock that goes back must not make evidence grow. */
double
policy_decay(double seconds, double half_life)
{
	return exp2(-fmax(seconds, 0) / half_life);
}

void
policy_scope_init(PolicyScope *scope, const PolicySettings *settings)
{
	memset(scope, 0, sizeof(*scope));
	scope->half_life = settings->half_life;
	scope->drift_half_life = settings->drift_half_life;
}

void
policy_arm_init(PolicyArm *arm, double prior, double now)
{
	memset(arm, 0, sizeof(*arm));
	arm->prior = prior;
	arm->points = prior;
	arm->updated_at = now;
	arm->closed_at = now;
}

/* Bring evidence and points up to now. */
static void
settle(const PolicyScope *scope, PolicyArm *arm, double now)
{
	double left = policy_decay(now - arm->updated_at, scope->half_life);

	arm->points = additive_score(scope, arm, now);
	arm->successes *= left;
	arm->failures *= left;
	arm->updated_at = fmax(arm->updated_at, now);
}

void
policy_set_prior(PolicyArm *arm, const PolicyScope *scope, double prior, double now)
{
	settle(scope, arm, now);
	arm->points = fmin(100, fmax(0, arm->points + prior - arm->prior));
	arm->prior = prior;
}

void
policy_inherit(const PolicySettings *settings,
			   const PolicyScope *scope, PolicyArm *arm,
			   const PolicyScope *parent_scope, const PolicyArm *parent, double now)
{
	settle(scope, arm, now);
	if (arm->successes + arm->failures < settings->scope_evidence)
		arm->prior = policy_score(settings, parent_scope, parent, now);
}

void
policy_arrival(const PolicySettings *settings, PolicyScope *scope, double now)
{
	double rate;

	if (scope->arrivals == 0)
	{
		scope->first_at = now;
		scope->arrivals_at = now;
	}
	scope->arrivals *= policy_decay(now - scope->arrivals_at, settings->rate_half_life);
	scope->arrivals++;
	scope->arrivals_at = fmax(scope->arrivals_at, now);

	scope->half_life = settings->half_life;
	scope->drift_half_life = settings->drift_half_life;
	if (now - scope->first_at <= RATE_WARM_UP)
		return;
	rate = policy_rate(settings, scope, now);
	scope->half_life = fmin(settings->half_life_max,
							fmax(settings->half_life, settings->half_life_sessions / rate));
	scope->drift_half_life = fmin(settings->half_life_max,
								  fmax(settings->drift_half_life, settings->drift_sessions / rate));
}

/*
 * Decayed counts know little of the time before the first arrival; dividing by
 * the share of the half-life's window that has passed corrects that.
 */
double
policy_rate(const PolicySettings *settings, const PolicyScope *scope, double now)
{
	double half_life = settings->rate_half_life;
	double seen;

	if (scope->arrivals == 0)
		return 0;
	seen = 1 - policy_decay(now - scope->first_at, half_life);
	if (seen < 1e-9)
		return 0;
	return scope->arrivals * policy_decay(now - scope->arrivals_at, half_life) *
		   M_LN2 / half_life / seen;
}

double
policy_score(const PolicySettings *settings, const PolicyScope *scope,
			 const PolicyArm *arm, double now)
{
	if (settings->rule == POLICY_ADDITIVE)
		return additive_score(scope, arm, now);
	return adaptive_score(settings, scope, arm, now);
}

/*
 * Everything fresh is known to be bad.  A closed one that failed here once or
 * twice may have failed by chance; one that the session is to leave for another
 * reason may not be asked for again.
 */
static bool
is_retry(const PolicyCandidate *candidate)
{
	return candidate->arm->state == BREAKER_CLOSED &&
		   candidate->failures >= 1 && candidate->failures <= MAX_RETRIES;
}

/* In order of weight: elsewhere, fewer failures here, half open, score. */
static bool
is_lesser_evil(const PolicySettings *settings, const PolicyScope *scope,
			   const PolicyCandidate *a, const PolicyCandidate *b, double now)
{
	bool a_is_half = a->arm->state == BREAKER_HALF;
	bool b_is_half = b->arm->state == BREAKER_HALF;

	if (a->is_current != b->is_current)
		return b->is_current;
	if (a->failures != b->failures)
		return a->failures < b->failures;
	if (a_is_half != b_is_half)
		return a_is_half;
	return policy_score(settings, scope, a->arm, now) >
		   policy_score(settings, scope, b->arm, now);
}

static PolicyChoice
choose_lesser_evil(const PolicySettings *settings, const PolicyScope *scope,
				   const PolicyCandidate *candidates, int count, double now)
{
	PolicyChoice retry = {-1, POLICY_RETRY};
	PolicyChoice panic = {-1, POLICY_PANIC};

	for (int i = 0; i < count; i++)
	{
		const PolicyCandidate *candidate = &candidates[i];

		if (is_retry(candidate) &&
			(retry.index < 0 ||
			 is_lesser_evil(settings, scope, candidate, &candidates[retry.index], now)))
			retry.index = i;
		if (panic.index < 0 ||
			is_lesser_evil(settings, scope, candidate, &candidates[panic.index], now))
			panic.index = i;
	}
	return retry.index >= 0 ? retry : panic;
}

PolicyChoice
policy_choose(const PolicySettings *settings, const PolicyScope *scope,
			  const PolicyCandidate *candidates, int count, uint64_t session, double now)
{
	PolicyChoice choice = {-1, POLICY_NORMAL};
	bool		 probe;

	for (int i = 0; i < count; i++)
		breaker_ripen(settings, candidates[i].arm, now);

	if (settings->rule == POLICY_ADDITIVE)
		choice.index = additive_pick(settings, scope, candidates, count, session, now, &probe);
	else
		choice.index = adaptive_pick(settings, scope, candidates, count, session, now, &probe);

	if (choice.index < 0)
		return choose_lesser_evil(settings, scope, candidates, count, now);
	if (probe)
	{
		breaker_lease(settings, candidates[choice.index].arm, session, now);
		choice.kind = POLICY_PROBE;
	}
	return choice;
}

void
policy_report(const PolicyScope *scope, PolicyArm *arm, bool success, double weight, double now)
{
	settle(scope, arm, now);
	if (success)
		arm->successes += weight;
	else
		arm->failures += weight;
}

/* Is it to be left by its score alone? */
static bool
is_weak(const PolicySettings *settings, const PolicyScope *scope,
		const PolicyArm *arm, double now)
{
	if (policy_score(settings, scope, arm, now) >= settings->min_score)
		return false;
	return settings->rule == POLICY_ADDITIVE ||
		   arm->successes + arm->failures >= settings->min_evidence;
}

void
policy_verdict(const PolicySettings *settings, const PolicyScope *scope,
			   PolicyArm *arm, const PolicyVerdict *verdict, double now)
{
	breaker_ripen(settings, arm, now);
	settle(scope, arm, now);
	additive_verdict(settings, arm, verdict);
	breaker_verdict(settings, scope, arm, verdict,
					is_weak(settings, scope, arm, now), now);
}

void
policy_check(const PolicySettings *settings, const PolicyScope *scope,
			 PolicyArm *arm, bool success, double now)
{
	breaker_ripen(settings, arm, now);
	settle(scope, arm, now);
	breaker_check(settings, scope, arm, success, now);
}
