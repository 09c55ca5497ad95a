/*-------------------------------------------------------------------------
 *
 * policy_world.h
 *	  Two providers, and what happens to sessions on them.
 *
 * Expected figures are those of the policy's specification, computed by an
 * independent implementation of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef POLICY_WORLD_H
#define POLICY_WORLD_H

#include <string.h>

#include "check.h"
#include "policy.h"
#include "policy_guards.h"

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

static inline void
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

static inline PolicyChoice
begin(World *world, double now)
{
	policy_arrival(&world->settings, &world->scope, now);
	world->session++;
	return policy_choose(&world->settings, &world->scope, world->candidates, 2,
						 world->session, now);
}

static inline double
score(const World *world, int arm, double now)
{
	return policy_score(&world->settings, &world->scope, &world->arms[arm], now);
}

/* The reporter is never the same twice. */
static inline void
verdict(World *world, int arm, bool success, double now)
{
	PolicyVerdict v = {success, 1, 0, world->session};

	policy_verdict(&world->settings, &world->scope, &world->arms[arm], &v, now);
}

/* Both participants say the same. */
static inline void
report_pair(World *world, int arm, bool success, double now)
{
	policy_report(&world->scope, &world->arms[arm], success, guard_weight(2), now);
	policy_report(&world->scope, &world->arms[arm], success, guard_weight(2), now);
	verdict(world, arm, success, now);
}

#endif
