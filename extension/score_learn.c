/*-------------------------------------------------------------------------
 *
 * score_learn.c
 *	  What a transaction learnt takes effect, after its commit.
 *
 * A report is evidence in its scope and in all above it.  Nothing here can fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "score_shared.h"

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
	ScopeName	  chain[SCORE_SCOPE_LEVELS];
	int			  levels = score_scope_chain(note->scope, chain);
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
	ScopeName chain[SCORE_SCOPE_LEVELS];
	int		  levels = score_scope_chain(note->scope, chain);
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
