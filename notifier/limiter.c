/*
 * limiter.c
 *		Who asks for more than the limits allow?
 */
#include "limiter.h"

#include <math.h>
#include <stdlib.h>

#include "memory.h"

#define BURST_SECONDS 2

/* So much of a rate is added to what may be refused. */
#define REFUSALS_SHARE 4

static void
tallies_init(struct tallies *tallies, const struct hash_key *secret)
{
	uv_mutex_init(&tallies->lock);
	hash_map_init(&tallies->map, secret);
}

/* All connections have left before. */
static void
tallies_free(struct tallies *tallies)
{
	hash_map_free(&tallies->map);
	uv_mutex_destroy(&tallies->lock);
}

void
limiter_totals_init(struct limiter_totals *totals, const struct hash_key *secret)
{
	*totals = (struct limiter_totals){0};
	uv_mutex_init(&totals->lock);
	tallies_init(&totals->addresses, secret);
	tallies_init(&totals->subjects, secret);
}

void
limiter_totals_free(struct limiter_totals *totals)
{
	tallies_free(&totals->addresses);
	tallies_free(&totals->subjects);
	uv_mutex_destroy(&totals->lock);
}

void
limiter_init(struct limiter *limiter, const struct limits *limits,
			 struct limiter_totals *totals)
{
	*limiter = (struct limiter){.limits = *limits, .totals = totals};
}

const char *
limit_name(enum limit limit)
{
	static const char *const names[LIMIT_COUNT] = {
		[LIMIT_CONNECTIONS] = "connections",
		[LIMIT_ADDRESS] = "connections_per_address",
		[LIMIT_SUBJECT] = "connections_per_subject",
		[LIMIT_CHANNELS] = "channels",
		[LIMIT_JOINS] = "joins",
		[LIMIT_MESSAGES] = "messages",
		[LIMIT_PRESENCE_CALLS] = "presence_calls",
		[LIMIT_MESSAGE_BYTES] = "message_bytes",
		[LIMIT_PAYLOAD_BYTES] = "payload_bytes",
		[LIMIT_PRESENCE_BYTES] = "presence_bytes",
		[LIMIT_PRESENCES] = "presences",
		[LIMIT_QUEUE] = "queue",
	};

	return names[limit];
}

/* Clocks of two loops differ by the length of a turn: time may seem to go back. */
static void
leak(struct rate *rate, uint64_t per_second, uint64_t now)
{
	if (now <= rate->at)
		return;
	rate->level -= (double) (now - rate->at) * (double) per_second / 1000.0;
	if (rate->level < 0)
		rate->level = 0;
	rate->at = now;
}

/* Is there room for more?  Always, without a limit. */
static bool
has_room(struct rate *rate, uint64_t per_second, uint64_t count, uint64_t now)
{
	if (per_second == 0)
		return true;
	leak(rate, per_second, now);
	return rate->level + (double) count <= (double) (BURST_SECONDS * per_second);
}

/* The same for all connections together, and take them. */
static bool
take_from_all(struct limiter_totals *totals, enum rate_kind kind, uint64_t per_second,
			  uint64_t count, uint64_t now)
{
	struct rate *rate = &totals->rates[kind];
	bool		 good;

	if (per_second == 0)
		return true;
	uv_mutex_lock(&totals->lock);
	good = has_room(rate, per_second, count, now);
	if (good)
		rate->level += (double) count;
	uv_mutex_unlock(&totals->lock);
	return good;
}

static uint64_t
total_of(const struct limits *limits, enum rate_kind kind)
{
	const uint64_t all[RATE_COUNT] = {limits->total_joins, limits->total_messages,
									  limits->total_presence_calls};

	return all[kind];
}

bool
limiter_budget(struct limiter *limiter, enum rate_kind kind, uint64_t now,
			   uint64_t *used, uint64_t *per_second)
{
	struct rate *rate = &limiter->totals->rates[kind];

	*per_second = total_of(&limiter->limits, kind);
	if (*per_second == 0)
		return false;
	uv_mutex_lock(&limiter->totals->lock);
	leak(rate, *per_second, now);
	*used = (uint64_t) ceil(rate->level);
	uv_mutex_unlock(&limiter->totals->lock);
	return true;
}

static uint64_t
own_of(const struct limits *limits, enum rate_kind kind)
{
	const uint64_t each[RATE_COUNT] = {limits->joins, limits->messages, limits->presence_calls};

	return each[kind];
}

bool
limiter_take(struct limiter *limiter, struct rate own[RATE_COUNT],
			 enum rate_kind kind, uint64_t count, uint64_t now)
{
	const struct limits *limits = &limiter->limits;

	if ((own != NULL && !has_room(&own[kind], own_of(limits, kind), count, now)) ||
		!take_from_all(limiter->totals, kind, total_of(limits, kind), count, now))
		return false;
	if (own != NULL)
		own[kind].level += (double) count;
	return true;
}

bool
limiter_may_tell(struct limiter *limiter, struct rate own[RATE_COUNT],
				 struct rate *refusals, enum rate_kind kind, uint64_t now)
{
	const uint64_t per_second = own_of(&limiter->limits, kind);

	if (has_room(&own[kind], per_second, 1, now))
		return true;
	leak(refusals, (per_second + REFUSALS_SHARE - 1) / REFUSALS_SHARE, now);
	if (refusals->level + 1 > (double) (BURST_SECONDS * per_second))
		return false;
	refusals->level++;
	return true;
}

static struct tally *
find_tally(const struct tallies *tallies, struct slice name)
{
	struct hash_entry *entry = hash_map_find(&tallies->map, name);

	return entry != NULL ? hash_holder(entry, struct tally, entry) : NULL;
}

static bool
is_full(const struct tally *tally, uint64_t most)
{
	return most != 0 && tally != NULL && tally->count >= most;
}

static struct tally *
new_tally(struct tallies *tallies, struct slice name)
{
	struct tally *tally = memory_new(sizeof(*tally));

	tally->name = memory_copy(name.data, name.length);
	hash_map_add(&tallies->map, &tally->entry, slice_of(tally->name, name.length));
	return tally;
}

struct tally *
tally_enter(struct tallies *tallies, struct slice name, uint64_t most)
{
	struct tally *tally;

	uv_mutex_lock(&tallies->lock);
	tally = find_tally(tallies, name);
	if (is_full(tally, most))
		tally = NULL;
	else
	{
		if (tally == NULL)
			tally = new_tally(tallies, name);
		tally->count++;
	}
	uv_mutex_unlock(&tallies->lock);
	return tally;
}

void
tally_leave(struct tallies *tallies, struct tally *tally)
{
	if (tally == NULL)
		return;
	uv_mutex_lock(&tallies->lock);
	if (--tally->count == 0)
	{
		hash_map_remove(&tallies->map, &tally->entry);
		free(tally->name);
		free(tally);
	}
	uv_mutex_unlock(&tallies->lock);
}

static bool
count_one(struct limiter *limiter)
{
	const uint64_t most = limiter->limits.connections;
	uint64_t	   count = atomic_load(&limiter->totals->connections);

	do
	{
		if (most != 0 && count >= most)
			return false;
	} while (!atomic_compare_exchange_weak(&limiter->totals->connections, &count, count + 1));
	return true;
}

struct tally *
limiter_enter(struct limiter *limiter, struct slice address)
{
	struct limiter_totals *totals = limiter->totals;
	struct tally		  *place;

	if (!count_one(limiter))
	{
		limiter->refused[LIMIT_CONNECTIONS]++;
		return NULL;
	}
	place = tally_enter(&totals->addresses, address, limiter->limits.address_connections);
	if (place == NULL)
	{
		atomic_fetch_sub(&totals->connections, 1);
		limiter->refused[LIMIT_ADDRESS]++;
	}
	return place;
}

void
limiter_leave(struct limiter *limiter, struct tally *place)
{
	tally_leave(&limiter->totals->addresses, place);
	atomic_fetch_sub(&limiter->totals->connections, 1);
}
