/*
 * policy.c
 *		Providers: any sequence of choices, reports, verdicts and health checks,
 *		at any time.
 *
 * There is always a candidate, at most one probe lives on each provider, none is
 * left alone without an end, and scores stay within 0..100.
 */
#include <math.h>
#include <stdlib.h>

#include "fuzz.h"
#include "policy.h"
#include "policy_guards.h"

#define ARMS 3

struct world
{
	PolicySettings	settings;
	PolicyScope		scope;
	PolicyArm		arms[ARMS];
	PolicyCandidate candidates[ARMS];
	PolicyScope		parent_scope;
	PolicyArm		parent;
	GuardBudgets   *budgets;
	double			now;
	double			latest; /* that now ever was */
};

static void
check_arm(const struct world *world, const PolicyArm *arm)
{
	const double score = policy_score(&world->settings, &world->scope, arm, world->now);

	CHECK(score >= 0 && score <= 100);
	CHECK(arm->points >= 0 && arm->points <= 100);
	CHECK(arm->successes >= 0 && isfinite(arm->successes));
	CHECK(arm->failures >= 0 && isfinite(arm->failures));
	CHECK(arm->failed >= 0 && arm->failed <= arm->verdicts);
	CHECK(arm->ejections >= 0 && arm->demotions >= 0);

	/* a probe only while half open, and nothing open without an end */
	CHECK(arm->probe == 0 || arm->state == BREAKER_HALF);
	CHECK(arm->state != BREAKER_OPEN || arm->reason != BREAKER_NEVER);
	CHECK(arm->state != BREAKER_OPEN || isfinite(arm->open_until));
}

/* Whatever is open is half open at the latest when every limit is over. */
static void
check_end(const struct world *world)
{
	const double longest = fmax(world->settings.eject_abs_max, world->settings.demote_max);

	for (int i = 0; i < ARMS; i++)
	{
		PolicyArm		arm = world->arms[i];
		PolicyCandidate candidate = {.arm = &arm};
		const double	late = fmax(world->now, arm.open_until) + world->settings.eject_max + 1;
		PolicyChoice	choice;

		CHECK(arm.state != BREAKER_OPEN ||
			  arm.open_until <= world->latest + longest * (1 + world->settings.jitter) + 1e-3);
		choice = policy_choose(&world->settings, &world->scope, &candidate, 1, 1, late);
		CHECK(choice.index == 0);
		CHECK(arm.state != BREAKER_OPEN);
	}
}

static void
choose(struct world *world, uint64_t bits)
{
	const uint64_t session = 1 + bits % 5;
	const int	   count = 1 + (int) (bits >> 4) % ARMS;
	uint64_t	   probes[ARMS];
	double		   leases[ARMS];
	PolicyChoice   choice;

	for (int i = 0; i < ARMS; i++)
	{
		world->candidates[i].failures = (int) (bits >> (8 + 2 * i)) & 3;
		world->candidates[i].is_current = (int) (bits >> 6 & 3) == i;
		probes[i] = world->arms[i].probe;
		leases[i] = world->arms[i].lease_until;
	}
	choice = policy_choose(&world->settings, &world->scope, world->candidates, count,
						   session, world->now);
	CHECK(choice.index >= 0 && choice.index < count);

	/* nobody else's probe was taken over while its lease was good */
	if (choice.kind == POLICY_PROBE)
	{
		CHECK(world->arms[choice.index].state == BREAKER_HALF);
		CHECK(world->arms[choice.index].probe == session);
		CHECK(probes[choice.index] == 0 || probes[choice.index] == session ||
			  world->now > leases[choice.index]);
	}
	if (choice.kind == POLICY_NORMAL)
		CHECK(world->arms[choice.index].state == BREAKER_CLOSED &&
			  world->candidates[choice.index].failures == 0 &&
			  !world->candidates[choice.index].is_current);
}

static void
report(struct world *world, PolicyArm *arm, uint64_t bits)
{
	const int	 members = (int) (bits & 15);
	const bool	 success = (bits & 16) != 0;
	const double weight = guard_weight(members);
	const double left = guard_take(world->budgets, bits >> 5 & 7, (uint64_t) (arm - world->arms),
								   success, weight, world->settings.half_life, world->now);

	CHECK(left >= 0 && left <= weight && weight <= 1);
	policy_report(&world->scope, arm, success, left, world->now);
}

static void
give_verdict(struct world *world, PolicyArm *arm, uint64_t bits)
{
	const PolicyVerdict verdict = {
		.success = (bits & 1) != 0,
		.weight = (double) (bits >> 1 & 3) / 3,
		.reporter = bits >> 3 & 3,
		.session = 1 + (bits >> 5) % 5,
	};
	const uint64_t other = arm->probe != verdict.session ? arm->probe : 0;

	policy_verdict(&world->settings, &world->scope, arm, &verdict, world->now);
	CHECK(other == 0 || arm->probe == other || arm->state != BREAKER_HALF);
}

/* The most votes in a majority are not both: failed and succeeded. */
static void
check_majority(uint64_t bits)
{
	const int			members = (int) (bits & 15);
	const int			failed = (int) (bits >> 4 & 15);
	const GuardMajority majority = guard_majority(members, failed, 0);

	CHECK((majority == GUARD_FAILURE) == (members > 0 && 2 * failed > members));
	CHECK(guard_majority(members, 0, failed) != GUARD_FAILURE);
}

static void
act(struct world *world, unsigned what, uint64_t bits)
{
	PolicyArm *arm = &world->arms[what / 8 % ARMS];

	switch (what % 8)
	{
		case 0:
		case 1:
			policy_arrival(&world->settings, &world->scope, world->now);
			choose(world, bits);
			break;
		case 2:
			report(world, arm, bits);
			break;
		case 3:
		case 4:
			give_verdict(world, arm, bits);
			break;
		case 5:
			policy_check(&world->settings, &world->scope, arm, (bits & 1) != 0, world->now);
			break;
		case 6:
			policy_set_prior(arm, &world->scope, (double) (bits % 101), world->now);
			break;
		default:
			policy_inherit(&world->settings, &world->scope, arm, &world->parent_scope,
						   &world->parent, world->now);
			check_majority(bits);
	}
}

/* Seconds: few, many, or back. */
static void
pass_time(struct world *world, struct slice *input)
{
	const unsigned kind = (unsigned) fuzz_take_bits(input, 1);

	if (kind < 200)
		world->now += kind / 4.0;
	else if (kind < 250)
		world->now += (double) fuzz_take_bits(input, 3);
	else
		world->now -= (double) fuzz_take_bits(input, 2);
	world->latest = fmax(world->latest, world->now);
}

static void
world_init(struct world *world, unsigned rule)
{
	static const double priors[ARMS] = {80, 60, 30};

	world->now = 1e9;
	world->latest = world->now;
	policy_default_settings(&world->settings, rule % 2 == 0 ? POLICY_ADDITIVE : POLICY_ADAPTIVE);
	policy_scope_init(&world->scope, &world->settings);
	policy_scope_init(&world->parent_scope, &world->settings);
	policy_arm_init(&world->parent, 70, world->now);
	for (int i = 0; i < ARMS; i++)
	{
		policy_arm_init(&world->arms[i], priors[i], world->now);
		world->candidates[i].arm = &world->arms[i];
	}
	world->budgets = calloc(1, sizeof(*world->budgets));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of((const char *) data, size);
	struct world world = {.now = 0};

	world_init(&world, (unsigned) fuzz_take_bits(&input, 1));
	while (input.length > 0)
	{
		const unsigned what = (unsigned) fuzz_take_bits(&input, 1);

		pass_time(&world, &input);
		act(&world, what, fuzz_take_bits(&input, 2));
		for (int i = 0; i < ARMS; i++)
			check_arm(&world, &world.arms[i]);
	}
	check_end(&world);
	free(world.budgets);
	return 0;
}
