/*-------------------------------------------------------------------------
 *
 * traffic.c
 *	  Six hours of sessions under one policy, again and again.
 *
 * Sessions arrive at random, connect or fail together, live for a while and
 * drop when their provider dies.  A run is determined by its seed, and every
 * policy meets the same arrivals.
 *
 *-------------------------------------------------------------------------
 */
#include "traffic.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

#include "../../extension/policy.h"
#include "../../extension/policy_guards.h"

#define DURATION	  21600.0 /* six hours */
#define TROUBLE_AT	  7200.0
#define OUTAGE_END	  9000.0
#define MEAN_LENGTH	  1200.0 /* of a session */
#define MEAN_DROP	  60.0	 /* until a live call notices that its provider is dead */
#define CHECK_EVERY	  30.0
#define SYBIL_EVERY	  10.0
#define MAX_ATTEMPTS  4
#define PRIVATE_FAULT 0.01 /* a participant fails alone */
#define POISONERS	  0.01 /* participants who lie, */
#define POISON		  20   /* so many times each */
#define DEAD		  0.02 /* what still connects in an outage */
#define SYMMETRIC	  0.15 /* sessions with a network that p2p does not cross */
#define WINDOW		  10   /* sessions in which detection and return are seen, */
#define WINDOW_MOST	  8	   /* and how many of them make it */
#define SCOPES		  3	   /* parent, usual networks, symmetric ones */
#define PROVIDERS	  2

typedef struct Session
{
	double	 began;
	uint64_t hash;
	int		 members;
	int		 scope; /* 1 usual, 2 symmetric */
	int		 epoch;
	int		 first; /* provider of epoch 1 */
	int		 provider;
	int		 attempts;
	int		 failures[PROVIDERS];
	bool	 is_live;
	bool	 is_sybil;
} Session;

typedef struct Run
{
	Scenario	   scenario;
	Policy		   policy;
	double		   rate; /* sessions per second */
	double		   now;
	uint64_t	   random;	 /* what befalls sessions */
	uint64_t	   arrivals; /* when they come, and who: the same for all policies */
	PolicySettings settings;
	PolicyScope	   scopes[SCOPES];
	PolicyArm	   arms[SCOPES][PROVIDERS];
	GuardBudgets   budgets;
	double		   points[PROVIDERS]; /* of bare */
	Events		   events;
	Session		  *sessions;
	int			   nsessions;
	int			   session_room;
} Run;

/* splitmix64 */
static uint64_t
mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double
uniform(uint64_t *random)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return (double) (mix(*random) >> 11) / (double) (UINT64_C(1) << 53);
}

static double
exponential(uint64_t *random, double mean)
{
	return -mean * log(1 - uniform(random));
}

/*
 * The truth: 0 is the operator's first choice.
 */
static bool
is_out(const Run *run, int provider, double at)
{
	double since = at - TROUBLE_AT;

	if (since < 0)
		return false;
	switch (run->scenario)
	{
		case OUTAGE30:
			return provider == 0 && at < OUTAGE_END;
		case FLAP:
			return provider == 0 && since < 7200 && fmod(since, 600) < 180;
		case BOTHDOWN:
			return since < 600;
		default:
			return false;
	}
}

/* How many of the sessions with this network connect. */
static double
truth(const Run *run, int provider, int scope, double at)
{
	double since = at - TROUBLE_AT;

	if (is_out(run, provider, at))
		return run->scenario == BOTHDOWN ? 0 : DEAD;

	switch (run->scenario)
	{
		case SLOWDEG:
			if (provider == 0)
				return 0.98 - 0.48 * fmin(1, fmax(0, since / 7200));
			return 0.90;
		case SYMNAT:
			if (provider == 0)
				return scope == 2 ? 0.05 : 0.985;
			return 0.95;
		case COLDWRONG:
			return provider == 0 ? 0.80 : 0.98;
		default:
			return provider == 0 ? 0.98 : 0.90;
	}
}

/*
 * What the policy hears
 */
static bool
is_guarded(const Run *run)
{
	return run->policy != FIXED && run->policy != BARE;
}

static bool
is_checked(const Run *run)
{
	return run->policy == ADDITIVE_CHECKED || run->policy == ADAPTIVE_CHECKED;
}

/* Whether sessions of different networks are told apart. */
static int
scope_of(const Run *run, const Session *session)
{
	return run->policy == ADAPTIVE_SCOPED ? session->scope : 0;
}

static void
bare_report(Run *run, int provider, bool success)
{
	double points = run->points[provider] + (success ? 5 : -15);

	run->points[provider] = fmin(100, fmax(0, points));
}

/* A report of one participant; returns the share that its budget leaves. */
static double
report(Run *run, const Session *session, uint64_t reporter, bool success)
{
	int	   scope = scope_of(run, session);
	double weight = guard_weight(session->members);
	double taken = guard_take(&run->budgets, reporter, (uint64_t) session->provider + 1,
							  success, weight, run->scopes[0].half_life, run->now);

	policy_report(&run->scopes[scope], &run->arms[scope][session->provider],
				  success, taken, run->now);
	if (scope != 0)
		policy_report(&run->scopes[0], &run->arms[0][session->provider],
					  success, taken, run->now);
	return taken / weight;
}

static void
give_verdict(Run *run, const Session *session, const PolicyVerdict *verdict)
{
	int scope = scope_of(run, session);

	policy_verdict(&run->settings, &run->scopes[scope],
				   &run->arms[scope][session->provider], verdict, run->now);
	if (scope != 0)
		policy_verdict(&run->settings, &run->scopes[0],
					   &run->arms[0][session->provider], verdict, run->now);
}

/* Everybody reports; the last one of those who say so decides. */
static void
report_all(Run *run, const Session *session, bool success)
{
	PolicyVerdict said[2] = {{false, 1, 0, session->hash}, {true, 1, 0, session->hash}};
	int			  count[2] = {0, 0};

	for (int i = 0; i < session->members; i++)
	{
		uint64_t reporter = session->is_sybil ? 1 : mix(session->hash + (uint64_t) i);
		bool	 private_fault = !session->is_sybil && uniform(&run->random) < PRIVATE_FAULT;
		bool	 lies = uniform(&run->random) < POISONERS && run->scenario == POISONED;
		bool	 good = success && !private_fault && !lies;

		if (run->policy == BARE)
		{
			for (int times = lies ? POISON : 1; times > 0; times--)
				bare_report(run, session->provider, good);
		}
		if (is_guarded(run))
		{
			said[good].weight = report(run, session, reporter, good);
			said[good].reporter = reporter;
			count[good]++;
		}
	}

	if (!is_guarded(run))
		return;
	switch (guard_majority(session->members, count[false], count[true]))
	{
		case GUARD_SUCCESS:
			give_verdict(run, session, &said[true]);
			break;
		case GUARD_FAILURE:
			give_verdict(run, session, &said[false]);
			break;
		case GUARD_UNDECIDED:
			break;
	}
}

/*
 * What the policy says
 */
static int
bare_choice(const Run *run, const Session *session)
{
	bool may_first = run->points[0] >= 40;
	bool may_second = run->points[1] >= 40;

	if (session->epoch > 0)
	{
		int other = 1 - session->provider;

		return run->points[other] >= 40 ? other : session->provider;
	}
	if (may_first != may_second)
		return may_first ? 0 : 1;
	return run->points[1] > run->points[0] ? 1 : 0;
}

static int
guarded_choice(Run *run, const Session *session, Figures *figures)
{
	int				scope = scope_of(run, session);
	PolicyCandidate candidates[PROVIDERS];
	PolicyChoice	choice;
	double			lease[PROVIDERS];
	uint64_t		probe[PROVIDERS];

	for (int i = 0; i < PROVIDERS; i++)
	{
		PolicyArm *arm = &run->arms[scope][i];

		if (scope != 0)
			policy_inherit(&run->settings, &run->scopes[scope], arm,
						   &run->scopes[0], &run->arms[0][i], run->now);
		candidates[i].arm = arm;
		candidates[i].failures = session->failures[i];
		candidates[i].is_current = session->epoch > 0 && session->provider == i;
		lease[i] = arm->lease_until;
		probe[i] = arm->state == BREAKER_HALF ? arm->probe : 0;
	}
	choice = policy_choose(&run->settings, &run->scopes[scope], candidates, PROVIDERS,
						   session->hash, run->now);

	if (choice.index < 0 || choice.index >= PROVIDERS)
	{
		fprintf(stderr, "simulation: no choice\n");
		exit(2);
	}
	if (choice.kind == POLICY_PROBE && probe[choice.index] != 0 &&
		probe[choice.index] != session->hash && run->now <= lease[choice.index])
		figures->broken++;
	for (int i = 0; i < PROVIDERS; i++)
	{
		if (candidates[i].arm->state == BREAKER_OPEN && !isfinite(candidates[i].arm->open_until))
			figures->broken++;
	}
	return choice.index;
}

static int
choose(Run *run, const Session *session, Figures *figures)
{
	if (run->policy == FIXED)
		return session->epoch == 0 ? 0 : 1 - session->provider;
	if (run->policy == BARE)
		return bare_choice(run, session);
	return guarded_choice(run, session, figures);
}

/*
 * A session's life
 */

/* Void if the session has moved on by then. */
static void
befalls(Run *run, int index, EventKind kind, double after)
{
	events_add(&run->events, run->now + after, kind, index, run->sessions[index].epoch);
}

static void
attempt(Run *run, int index, Figures *figures)
{
	Session *session = &run->sessions[index];
	int		 provider = choose(run, session, figures);
	double	 p = truth(run, provider, session->scope, run->now);
	bool	 connects = uniform(&run->random) < p;

	if (session->epoch == 0)
	{
		double best = fmax(truth(run, 0, session->scope, run->now),
						   truth(run, 1, session->scope, run->now));

		session->first = provider;
		figures->regret += best - p;
		figures->first_tries += connects;
	}
	else
		figures->switches += provider != session->provider;

	session->epoch++;
	session->attempts++;
	session->provider = provider;
	session->is_live = false;
	if (connects)
		befalls(run, index, CONNECTED, 1.5 + 1.6 * uniform(&run->random));
	else
		befalls(run, index, FAILED, 9 + 6 * uniform(&run->random));
}

static int
new_session(Run *run, bool is_sybil)
{
	Session *session;

	if (run->nsessions == run->session_room)
	{
		run->session_room = run->session_room * 2 + 64;
		run->sessions = allocate(run->sessions, (size_t) run->session_room * sizeof(Session));
	}
	session = &run->sessions[run->nsessions];
	memset(session, 0, sizeof(*session));
	session->began = run->now;
	session->hash = mix(run->arrivals + (uint64_t) run->nsessions) | 1;
	session->is_sybil = is_sybil;
	session->scope = 1;

	if (is_guarded(run))
	{
		policy_arrival(&run->settings, &run->scopes[0], run->now);
		session->members = 1;
	}
	return run->nsessions++;
}

static void
arrive(Run *run, Figures *figures)
{
	int		 index = new_session(run, false);
	Session *session = &run->sessions[index];
	double	 size = uniform(&run->arrivals);

	session->members = size < 0.75 ? 2 : (size < 0.90 ? 3 : 4);
	session->scope = uniform(&run->arrivals) < SYMMETRIC && run->scenario == SYMNAT ? 2 : 1;
	if (scope_of(run, session) != 0)
		policy_arrival(&run->settings, &run->scopes[session->scope], run->now);
	figures->sessions++;
	attempt(run, index, figures);
	events_add(&run->events, run->now + exponential(&run->arrivals, 1 / run->rate), ARRIVE, -1, 0);
}

/* Alone in a session, it says that the first choice failed, always. */
static void
sybil_arrives(Run *run, Figures *figures)
{
	int		 index = new_session(run, true);
	Session *session = &run->sessions[index];

	session->members = 1;
	session->provider = choose(run, session, figures);
	session->epoch = 1;
	befalls(run, index, session->provider == 0 ? FAILED : CONNECTED, 2);
	events_add(&run->events, run->now + SYBIL_EVERY, SYBIL_ARRIVES, -1, 0);
}

static void
connected(Run *run, int index)
{
	Session *session = &run->sessions[index];

	report_all(run, session, true);
	if (session->is_sybil)
		return;
	session->is_live = true;
	session->attempts = 0;
	befalls(run, index, ENDED, exponential(&run->random, MEAN_LENGTH));
	if (is_out(run, session->provider, run->now))
		befalls(run, index, DROPPED, exponential(&run->random, MEAN_DROP));
}

static void
failed(Run *run, int index, Figures *figures)
{
	Session *session = &run->sessions[index];

	report_all(run, session, false);
	if (session->is_sybil)
		return;
	session->failures[session->provider]++;
	session->is_live = false;
	if (session->attempts >= MAX_ATTEMPTS)
		figures->abandoned++;
	else
		attempt(run, index, figures);
}

/* An outage begins: those who are on it will notice. */
static void
outage_begins(Run *run)
{
	for (int i = 0; i < run->nsessions; i++)
	{
		Session *session = &run->sessions[i];

		if (session->is_live && is_out(run, session->provider, run->now))
			befalls(run, i, DROPPED, exponential(&run->random, MEAN_DROP));
	}
	if (run->scenario == FLAP)
		events_add(&run->events, run->now + 600, OUTAGE, -1, 0);
}

static void
check_health(Run *run)
{
	for (int i = 0; i < PROVIDERS; i++)
		policy_check(&run->settings, &run->scopes[0], &run->arms[0][i],
					 !is_out(run, i, run->now), run->now);
	events_add(&run->events, run->now + CHECK_EVERY, HEALTH, -1, 0);
}

static void
handle(Run *run, const Event *event, Figures *figures)
{
	if (event->session >= 0 && run->sessions[event->session].epoch != event->epoch)
		return;

	switch (event->kind)
	{
		case ARRIVE:
			arrive(run, figures);
			break;
		case CONNECTED:
			connected(run, event->session);
			break;
		case FAILED:
			failed(run, event->session, figures);
			break;
		case DROPPED:
			if (run->sessions[event->session].is_live &&
				is_out(run, run->sessions[event->session].provider, run->now))
				failed(run, event->session, figures);
			break;
		case ENDED:
			run->sessions[event->session].is_live = false;
			break;
		case OUTAGE:
			outage_begins(run);
			break;
		case HEALTH:
			check_health(run);
			break;
		case SYBIL_ARRIVES:
			sybil_arrives(run, figures);
			break;
	}
}

/*
 * One run
 */
static void
run_init(Run *run, int seed)
{
	PolicyRule rule = run->policy == ADDITIVE || run->policy == ADDITIVE_CHECKED
						  ? POLICY_ADDITIVE
						  : POLICY_ADAPTIVE;

	run->now = 0;
	run->arrivals = mix((uint64_t) seed) ^ (uint64_t) run->scenario;
	run->random = mix(run->arrivals);
	run->events.count = 0;
	run->events.order = 0;
	run->nsessions = 0;
	policy_default_settings(&run->settings, rule);
	memset(&run->budgets, 0, sizeof(run->budgets));
	for (int provider = 0; provider < PROVIDERS; provider++)
	{
		double base = provider == 0 ? 80 : 60;

		run->points[provider] = base;
		for (int scope = 0; scope < SCOPES; scope++)
		{
			policy_scope_init(&run->scopes[scope], &run->settings);
			policy_arm_init(&run->arms[scope][provider], base, 0);
		}
	}

	events_add(&run->events, exponential(&run->arrivals, 1 / run->rate), ARRIVE, -1, 0);
	events_add(&run->events, TROUBLE_AT, OUTAGE, -1, 0);
	if (is_checked(run))
		events_add(&run->events, CHECK_EVERY * uniform(&run->random), HEALTH, -1, 0);
	if (run->scenario == SYBIL)
		events_add(&run->events, SYBIL_EVERY * uniform(&run->random), SYBIL_ARRIVES, -1, 0);
}

/*
 * When, seconds after a moment, most of the next sessions begin with the
 * provider (or do not); -1 if never before the limit.
 */
static double
settled_at(const Run *run, double after, double limit, bool uses_first)
{
	for (int i = 0; i < run->nsessions; i++)
	{
		int seen = 0;
		int most = 0;

		if (run->sessions[i].began < after || run->sessions[i].is_sybil)
			continue;
		if (run->sessions[i].began >= limit)
			break;
		for (int j = i; j < run->nsessions && seen < WINDOW; j++)
		{
			if (run->sessions[j].is_sybil)
				continue;
			seen++;
			most += (run->sessions[j].first == 0) == uses_first;
		}
		if (seen == WINDOW && most >= WINDOW_MOST)
			return run->sessions[i].began - after;
	}
	return -1;
}

static void
simulate(Run *run, int seed, Figures *figures)
{
	double detected;
	double returned;
	long   sessions = figures->sessions;
	long   first_tries = figures->first_tries;
	double share;

	run_init(run, seed);
	for (;;)
	{
		Event event = events_next(&run->events);

		if (event.at >= DURATION)
			break;
		run->now = event.at;
		handle(run, &event, figures);
	}
	figures->runs++;
	share = (double) (figures->first_tries - first_tries) /
			fmax(1, (double) (figures->sessions - sessions));
	figures->share_sum += share;
	figures->share_squares += share * share;
	if (run->scenario != OUTAGE30)
		return;

	detected = settled_at(run, TROUBLE_AT, OUTAGE_END, false);
	returned = settled_at(run, OUTAGE_END, DURATION, true);
	if (detected >= 0)
		figures->detected[figures->ndetected++] = detected;
	if (returned >= 0)
		figures->returned[figures->nreturned++] = returned;
}

Figures
traffic_run(Scenario scenario, Policy policy, double per_minute, int seeds)
{
	Run	   *run = allocate(NULL, sizeof(Run));
	Figures figures = {0};

	memset(run, 0, sizeof(*run));
	run->scenario = scenario;
	run->policy = policy;
	run->rate = per_minute / 60;
	figures.detected = allocate(NULL, (size_t) seeds * sizeof(double));
	figures.returned = allocate(NULL, (size_t) seeds * sizeof(double));
	for (int seed = 1; seed <= seeds; seed++)
		simulate(run, seed, &figures);
	free(run->events.heap);
	free(run->sessions);
	free(run);
	return figures;
}
