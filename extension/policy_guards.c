/*-------------------------------------------------------------------------
 *
 * policy_guards.c
 *	  What a report is worth before any policy hears of it.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_guards.h"

#include <math.h>
#include <stddef.h>

/* A budget in full: the whole of one person's outcome. */
#define FULL_BUDGET 1.0

static uint64_t
budget_key(uint64_t reporter, uint64_t provider, bool success)
{
	uint64_t key = reporter ^ ((2 * provider + success) * UINT64_C(0x9e3779b97f4a7c15));

	key = (key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	key = (key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	key ^= key >> 32;
	return key == 0 ? 1 : key;
}

static double
level_at(const GuardBudget *budget, double half_life, double now)
{
	double refill = fmax(now - budget->taken_at, 0) / half_life;

	return fmin(FULL_BUDGET, budget->level + refill);
}

/*
 * The reporter's budget, or the place for a new one.  The fullest goes: what
 * is full again may be forgotten without any loss, and who has just spent his
 * stays known.
 */
static GuardBudget *
find_budget(GuardBudgets *budgets, uint64_t key, double half_life, double now)
{
	GuardBudget *set = budgets->sets[key % GUARD_SETS];
	GuardBudget *victim = &set[0];

	for (int i = 0; i < GUARD_WAYS; i++)
	{
		if (set[i].key == key)
			return &set[i];
		if (victim->key != 0 &&
			(set[i].key == 0 ||
			 level_at(&set[i], half_life, now) > level_at(victim, half_life, now)))
			victim = &set[i];
	}

	victim->key = key;
	victim->level = FULL_BUDGET;
	victim->taken_at = now;
	return victim;
}

double
guard_take(GuardBudgets *budgets, uint64_t reporter, uint64_t provider,
		   bool success, double weight, double half_life, double now)
{
	GuardBudget *budget;
	double		 level;
	double		 taken;

	if (reporter == 0)
		return weight;

	budget = find_budget(budgets, budget_key(reporter, provider, success), half_life, now);
	level = level_at(budget, half_life, now);
	taken = fmin(weight, level);
	budget->level = level - taken;
	budget->taken_at = fmax(budget->taken_at, now);
	return taken;
}

double
guard_weight(int members)
{
	return members <= 1 ? 0.5 : 1.0 / members;
}

GuardMajority
guard_majority(int members, int failed, int succeeded)
{
	if (members <= 0)
		return GUARD_UNDECIDED;
	if (2 * failed > members)
		return GUARD_FAILURE;
	if (2 * succeeded >= members)
		return GUARD_SUCCESS;
	return GUARD_UNDECIDED;
}

/* One form for "No device", "no-device" and "no_device". */
static char
plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char) (c - 'A' + 'a');
	if (c == '-' || c == ' ')
		return '_';
	return c;
}

static bool
is_same_reason(const char *a, const char *b)
{
	while (*a != '\0' && plain(*a) == *b)
	{
		a++;
		b++;
	}
	return *a == '\0' && *b == '\0';
}

bool
guard_is_own_fault(const char *reason)
{
	static const char *const own_faults[] = {
		"permission_denied",
		"no_device",
		"user_cancelled",
		"client_offline",
		"signalling_lost",
		"token_error",
	};

	if (reason == NULL)
		return false;
	for (size_t i = 0; i < sizeof(own_faults) / sizeof(own_faults[0]); i++)
	{
		if (is_same_reason(reason, own_faults[i]))
			return true;
	}
	return false;
}
