/*
 * unit_limiter.c
 *		Does a limiter let through what it should, and no more?
 */
#include "unit.h"

#include "limiter.h"

static const struct hash_key key = {1, 2};

/* How many of "wanted" are let through at this time? */
static unsigned
take(struct limiter *limiter, struct rate *own, unsigned wanted, uint64_t now)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < wanted; i++)
		taken += limiter_take(limiter, own, RATE_MESSAGES, 1, now);
	return taken;
}

static void
test_rates(void)
{
	const struct limits	  limits = {.messages = 10, .total_messages = 15};
	struct limiter_totals totals;
	struct limiter		  limiter;
	struct rate			  one[RATE_COUNT] = {0};
	struct rate			  two[RATE_COUNT] = {0};

	limiter_totals_init(&totals, &key);
	limiter_init(&limiter, &limits, &totals);
	CHECK(take(&limiter, one, 100, 5000) == 20);
	CHECK(take(&limiter, two, 100, 5000) == 10);
	CHECK(take(&limiter, one, 100, 5500) == 5);
	CHECK(take(&limiter, two, 100, 5500) == 2);
	/* The clock of another loop may be a little behind. */
	CHECK(take(&limiter, two, 100, 5499) == 0);
	CHECK(take(&limiter, one, 100, 60000) == 20);
	CHECK(!limiter_take(&limiter, NULL, RATE_MESSAGES, 11, 60000));
	CHECK(limiter_take(&limiter, NULL, RATE_MESSAGES, 10, 60000));
	CHECK(limiter_take(&limiter, one, RATE_JOINS, 1000000, 60000));
	limiter_totals_free(&totals);
}

/* How many of "wanted" refusals may be told? */
static unsigned
tell(struct limiter *limiter, struct rate *own, struct rate *refusals, unsigned wanted, uint64_t now)
{
	unsigned told = 0;

	for (unsigned i = 0; i < wanted; i++)
		told += limiter_may_tell(limiter, own, refusals, RATE_MESSAGES, now);
	return told;
}

static void
test_refusals(void)
{
	const struct limits	  limits = {.messages = 10, .total_messages = 5};
	struct limiter_totals totals;
	struct limiter		  limiter;
	struct rate			  own[RATE_COUNT] = {0};
	struct rate			  refusals = {0};

	limiter_totals_init(&totals, &key);
	limiter_init(&limiter, &limits, &totals);
	/* It has room of its own, and is told as often as it asks. */
	CHECK(tell(&limiter, own, &refusals, 1000, 5000) == 1000);
	own[RATE_MESSAGES] = (struct rate){.level = 20, .at = 5000};
	CHECK(tell(&limiter, own, &refusals, 1000, 5000) == 20);
	own[RATE_MESSAGES] = (struct rate){.level = 20, .at = 7000};
	CHECK(tell(&limiter, own, &refusals, 1000, 7000) == 6);
	limiter_totals_free(&totals);
}

static void
test_tallies(void)
{
	struct limiter_totals totals;
	struct tallies		 *subjects = &totals.subjects;
	struct tally		 *alice;
	struct tally		 *bob;

	limiter_totals_init(&totals, &key);
	alice = tally_enter(subjects, SLICE("alice"), 2);
	CHECK(alice != NULL && tally_enter(subjects, SLICE("alice"), 2) == alice);
	CHECK(tally_enter(subjects, SLICE("alice"), 2) == NULL);
	bob = tally_enter(subjects, SLICE("bob"), 2);
	CHECK(bob != NULL && bob != alice);
	tally_leave(subjects, alice);
	CHECK(tally_enter(subjects, SLICE("alice"), 2) == alice);
	CHECK(tally_enter(subjects, SLICE("alice"), 0) == alice);
	tally_leave(subjects, alice);
	tally_leave(subjects, alice);
	tally_leave(subjects, alice);
	tally_leave(subjects, bob);
	tally_leave(subjects, NULL);
	CHECK(subjects->map.count == 0);
	limiter_totals_free(&totals);
}

/* Limiters of several loops count as one. */
static void
test_totals(void)
{
	const struct limits	  limits = {.connections = 2, .total_messages = 5};
	struct limiter_totals totals;
	struct limiter		  here;
	struct limiter		  there;
	struct tally		 *place;

	limiter_totals_init(&totals, &key);
	limiter_init(&here, &limits, &totals);
	limiter_init(&there, &limits, &totals);
	place = limiter_enter(&here, SLICE("a"));
	CHECK(place != NULL && limiter_enter(&there, SLICE("b")) != NULL);
	CHECK(limiter_enter(&here, SLICE("a")) == NULL && limiter_enter(&there, SLICE("a")) == NULL);
	limiter_leave(&there, place);
	place = limiter_enter(&here, SLICE("b"));
	CHECK(place != NULL && limiter_enter(&there, SLICE("b")) == NULL);
	CHECK(here.refused[LIMIT_CONNECTIONS] == 1 && there.refused[LIMIT_CONNECTIONS] == 2);
	limiter_leave(&here, place);
	limiter_leave(&there, place);
	CHECK(take(&here, NULL, 6, 1000) == 6);
	CHECK(take(&there, NULL, 6, 1000) == 4);
	limiter_totals_free(&totals);
}

void
test_limiter(void)
{
	test_rates();
	test_refusals();
	test_tallies();
	test_totals();
}
