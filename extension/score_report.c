/*-------------------------------------------------------------------------
 *
 * score_report.c
 *	  All that is known of the providers, for those who want to see it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "score_shared.h"

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
