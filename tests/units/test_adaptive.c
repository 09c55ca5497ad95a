/*-------------------------------------------------------------------------
 *
 * test_adaptive.c
 *	  The adaptive policy: exact figures, and the reference trace.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_world.h"

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

int
main(void)
{
	test_adaptive_scores();
	test_adaptive_decay();
	test_adaptive_trace();
	return check_summary();
}
