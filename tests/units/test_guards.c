/*-------------------------------------------------------------------------
 *
 * test_guards.c
 *	  Who may say how much: budgets, weights, majorities, own faults.
 *
 *-------------------------------------------------------------------------
 */
#include "policy_world.h"

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

int
main(void)
{
	test_guard_budget();
	test_guard_weight_and_majority();
	test_guard_own_fault();
	return check_summary();
}
