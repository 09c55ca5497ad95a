/*-------------------------------------------------------------------------
 *
 * test_additive.c
 *	  The additive policy: the product's own rule.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_world.h"

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

int
main(void)
{
	test_additive_points();
	test_additive_drift();
	test_additive_stationary_mean();
	test_additive_choice();
	test_additive_return();
	return check_summary();
}
