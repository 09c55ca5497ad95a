/*-------------------------------------------------------------------------
 *
 * test_breaker.c
 *	  When a provider is out, and how it comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_world.h"

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

int
main(void)
{
	test_margin_demotes();
	for (PolicyRule rule = POLICY_ADDITIVE; rule <= POLICY_ADAPTIVE; rule++)
	{
		test_probe_lease(rule);
		test_one_reporter_never_opens(rule);
		test_health_checks(rule);
	}
	return check_summary();
}
