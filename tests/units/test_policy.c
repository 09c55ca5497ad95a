/*-------------------------------------------------------------------------
 *
 * test_policy.c
 *	  What must hold in all policies, whatever happens.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_world.h"

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
	for (PolicyRule rule = POLICY_ADDITIVE; rule <= POLICY_ADAPTIVE; rule++)
	{
		test_random_run(rule);
	}
	return check_summary();
}
