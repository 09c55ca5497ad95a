/*-------------------------------------------------------------------------
 *
 * test_choice.c
 *	  The choice within a session, and where a scope begins.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_world.h"

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

int
main(void)
{
	test_scope_follows_parent();
	for (PolicyRule rule = POLICY_ADDITIVE; rule <= POLICY_ADAPTIVE; rule++)
	{
		test_choice_within_a_session(rule);
		test_one_candidate(rule);
	}
	return check_summary();
}
