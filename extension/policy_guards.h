/*-------------------------------------------------------------------------
 *
 * policy_guards.h
 *	  What a report is worth before any policy hears of it.
 *
 * Pure C, as policy.h.  That a participant is heard once for each kind, and
 * only as a member of the current epoch, is the register's business: a unique
 * index sees to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_POLICY_GUARDS_H
#define HARTHIO_POLICY_GUARDS_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_SETS 1024 /* a power of 2 */
#define GUARD_WAYS 4

/* How much one reporter may still say of one kind about one provider. */
typedef struct GuardBudget
{
	uint64_t key;	/* of reporter, provider and kind; 0 unused */
	double	 level; /* 0..1 at taken_at */
	double	 taken_at;
} GuardBudget;

/* Zeroed memory is an empty table. */
typedef struct GuardBudgets
{
	GuardBudget sets[GUARD_SETS][GUARD_WAYS];
} GuardBudgets;

/*
 * Take up to weight from what the reporter may say of success, or of failure,
 * about a provider: the whole of one person's outcome, refilled within a
 * half-life.  Returns what is left of the weight.  Both are hashes; reporter 0
 * is unknown and not limited.
 *
 * Successes have a budget too: one person who connects all day to a fallback
 * would otherwise keep everybody on it.
 */
extern double guard_take(GuardBudgets *budgets, uint64_t reporter, uint64_t provider,
						 bool success, double weight, double half_life, double now);

/* A participant's share of the evidence; alone, nobody confirms it. */
extern double guard_weight(int members);

typedef enum GuardMajority
{
	GUARD_UNDECIDED,
	GUARD_SUCCESS, /* half of the members connected */
	GUARD_FAILURE  /* more than half failed */
} GuardMajority;

extern GuardMajority guard_majority(int members, int failed, int succeeded);

/*
 * A client's own fault says nothing about the provider.  Compared without
 * regard to case and to what separates the words; NULL is no reason.
 */
extern bool guard_is_own_fault(const char *reason);

#endif /* HARTHIO_POLICY_GUARDS_H */
