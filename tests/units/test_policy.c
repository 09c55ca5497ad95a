/*-------------------------------------------------------------------------
 *
 * test_policy.c
 *	  The scoring policies: exact figures, the reference trace, the guards, and
 *	  what must hold whatever happens.
 *
 * Expected figures are those of the policy's specification, computed by an
 * independent implementation of it.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../extension/policy.h"
#include "../../extension/policy_guards.h"

static int passed;
static int failed;

#define CHECK(condition)                                                    \
	do                                                                      \
	{                                                                       \
		if (condition)                                                      \
			passed++;                                                       \
		else                                                                \
		{                                                                   \
			failed++;                                                       \
			fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #condition); \
		}                                                                   \
	} while (0)

#define CHECK_NEAR(value, expected, tolerance)                                   \
	do                                                                           \
	{                                                                            \
		double value_ = (value);                                                 \
		double expected_ = (expected);                                           \
		if (fabs(value_ - expected_) <= (tolerance))                             \
			passed++;                                                            \
		else                                                                     \
		{                                                                        \
			failed++;                                                            \
			fprintf(stderr, "%s:%d: %s is %.6f, not %.6f\n", __func__, __LINE__, \
					#value, value_, expected_);                                  \
		}                                                                        \
	} while (0)

/* Figures are given to 3 decimals. */
#define EXACT 0.0005001

#define DAILY 0
#define P2P	  1

/* Two providers in one scope, in the operator's order. */
typedef struct World
{
	PolicySettings	settings;
	PolicyScope		scope;
	PolicyArm		arms[2];
	PolicyCandidate candidates[2];
	uint64_t		session; /* the last one that began */
} World;

static void
world_init(World *world, PolicyRule rule)
{
	memset(world, 0, sizeof(*world));
	policy_default_settings(&world->settings, rule);
	world->settings.jitter = 0;
	policy_scope_init(&world->scope, &world->settings);
	policy_arm_init(&world->arms[DAILY], 80, 0);
	policy_arm_init(&world->arms[P2P], 60, 0);
	world->candidates[DAILY].arm = &world->arms[DAILY];
	world->candidates[P2P].arm = &world->arms[P2P];
}

static PolicyChoice
begin(World *world, double now)
{
	policy_arrival(&world->settings, &world->scope, now);
	world->session++;
	return policy_choose(&world->settings, &world->scope, world->candidates, 2,
						 world->session, now);
}

static double
score(const World *world, int arm, double now)
{
	return policy_score(&world->settings, &world->scope, &world->arms[arm], now);
}

/* The reporter is never the same twice. */
static void
verdict(World *world, int arm, bool success, double now)
{
	PolicyVerdict v = {success, 1, 0, world->session};

	policy_verdict(&world->settings, &world->scope, &world->arms[arm], &v, now);
}

/* Both participants say the same. */
static void
report_pair(World *world, int arm, bool success, double now)
{
	policy_report(&world->scope, &world->arms[arm], success, guard_weight(2), now);
	policy_report(&world->scope, &world->arms[arm], success, guard_weight(2), now);
	verdict(world, arm, success, now);
}

static void
test_adaptive_scores(void)
{
	static const struct
	{
		double base;
		double successes;
		double failures;
		double score;
	} figures[] = {
		{80, 0, 0, 80.000},
		{60, 0, 0, 60.000},
		{80, 0, 1, 60.000},
		{80, 0, 2, 44.000},
		{80, 0, 3, 30.909},
		{60, 0, 1, 42.222},
		{60, 0, 2, 28.000},
		{60, 0, 3, 16.364},
		{80, 10, 0, 91.111},
		{80, 50, 0, 97.241},
		{80, 50, 1, 93.898},
		{80, 50, 5, 81.587},
		{60, 45, 5, 77.241},
		{80, 40, 10, 62.759},
		{80, 35, 15, 45.517},
		{80, 0, 5, 10.769},
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
	{
		World world;

		world_init(&world, POLICY_ADAPTIVE);
		policy_set_prior(&world.arms[0], &world.scope, figures[i].base, 0);
		policy_report(&world.scope, &world.arms[0], true, figures[i].successes, 0);
		policy_report(&world.scope, &world.arms[0], false, figures[i].failures, 0);
		CHECK_NEAR(score(&world, 0, 0), figures[i].score, EXACT);
	}
}

static void
test_adaptive_decay(void)
{
	static const double after[] = {900, 1800, 3600, 7200, 14400};
	static const double expected[] = {42.274, 51.579, 64.571, 75.878, 79.737};
	World				world;

	world_init(&world, POLICY_ADAPTIVE);
	policy_report(&world.scope, &world.arms[DAILY], false, 3, 0);
	for (int i = 0; i < 5; i++)
		CHECK_NEAR(score(&world, DAILY, after[i]), expected[i], EXACT);

	/* it does not matter whether it was looked at in between */
	policy_report(&world.scope, &world.arms[DAILY], true, 0, 700);
	CHECK_NEAR(score(&world, DAILY, 900), expected[0], EXACT);
}

/*
 * The reference trace: 20 healthy sessions, half an hour without daily, an
 * hour with it, a session each 30 s.
 */
typedef struct TraceRow
{
	double		  at;
	double		  daily;
	double		  p2p;
	BreakerState  daily_state;
	double		  open_until;
	int			  ejections;
	BreakerReason reason;
	double		  rate_per_minute;
	double		  half_life;
} TraceRow;

static const TraceRow trace[] = {
	{0, 80.000, 60.000, BREAKER_CLOSED, 0.0, 0, BREAKER_NEVER, 0.0000, 1800},
	{602, 93.837, 60.000, BREAKER_CLOSED, 0.0, 0, BREAKER_NEVER, 2.0977, 1800},
	{645, 86.508, 64.444, BREAKER_CLOSED, 0.0, 0, BREAKER_NEVER, 2.0473, 1800},
	{675, 79.699, 67.963, BREAKER_CLOSED, 0.0, 0, BREAKER_NEVER, 2.0450, 1800},
	{705, 73.341, 70.818, BREAKER_OPEN, 789.7, 1, BREAKER_HARD, 2.0430, 1800},
	{825, 67.310, 78.303, BREAKER_OPEN, 998.1, 2, BREAKER_HARD, 2.0363, 1800},
	{1035, 61.568, 84.732, BREAKER_OPEN, 1385.8, 3, BREAKER_HARD, 2.0284, 1800},
	{1425, 56.148, 89.756, BREAKER_OPEN, 2022.0, 4, BREAKER_HARD, 2.0201, 1800},
	{2055, 51.176, 92.873, BREAKER_OPEN, 2652.0, 5, BREAKER_HARD, 2.0134, 1800},
	{2415, 52.588, 93.766, BREAKER_OPEN, 2652.0, 5, BREAKER_HARD, 2.0112, 1800},
	{2432, 52.655, 93.852, BREAKER_OPEN, 2652.0, 5, BREAKER_HARD, 2.0232, 1800},
	{2672, 55.843, 94.166, BREAKER_HALF, 2652.0, 5, BREAKER_HARD, 2.0211, 1800},
	{2702, 57.974, 94.108, BREAKER_HALF, 2652.0, 5, BREAKER_HARD, 2.0209, 1800},
	{2732, 59.923, 94.050, BREAKER_HALF, 2652.0, 5, BREAKER_HARD, 2.0206, 1800},
	{2762, 61.712, 93.991, BREAKER_HALF, 2652.0, 5, BREAKER_HARD, 2.0204, 1800},
	{2792, 70.000, 93.932, BREAKER_CLOSED, 2652.0, 5, BREAKER_HARD, 2.0202, 1800},
	{4202, 94.098, 90.586, BREAKER_CLOSED, 2652.0, 5, BREAKER_HARD, 2.0134, 1800},
};

static size_t trace_at;

static void
check_trace(const World *world, double now)
{
	const TraceRow	*row = &trace[trace_at];
	const PolicyArm *daily = &world->arms[DAILY];

	CHECK(trace_at < sizeof(trace) / sizeof(trace[0]));
	CHECK_NEAR(now, row->at, 0);
	CHECK_NEAR(score(world, DAILY, now), row->daily, EXACT);
	CHECK_NEAR(score(world, P2P, now), row->p2p, EXACT);
	CHECK(daily->state == row->daily_state);
	CHECK(world->arms[P2P].state == BREAKER_CLOSED);
	CHECK_NEAR(daily->open_until, row->open_until, 0.05001);
	CHECK(daily->ejections == row->ejections);
	CHECK(daily->reason == row->reason);
	CHECK_NEAR(policy_rate(&world->settings, &world->scope, now) * 60,
			   row->rate_per_minute, 0.00005001);
	CHECK_NEAR(world->scope.half_life, row->half_life, 0.5);
	trace_at++;
}

static void
trace_outage(World *world)
{
	static const int failing[] = {1, 2, 3, 7, 14, 27, 48};
	size_t			 nfailing = 0;

	for (int i = 1; i <= 60; i++)
	{
		double		 now = 600 + 30.0 * i;
		PolicyChoice choice = begin(world, now);

		if (choice.index == P2P)
		{
			report_pair(world, P2P, true, now + 2);
			continue;
		}
		CHECK(nfailing < 7 && i == failing[nfailing]);
		CHECK(choice.kind == (nfailing < 3 ? POLICY_NORMAL : POLICY_PROBE));
		nfailing++;
		report_pair(world, DAILY, false, now + 12);
		report_pair(world, P2P, true, now + 15);
		check_trace(world, now + 15);
	}
	CHECK(nfailing == 7);
	check_trace(world, 2415);
}

static void
trace_recovery(World *world)
{
	for (int i = 1; i <= 60; i++)
	{
		double		 now = 2400 + 30.0 * i;
		PolicyChoice choice = begin(world, now);
		bool		 is_probe = i >= 9 && i <= 13;

		CHECK(choice.kind == (is_probe ? POLICY_PROBE : POLICY_NORMAL));
		CHECK(choice.index == (i < 9 ? P2P : DAILY));
		report_pair(world, choice.index, true, now + 2);
		if (is_probe || i == 1 || i == 60)
			check_trace(world, now + 2);
	}
}

static void
test_adaptive_trace(void)
{
	World world;

	world_init(&world, POLICY_ADAPTIVE);
	check_trace(&world, 0);
	for (int i = 1; i <= 20; i++)
	{
		PolicyChoice choice = begin(&world, 30.0 * i);

		CHECK(choice.index == DAILY && choice.kind == POLICY_NORMAL);
		report_pair(&world, DAILY, true, 30.0 * i + 2);
	}
	check_trace(&world, 602);
	trace_outage(&world);
	trace_recovery(&world);
	CHECK(trace_at == sizeof(trace) / sizeof(trace[0]));
}

/* S and F in order, all at one moment. */
static double
additive_after(const char *outcomes)
{
	World world;

	world_init(&world, POLICY_ADDITIVE);
	for (const char *o = outcomes; *o != '\0'; o++)
		verdict(&world, DAILY, *o == 'S', 0);
	return score(&world, DAILY, 0);
}

static void
test_additive_points(void)
{
	CHECK_NEAR(additive_after(""), 80, 0);
	CHECK_NEAR(additive_after("S"), 85, 0);
	CHECK_NEAR(additive_after("F"), 65, 0);
	CHECK_NEAR(additive_after("SSSSSSSSSSSSSSSSFFFF"), 40, 0);
	CHECK_NEAR(additive_after("FFFFSSSSSSSSSSSSSSSS"), 100, 0);
	CHECK_NEAR(additive_after("SSSSFSSSSFSSSSFSSSSF"), 85, 0);
	CHECK_NEAR(additive_after("FFFFFFFF"), 0, 0);
}

static void
test_additive_drift(void)
{
	World  world;
	double half_life;

	world_init(&world, POLICY_ADDITIVE);
	half_life = world.settings.drift_half_life;
	verdict(&world, DAILY, false, 0);
	verdict(&world, DAILY, false, 0);
	CHECK_NEAR(score(&world, DAILY, 0), 50, 0);
	CHECK_NEAR(score(&world, DAILY, half_life), 65, 1e-9);
	CHECK_NEAR(score(&world, DAILY, 2 * half_life), 72.5, 1e-9);
	CHECK_NEAR(score(&world, DAILY, 100 * half_life), 80, 1e-9);

	/* a reporter's spent budget leaves part of the points */
	policy_verdict(&world.settings, &world.scope, &world.arms[P2P],
				   &(PolicyVerdict){false, 0.2, 7, 1}, 0);
	CHECK_NEAR(score(&world, P2P, 0), 57, 1e-9);
}

/* splitmix64 */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 <= result < 1 */
static double
next_uniform(uint64_t *state)
{
	return (double) (next_random(state) >> 11) / (double) (UINT64_C(1) << 53);
}

static void
test_additive_stationary_mean(void)
{
	static const double success[] = {0.98, 0.90, 0.80, 0.75};
	static const double mean[] = {99.3, 95.0, 75.4, 51.6};

	for (int i = 0; i < 4; i++)
	{
		World	 world;
		uint64_t random = 1;
		double	 sum = 0;
		int		 steps = 4000000;

		world_init(&world, POLICY_ADDITIVE);
		for (int step = 0; step < steps; step++)
		{
			verdict(&world, DAILY, next_uniform(&random) < success[i], 0);
			sum += score(&world, DAILY, 0);
		}
		CHECK_NEAR(sum / steps, mean[i], 0.3);
	}
}

static void
test_additive_choice(void)
{
	World		 world;
	PolicyChoice choice;

	world_init(&world, POLICY_ADDITIVE);
	CHECK(begin(&world, 0).index == DAILY);

	/* the highest wins, and between equals the operator's order */
	verdict(&world, DAILY, false, 0);
	CHECK(begin(&world, 0).index == DAILY);
	verdict(&world, P2P, true, 0);
	CHECK_NEAR(score(&world, P2P, 0), score(&world, DAILY, 0), 0);
	CHECK(begin(&world, 0).index == DAILY);
	verdict(&world, P2P, true, 0);
	CHECK(begin(&world, 0).index == P2P);

	/* below the minimum it is left, and tried again by one session */
	world_init(&world, POLICY_ADDITIVE);
	verdict(&world, DAILY, false, 0);
	verdict(&world, DAILY, true, 0);
	verdict(&world, DAILY, false, 0);
	verdict(&world, DAILY, true, 0);
	verdict(&world, DAILY, false, 0);
	verdict(&world, DAILY, false, 0);
	CHECK_NEAR(score(&world, DAILY, 0), 30, 0);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);
	CHECK(begin(&world, 1).index == P2P);
	choice = begin(&world, 600);
	CHECK(choice.index == DAILY && choice.kind == POLICY_PROBE);
	CHECK(begin(&world, 601).index == P2P);
}

/*
 * Closed again, it starts from its base: the fallback, which has gathered
 * points meanwhile, wins only as long as it does well.
 */
static void
test_additive_return(void)
{
	World world;
	int	  probes = 0;

	world_init(&world, POLICY_ADDITIVE);
	for (int i = 0; i < 6; i++)
		verdict(&world, DAILY, false, 0);
	CHECK_NEAR(score(&world, DAILY, 0), 0, 0);
	for (int i = 0; i < 10; i++)
		verdict(&world, P2P, true, 300);

	while (world.arms[DAILY].state != BREAKER_CLOSED && probes < 10)
	{
		CHECK(begin(&world, 300).kind == POLICY_PROBE);
		verdict(&world, DAILY, true, 300);
		probes++;
	}
	CHECK(probes == world.settings.probes);
	CHECK_NEAR(score(&world, DAILY, 300), 80, 0);
	CHECK(begin(&world, 300).index == P2P);
	verdict(&world, P2P, false, 300);
	verdict(&world, P2P, false, 300);
	CHECK(begin(&world, 300).index == DAILY);
}

/* With both in use, the session stays off what failed in it. */
static void
test_choice_within_a_session(PolicyRule rule)
{
	World		 world;
	PolicyChoice choice;

	world_init(&world, rule);
	world.candidates[DAILY].failures = 1;
	world.candidates[DAILY].is_current = true;
	choice = begin(&world, 0);
	CHECK(choice.index == P2P && choice.kind == POLICY_NORMAL);

	/* both failed: away from where it is */
	world.candidates[DAILY].is_current = false;
	world.candidates[P2P].failures = 1;
	world.candidates[P2P].is_current = true;
	choice = begin(&world, 0);
	CHECK(choice.index == DAILY && choice.kind == POLICY_RETRY);

	/* the other one is known to be dead: try again */
	world_init(&world, rule);
	for (int i = 0; i < 3; i++)
		verdict(&world, P2P, false, 0);
	CHECK(world.arms[P2P].state == BREAKER_OPEN);
	world.candidates[DAILY].failures = 1;
	world.candidates[DAILY].is_current = true;
	choice = begin(&world, 0);
	CHECK(choice.index == DAILY && choice.kind == POLICY_RETRY);

	/* but not for ever, and not when asked to go elsewhere */
	world.candidates[DAILY].failures = 2;
	CHECK(begin(&world, 0).kind == POLICY_RETRY);
	world.candidates[DAILY].failures = 3;
	choice = begin(&world, 0);
	CHECK(choice.index == P2P && choice.kind == POLICY_PANIC);
	world.candidates[DAILY].failures = 0;
	choice = begin(&world, 0);
	CHECK(choice.index == P2P && choice.kind == POLICY_PANIC);
}

static void
test_one_candidate(PolicyRule rule)
{
	World world;

	world_init(&world, rule);
	for (int i = 0; i < 5; i++)
		verdict(&world, DAILY, false, 0);
	world.candidates[DAILY].failures = 3;
	world.candidates[DAILY].is_current = true;
	CHECK(policy_choose(&world.settings, &world.scope, world.candidates, 1, 1, 0).index == 0);
	CHECK(policy_choose(&world.settings, &world.scope, world.candidates, 0, 1, 0).index == -1);
}

static void
test_probe_lease(PolicyRule rule)
{
	World		 world;
	PolicyChoice choice;
	uint64_t	 prober;

	world_init(&world, rule);
	world.settings.probes = 3;
	for (int i = 0; i < 3; i++)
		verdict(&world, DAILY, false, 0);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);
	CHECK(begin(&world, 59).index == P2P);

	choice = begin(&world, 200);
	prober = world.session;
	CHECK(choice.index == DAILY && choice.kind == POLICY_PROBE);
	CHECK(begin(&world, 201).index == P2P);
	CHECK(begin(&world, 245).index == P2P);

	/* a second racer of the same session gets the same answer */
	world.session = prober - 1;
	CHECK(begin(&world, 230).kind == POLICY_PROBE);

	/* silent for too long; heard late, it counts but ends nobody else's probe */
	world.session = prober + 1;
	choice = begin(&world, 246);
	CHECK(choice.index == DAILY && choice.kind == POLICY_PROBE);
	world.session = prober;
	verdict(&world, DAILY, true, 247);
	CHECK(world.arms[DAILY].probes_ok == 1);
	world.session = prober + 2;
	CHECK(begin(&world, 247).index == P2P);
	world.session = prober + 2;
	verdict(&world, DAILY, true, 248);
	CHECK(world.arms[DAILY].probes_ok == 2);

	/* not believed: the next one may try */
	choice = begin(&world, 249);
	CHECK(choice.kind == POLICY_PROBE);
	policy_verdict(&world.settings, &world.scope, &world.arms[DAILY],
				   &(PolicyVerdict){false, 0.1, 9, world.session}, 250);
	CHECK(world.arms[DAILY].state == BREAKER_HALF);
	choice = begin(&world, 251);
	CHECK(choice.kind == POLICY_PROBE);
	verdict(&world, DAILY, true, 252);
	CHECK(world.arms[DAILY].state == BREAKER_CLOSED);
}

static void
test_one_reporter_never_opens(PolicyRule rule)
{
	World		  world;
	PolicyVerdict mine = {false, 1, 42, 1};
	PolicyVerdict other = {false, 1, 43, 2};

	world_init(&world, rule);
	world.settings.failure_points = 0;
	for (int i = 0; i < 20; i++)
		policy_verdict(&world.settings, &world.scope, &world.arms[DAILY], &mine, i);
	CHECK(world.arms[DAILY].state == BREAKER_CLOSED);
	CHECK(world.arms[DAILY].consecutive == 1);
	policy_verdict(&world.settings, &world.scope, &world.arms[DAILY], &other, 20);
	policy_verdict(&world.settings, &world.scope, &world.arms[DAILY], &mine, 21);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);
}

/* daily works for some, p2p for all */
static void
test_margin_demotes(void)
{
	World world;

	world_init(&world, POLICY_ADAPTIVE);
	for (int i = 0; i < 20; i++)
	{
		begin(&world, i);
		report_pair(&world, P2P, true, i);
		report_pair(&world, DAILY, i % 3 != 0, i);
	}
	CHECK(world.arms[DAILY].state == BREAKER_CLOSED || world.arms[DAILY].reason == BREAKER_MARGIN);
	CHECK(begin(&world, 20).index == P2P);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);
	CHECK(world.arms[DAILY].reason == BREAKER_MARGIN);
	CHECK(world.arms[DAILY].open_until >= 1800);

	/* a health check says that it connects, which is not the point */
	policy_check(&world.settings, &world.scope, &world.arms[DAILY], true, 30);
	policy_check(&world.settings, &world.scope, &world.arms[DAILY], true, 60);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);
	CHECK(begin(&world, 1900).kind == POLICY_PROBE);
	verdict(&world, DAILY, false, 1901);
	CHECK(world.arms[DAILY].reason == BREAKER_MARGIN);
	CHECK(world.arms[DAILY].open_until >= 1901 + 2 * 1800);
}

static void
check_health(World *world, bool success, double now)
{
	policy_check(&world->settings, &world->scope, &world->arms[DAILY], success, now);
}

static void
test_health_checks(PolicyRule rule)
{
	World world;

	/* two failed ones open */
	world_init(&world, rule);
	check_health(&world, false, 0);
	check_health(&world, true, 30);
	check_health(&world, false, 60);
	CHECK(world.arms[DAILY].state == BREAKER_CLOSED);
	check_health(&world, false, 90);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);

	/* as long as they fail, no session is spent on a probe */
	for (int now = 120; now <= 240; now += 30)
		check_health(&world, false, now);
	CHECK(begin(&world, 241).index == P2P);

	/* two good ones end the time out early */
	check_health(&world, true, 270);
	CHECK(world.arms[DAILY].state != BREAKER_CLOSED);
	check_health(&world, true, 300);
	CHECK(world.arms[DAILY].state == BREAKER_HALF);
	CHECK(begin(&world, 301).kind == POLICY_PROBE);

	/* one that never failed does not see what the sessions see */
	world_init(&world, rule);
	for (int i = 0; i < 3; i++)
		verdict(&world, DAILY, false, i);
	check_health(&world, true, 10);
	check_health(&world, true, 20);
	CHECK(world.arms[DAILY].state == BREAKER_OPEN);
	check_health(&world, false, 30);
	check_health(&world, true, 40);
	check_health(&world, true, 50);
	CHECK(world.arms[DAILY].state == BREAKER_HALF);

	/* a checker that has died says nothing any more */
	world_init(&world, rule);
	check_health(&world, false, 0);
	check_health(&world, false, 30);
	CHECK(begin(&world, 100).index == P2P);
	CHECK(begin(&world, 151).index == DAILY);

	/* one that is broken does not keep it out for ever */
	world_init(&world, rule);
	for (int now = 0; now <= 900; now += 30)
		check_health(&world, false, now);
	for (int i = 0; i < 5; i++)
	{
		CHECK(begin(&world, 901 + i).index == DAILY);
		verdict(&world, DAILY, true, 901.5 + i);
	}
	for (int now = 930; now <= 1800; now += 30)
		check_health(&world, false, now);
	CHECK(world.arms[DAILY].state == BREAKER_CLOSED);
}

static void
test_scope_follows_parent(void)
{
	World		world;
	PolicyScope scope;
	PolicyArm	arm;

	world_init(&world, POLICY_ADAPTIVE);
	policy_scope_init(&scope, &world.settings);
	policy_arm_init(&arm, 80, 0);
	policy_report(&world.scope, &world.arms[DAILY], false, 3, 0);

	policy_inherit(&world.settings, &scope, &arm, &world.scope, &world.arms[DAILY], 0);
	CHECK_NEAR(policy_score(&world.settings, &scope, &arm, 0), 30.909, EXACT);

	/* with evidence of its own it keeps the prior that it has */
	policy_report(&scope, &arm, true, 5, 0);
	policy_report(&world.scope, &world.arms[DAILY], true, 100, 0);
	policy_inherit(&world.settings, &scope, &arm, &world.scope, &world.arms[DAILY], 0);
	CHECK_NEAR(arm.prior, 30.909, EXACT);

	/* and follows again when that has faded */
	policy_inherit(&world.settings, &scope, &arm, &world.scope, &world.arms[DAILY], 1);
	CHECK(arm.prior > 90);
}

static void
test_guard_budget(void)
{
	static GuardBudgets budgets;

	memset(&budgets, 0, sizeof(budgets));
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 0.5, 1800, 0), 0.5, 0);
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 0.5, 1800, 0), 0.5, 0);
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 0.5, 1800, 0), 0, 0);
	CHECK_NEAR(guard_take(&budgets, 1, 2, false, 0.5, 1800, 0), 0.5, 0);
	CHECK_NEAR(guard_take(&budgets, 2, 1, false, 0.5, 1800, 0), 0.5, 0);
	CHECK_NEAR(guard_take(&budgets, 1, 1, true, 0.5, 1800, 0), 0.5, 0);
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 0.5, 1800, 360), 0.2, 1e-9);
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 1.0, 1800, 360 + 1800), 1, 1e-9);
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 1.0, 1800, 0), 0, 1e-9);
	CHECK_NEAR(guard_take(&budgets, 0, 1, false, 1.0, 1800, 0), 1, 0);
	CHECK_NEAR(guard_take(&budgets, 0, 1, false, 1.0, 1800, 0), 1, 0);

	/* many who failed a little do not wash away one who has spent it all */
	memset(&budgets, 0, sizeof(budgets));
	guard_take(&budgets, 1, 1, false, 1.0, 1800, 0);
	for (uint64_t other = 2; other < 100000; other++)
		guard_take(&budgets, other, 1, false, 0.5, 1800, 0);
	CHECK_NEAR(guard_take(&budgets, 1, 1, false, 1.0, 1800, 0), 0, 0);
}

static void
test_guard_weight_and_majority(void)
{
	CHECK_NEAR(guard_weight(1), 0.5, 0);
	CHECK_NEAR(guard_weight(2), 0.5, 0);
	CHECK_NEAR(guard_weight(4), 0.25, 0);

	CHECK(guard_majority(0, 0, 0) == GUARD_UNDECIDED);
	CHECK(guard_majority(1, 1, 0) == GUARD_FAILURE);
	CHECK(guard_majority(1, 0, 1) == GUARD_SUCCESS);
	CHECK(guard_majority(2, 0, 0) == GUARD_UNDECIDED);
	CHECK(guard_majority(2, 1, 0) == GUARD_UNDECIDED);
	CHECK(guard_majority(2, 2, 0) == GUARD_FAILURE);
	CHECK(guard_majority(2, 1, 1) == GUARD_SUCCESS);
	CHECK(guard_majority(3, 2, 1) == GUARD_FAILURE);
	CHECK(guard_majority(3, 1, 1) == GUARD_UNDECIDED);
	CHECK(guard_majority(4, 2, 0) == GUARD_UNDECIDED);
	CHECK(guard_majority(4, 3, 0) == GUARD_FAILURE);
	CHECK(guard_majority(4, 2, 2) == GUARD_SUCCESS);
}

static void
test_guard_own_fault(void)
{
	CHECK(guard_is_own_fault("permission_denied"));
	CHECK(guard_is_own_fault("Permission denied"));
	CHECK(guard_is_own_fault("no-device"));
	CHECK(guard_is_own_fault("user_cancelled"));
	CHECK(guard_is_own_fault("client offline"));
	CHECK(guard_is_own_fault("signalling_lost"));
	CHECK(guard_is_own_fault("TOKEN_ERROR"));
	CHECK(!guard_is_own_fault("timeout"));
	CHECK(!guard_is_own_fault("token_error2"));
	CHECK(!guard_is_own_fault("token"));
	CHECK(!guard_is_own_fault(""));
	CHECK(!guard_is_own_fault(NULL));
}

#define RANDOM_ARMS	 3
#define RANDOM_STEPS 1000000
#define IN_FLIGHT	 16

/* What the random run remembers to find a second live probe. */
typedef struct RandomRun
{
	PolicySettings	settings;
	PolicyScope		scope;
	PolicyArm		arms[RANDOM_ARMS];
	PolicyCandidate candidates[RANDOM_ARMS];
	uint64_t		live_probe[RANDOM_ARMS]; /* session; 0 none */
	double			live_until[RANDOM_ARMS];
	struct
	{
		uint64_t session;
		int		 arm;
	} flights[IN_FLIGHT];
	uint64_t random;
	uint64_t session;
	double	 now;
	int		 violations;
} RandomRun;

static void
random_choice(RandomRun *run)
{
	int			 slot = (int) (next_random(&run->random) % IN_FLIGHT);
	PolicyChoice choice;

	for (int i = 0; i < RANDOM_ARMS; i++)
	{
		bool is_switch = next_random(&run->random) % 4 == 0;

		run->candidates[i].failures = is_switch ? (int) (next_random(&run->random) % 4) : 0;
		run->candidates[i].is_current = next_random(&run->random) % 8 == 0;
	}
	run->session++;
	policy_arrival(&run->settings, &run->scope, run->now);
	choice = policy_choose(&run->settings, &run->scope, run->candidates, RANDOM_ARMS,
						   run->session, run->now);
	if (choice.index < 0 || choice.index >= RANDOM_ARMS)
	{
		run->violations++;
		return;
	}
	if (choice.kind == POLICY_PROBE)
	{
		if (run->live_probe[choice.index] != 0 && run->now <= run->live_until[choice.index])
			run->violations++;
		run->live_probe[choice.index] = run->session;
		run->live_until[choice.index] = run->now + run->settings.probe_lease;
	}
	run->flights[slot].session = run->session;
	run->flights[slot].arm = choice.index;
}

static void
random_verdict(RandomRun *run)
{
	int			  slot = (int) (next_random(&run->random) % IN_FLIGHT);
	int			  arm = run->flights[slot].arm;
	PolicyVerdict v;

	if (run->flights[slot].session == 0)
		return;
	v.success = next_random(&run->random) % 10 < run->session / 5000 % 10;
	v.weight = next_uniform(&run->random);
	v.reporter = next_random(&run->random) % 8;
	v.session = run->flights[slot].session;
	policy_report(&run->scope, &run->arms[arm], v.success, v.weight, run->now);
	policy_verdict(&run->settings, &run->scope, &run->arms[arm], &v, run->now);
	if (run->live_probe[arm] == v.session)
		run->live_probe[arm] = 0;
	run->flights[slot].session = 0;
}

static void
check_arms(RandomRun *run)
{
	for (int i = 0; i < RANDOM_ARMS; i++)
	{
		const PolicyArm *arm = &run->arms[i];
		double			 s = policy_score(&run->settings, &run->scope, arm, run->now);

		if (!(s >= 0 && s <= 100) || !(arm->successes >= 0) || !(arm->failures >= 0))
			run->violations++;

		/* the longest of all times out, and its jitter */
		if (arm->state == BREAKER_OPEN &&
			!(arm->open_until <= run->now + run->settings.demote_max * 1.2))
			run->violations++;

		/* an opening ends the probe that led to it */
		if (arm->state == BREAKER_OPEN)
			run->live_probe[i] = 0;
	}
}

static void
random_step(RandomRun *run)
{
	uint64_t kind = next_random(&run->random) % 20;
	int		 arm = (int) (next_random(&run->random) % RANDOM_ARMS);

	run->now += next_uniform(&run->random) * (next_random(&run->random) % 500 == 0 ? 20000 : 20);
	if (kind < 8)
		random_choice(run);
	else if (kind < 17)
		random_verdict(run);
	else
		policy_check(&run->settings, &run->scope, &run->arms[arm], kind == 17, run->now);
	check_arms(run);
}

static void
test_random_run(PolicyRule rule)
{
	static RandomRun run;

	memset(&run, 0, sizeof(run));
	policy_default_settings(&run.settings, rule);
	policy_scope_init(&run.scope, &run.settings);
	for (int i = 0; i < RANDOM_ARMS; i++)
	{
		policy_arm_init(&run.arms[i], 80 - 20 * i, 0);
		run.candidates[i].arm = &run.arms[i];
	}
	run.random = 20231;
	for (int step = 0; step < RANDOM_STEPS; step++)
	{
		random_step(&run);
		/* whatever happened, in the end all are tried again */
		if (step % 1000 == 999)
		{
			double later = run.now + 5 * 3600;

			for (int i = 0; i < RANDOM_ARMS; i++)
			{
				PolicyArm		arm = run.arms[i];
				PolicyCandidate alone = {&arm, 0, false};
				PolicyChoice	choice = policy_choose(&run.settings, &run.scope, &alone, 1,
													   UINT64_MAX, later);

				if (choice.index != 0 || choice.kind > POLICY_PROBE)
					run.violations++;
			}
		}
	}
	CHECK(run.violations == 0);
}

int
main(void)
{
	test_adaptive_scores();
	test_adaptive_decay();
	test_adaptive_trace();
	test_additive_points();
	test_additive_drift();
	test_additive_stationary_mean();
	test_additive_choice();
	test_additive_return();
	test_margin_demotes();
	test_scope_follows_parent();
	for (PolicyRule rule = POLICY_ADDITIVE; rule <= POLICY_ADAPTIVE; rule++)
	{
		test_choice_within_a_session(rule);
		test_one_candidate(rule);
		test_probe_lease(rule);
		test_one_reporter_never_opens(rule);
		test_health_checks(rule);
		test_random_run(rule);
	}
	test_guard_budget();
	test_guard_weight_and_majority();
	test_guard_own_fault();

	printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
