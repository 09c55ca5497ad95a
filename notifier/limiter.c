/*
 * limiter.c
 *		Who asks for more than the limits allow?
 */
#include "limiter.h"

#include <stdlib.h>

#include "memory.h"

#define BURST_SECONDS 2

void
limiter_init(struct limiter *limiter, const struct limits *limits,
			 const struct hash_key *secret)
{
	*limiter = (struct limiter){.limits = *limits};
	hash_map_init(&limiter->addresses, secret);
	hash_map_init(&limiter->subjects, secret);
}

/* All connections have left before. */
void
limiter_free(struct limiter *limiter)
{
	hash_map_free(&limiter->addresses);
	hash_map_free(&limiter->subjects);
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

static void
leak(struct rate *rate, uint64_t per_second, uint64_t now)
{
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

bool
limiter_take(struct limiter *limiter, struct rate own[RATE_COUNT],
			 enum rate_kind kind, uint64_t count, uint64_t now)
{
	const struct limits *limits = &limiter->limits;
	const uint64_t		 each[RATE_COUNT] = {limits->joins, limits->messages,
											 limits->presence_calls};
	const uint64_t		 all[RATE_COUNT] = {limits->total_joins, limits->total_messages,
											limits->total_presence_calls};

	if ((own != NULL && !has_room(&own[kind], each[kind], count, now)) ||
		!has_room(&limiter->rates[kind], all[kind], count, now))
		return false;
	if (own != NULL)
		own[kind].level += (double) count;
	limiter->rates[kind].level += (double) count;
	return true;
}

static struct tally *
find_tally(const struct hash_map *map, struct slice name)
{
	struct hash_entry *entry = hash_map_find(map, name);

	return entry != NULL ? hash_holder(entry, struct tally, entry) : NULL;
}

bool
tally_full(const struct hash_map *map, struct slice name, uint64_t most)
{
	const struct tally *tally = find_tally(map, name);

	return most != 0 && tally != NULL && tally->count >= most;
}

struct tally *
tally_enter(struct hash_map *map, struct slice name, uint64_t most)
{
	struct tally *tally = find_tally(map, name);

	if (tally_full(map, name, most))
		return NULL;
	if (tally == NULL)
	{
		tally = memory_new(sizeof(*tally));
		tally->name = memory_copy(name.data, name.length);
		hash_map_add(map, &tally->entry, slice_of(tally->name, name.length));
	}
	tally->count++;
	return tally;
}

void
tally_leave(struct hash_map *map, struct tally *tally)
{
	if (tally == NULL || --tally->count > 0)
		return;
	hash_map_remove(map, &tally->entry);
	free(tally->name);
	free(tally);
}
