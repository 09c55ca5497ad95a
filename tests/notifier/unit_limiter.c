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
	const struct limits limits = {.messages = 10, .total_messages = 15};
	struct limiter		limiter;
	struct rate			one[RATE_COUNT] = {0};
	struct rate			two[RATE_COUNT] = {0};

	limiter_init(&limiter, &limits, &key);
	CHECK(take(&limiter, one, 100, 5000) == 20);
	CHECK(take(&limiter, two, 100, 5000) == 10);
	CHECK(take(&limiter, one, 100, 5500) == 5);
	CHECK(take(&limiter, two, 100, 5500) == 2);
	CHECK(take(&limiter, one, 100, 60000) == 20);
	CHECK(!limiter_take(&limiter, NULL, RATE_MESSAGES, 11, 60000));
	CHECK(limiter_take(&limiter, NULL, RATE_MESSAGES, 10, 60000));
	CHECK(limiter_take(&limiter, one, RATE_JOINS, 1000000, 60000));
	limiter_free(&limiter);
}

static void
test_tallies(void)
{
	struct hash_map map;
	struct tally   *alice;
	struct tally   *bob;

	hash_map_init(&map, &key);
	alice = tally_enter(&map, SLICE("alice"), 2);
	CHECK(alice != NULL && tally_enter(&map, SLICE("alice"), 2) == alice);
	CHECK(tally_full(&map, SLICE("alice"), 2));
	CHECK(!tally_full(&map, SLICE("alice"), 0));
	CHECK(tally_enter(&map, SLICE("alice"), 2) == NULL);
	bob = tally_enter(&map, SLICE("bob"), 2);
	CHECK(bob != NULL && bob != alice);
	tally_leave(&map, alice);
	CHECK(!tally_full(&map, SLICE("alice"), 2));
	tally_leave(&map, alice);
	tally_leave(&map, bob);
	tally_leave(&map, NULL);
	CHECK(map.count == 0);
	hash_map_free(&map);
}

void
test_limiter(void)
{
	test_rates();
	test_tallies();
}
