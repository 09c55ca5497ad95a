/*-------------------------------------------------------------------------
 *
 * policy_breaker.c
 *	  An arm's breaker: closed, open for a while, half open for single probes.
 *
 * Functions that change the state expect the arm's evidence to be decayed to
 * now; policy.c sees to that.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_breaker.h"

#include <math.h>

/* Doublings beyond this change nothing: every limit is reached before. */
#define MAX_DOUBLINGS 30

/* 0 <= result < 1, the same for the same input */
static double
spread(uint64_t bits)
{
	bits += UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
	bits ^= bits >> 31;
	return (double) (bits >> 11) / (double) (UINT64_C(1) << 53);
}

static void
open_until(PolicyArm *arm, BreakerReason reason, double until)
{
	arm->state = BREAKER_OPEN;
	arm->reason = reason;
	arm->open_until = until;
	arm->consecutive = 0;
	arm->probes_ok = 0;
	arm->probe = 0;
}

/*
 * A provider that has been well for long starts again with a short time out.
 */
static void
forgive(const PolicySettings *settings, PolicyArm *arm, double now)
{
	double forgiven = floor((now - arm->closed_at) / settings->forgive);

	if (forgiven >= arm->ejections)
		arm->ejections = 0;
	else if (forgiven > 0)
		arm->ejections -= (int) forgiven;
}

/*
 * The salt makes different arms and scopes end their times out at different
 * moments.
 */
static void
trip(const PolicySettings *settings, const PolicyScope *scope, PolicyArm *arm,
	 uint64_t salt, double now)
{
	double rate = policy_rate(settings, scope, now);
	double wait = settings->eject_base;
	double limit = settings->eject_max;

	if (arm->state == BREAKER_CLOSED)
		forgive(settings, arm, now);
	if (arm->ejections < MAX_DOUBLINGS)
		arm->ejections++;

	if (rate > 0)
	{
		wait = fmax(wait, settings->eject_sessions / rate);
		limit = fmin(fmax(limit, settings->eject_max_sessions / rate),
					 settings->eject_abs_max);
	}
	wait = fmin(wait * exp2(arm->ejections - 1), limit);
	wait *= 1 + settings->jitter * spread(salt ^ (uint64_t) arm->ejections);

	/* what was good before it opened says nothing about its return */
	arm->checks_good = 0;
	arm->checks_agree = arm->checks_bad > 0;
	open_until(arm, BREAKER_HARD, now + wait);
}

void
breaker_demote(const PolicySettings *settings, const PolicyScope *scope,
			   PolicyArm *arm, double now)
{
	double rate = policy_rate(settings, scope, now);
	double wait = settings->demote_base;

	if (rate > 0)
		wait = fmax(wait, settings->demote_sessions / rate);
	wait = fmin(wait * exp2(arm->demotions), settings->demote_max);

	if (arm->demotions < MAX_DOUBLINGS)
		arm->demotions++;
	open_until(arm, BREAKER_MARGIN, now + wait);
}

static void
ripen_now(PolicyArm *arm)
{
	arm->state = BREAKER_HALF;
	arm->probes_ok = 0;
	arm->probe = 0;
}

/*
 * Health checks spare sessions from probing what is still dead.  They do not
 * have the last word: a broken checker must not keep a provider out for ever.
 */
static bool
checks_object(const PolicySettings *settings, const PolicyArm *arm, double now)
{
	return arm->reason == BREAKER_HARD &&
		   arm->checks_bad > 0 &&
		   now - arm->checked_at <= settings->check_ttl &&
		   now < arm->open_until + settings->eject_max;
}

void
breaker_ripen(const PolicySettings *settings, PolicyArm *arm, double now)
{
	if (arm->state == BREAKER_OPEN && now >= arm->open_until &&
		!checks_object(settings, arm, now))
		ripen_now(arm);
}

bool
breaker_is_free(const PolicyArm *arm, uint64_t session, double now)
{
	return arm->probe == 0 || arm->probe == session || now > arm->lease_until;
}

void
breaker_lease(const PolicySettings *settings, PolicyArm *arm, uint64_t session, double now)
{
	/* the same session asking again does not get more time */
	if (arm->probe != session)
		arm->lease_until = now + settings->probe_lease;
	arm->probe = session;
}

/*
 * Probes have shown that it works: forget how it went before, but not quite.
 */
static void
close_breaker(const PolicySettings *settings, PolicyArm *arm, double now)
{
	arm->state = BREAKER_CLOSED;
	arm->probe = 0;
	arm->closed_at = now;
	arm->consecutive = 0;
	arm->verdicts = 0;
	arm->failed = 0;
	arm->successes = settings->probes;
	arm->failures = fmin(arm->failures, settings->kept_failures);
	arm->points = fmax(arm->points, arm->prior);
}

static void
verdict_while_closed(const PolicySettings *settings, const PolicyScope *scope,
					 PolicyArm *arm, const PolicyVerdict *verdict, bool is_weak, double now)
{
	if (verdict->success)
	{
		arm->consecutive = 0;
		arm->last_reporter = 0;
		return;
	}

	/* one reporter alone never makes a row */
	if (verdict->reporter == 0 || verdict->reporter != arm->last_reporter)
		arm->consecutive++;
	arm->last_reporter = verdict->reporter;

	if (arm->consecutive >= settings->consecutive || is_weak)
		trip(settings, scope, arm, verdict->session, now);
}

static void
verdict_while_half(const PolicySettings *settings, const PolicyScope *scope,
				   PolicyArm *arm, const PolicyVerdict *verdict, double now)
{
	int extra = arm->ejections > 1 ? arm->ejections - 1 : 0;
	int wanted = settings->probes + extra;

	if (!verdict->success)
	{
		if (arm->reason == BREAKER_MARGIN)
			breaker_demote(settings, scope, arm, now);
		else
			trip(settings, scope, arm, verdict->session, now);
		return;
	}

	if (wanted > settings->probes_max)
		wanted = settings->probes_max;
	arm->probes_ok++;
	if (arm->probes_ok >= wanted)
		close_breaker(settings, arm, now);
}

/*
 * While half open everything that is heard of the arm counts, whoever was let
 * in and why; but only the probe's own verdict makes room for the next probe.
 */
void
breaker_verdict(const PolicySettings *settings, const PolicyScope *scope,
				PolicyArm *arm, const PolicyVerdict *verdict, bool is_weak, double now)
{
	if (arm->state == BREAKER_HALF && arm->probe == verdict->session)
		arm->probe = 0;

	/* who has spent his budget is not believed */
	if (verdict->weight < settings->min_weight)
		return;

	if (arm->verdicts < INT32_MAX)
	{
		arm->verdicts++;
		arm->failed += verdict->success ? 0 : 1;
	}

	if (arm->state == BREAKER_CLOSED)
		verdict_while_closed(settings, scope, arm, verdict, is_weak, now);
	else if (arm->state == BREAKER_HALF)
		verdict_while_half(settings, scope, arm, verdict, now);
}

/*
 * Good ones end the time out early only if bad ones were seen in it: a checker
 * to which all has been well does not see what is wrong.
 *
 * Only the failure that makes the row complete opens: a checker that says
 * "failed" for ever is overruled by probes that succeed.
 */
void
breaker_check(const PolicySettings *settings, const PolicyScope *scope,
			  PolicyArm *arm, bool success, double now)
{
	arm->checked_at = now;
	if (success)
	{
		arm->checks_bad = 0;
		if (arm->checks_good < settings->checks_good)
			arm->checks_good++;
		if (arm->state == BREAKER_OPEN && arm->reason == BREAKER_HARD &&
			arm->checks_agree && arm->checks_good >= settings->checks_good)
			ripen_now(arm);
		return;
	}

	arm->checks_good = 0;
	arm->checks_agree = true;
	if (arm->checks_bad >= settings->checks_bad)
		return;
	arm->checks_bad++;
	if (arm->checks_bad == settings->checks_bad && arm->state != BREAKER_OPEN)
		trip(settings, scope, arm, arm->probe, now);
}
