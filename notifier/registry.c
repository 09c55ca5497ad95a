/*
 * registry.c
 *		Which event loops have somebody in a topic.
 *
 * It is looked at when the first member of a loop comes and when the last one
 * goes, and by those who publish from outside; by places that have a lock each,
 * loops seldom wait for another.
 */
#include "registry.h"

#include <stdlib.h>
#include <uv.h>

#include "memory.h"

#define SHARDS 64 /* a power of two */

struct shard
{
	uv_mutex_t		lock;	/* for the map, and for who goes in and out */
	struct hash_map places; /* struct registry_place */
};

struct registry
{
	unsigned			   loops;  /* how many there are */
	const struct hash_key *secret; /* what keys are hashed with */
	struct shard		   shards[SHARDS];
};

struct registry *
registry_new(unsigned loops, const struct hash_key *secret)
{
	struct registry *registry = memory_new(sizeof(*registry));

	registry->loops = loops;
	registry->secret = secret;
	for (int i = 0; i < SHARDS; i++)
	{
		uv_mutex_init(&registry->shards[i].lock);
		hash_map_init(&registry->shards[i].places, secret);
	}
	return registry;
}

/* All loops have gone out of all places before. */
void
registry_free(struct registry *registry)
{
	if (registry == NULL)
		return;
	for (int i = 0; i < SHARDS; i++)
	{
		hash_map_free(&registry->shards[i].places);
		uv_mutex_destroy(&registry->shards[i].lock);
	}
	free(registry);
}

/* The map uses the low bits, so this takes high ones. */
static struct shard *
shard_of(struct registry *registry, struct slice key)
{
	return &registry->shards[hash_bytes(registry->secret, key) >> 32 & (SHARDS - 1)];
}

static struct registry_place *
find_place(const struct shard *shard, struct slice key)
{
	struct hash_entry *entry = hash_map_find(&shard->places, key);

	return entry != NULL ? hash_holder(entry, struct registry_place, entry) : NULL;
}

static struct registry_place *
new_place(const struct registry *registry, struct shard *shard, struct slice key)
{
	struct registry_place *place =
		memory_new(sizeof(*place) + registry->loops * sizeof(place->stays[0]));

	place->key = memory_copy(key.data, key.length);
	hash_map_add(&shard->places, &place->entry, slice_of(place->key, key.length));
	return place;
}

struct registry_place *
registry_enter(struct registry *registry, struct slice key, unsigned loop, void *room,
			   uint64_t *others)
{
	struct shard		  *shard = shard_of(registry, key);
	struct registry_place *place;

	uv_mutex_lock(&shard->lock);
	place = find_place(shard, key);
	if (place == NULL)
		place = new_place(registry, shard, key);
	registry_hold(place);
	place->stays[loop].room = room;
	atomic_store(&place->stays[loop].number, ++place->last_stay);
	*others = atomic_fetch_or(&place->loops, (uint64_t) 1 << loop);
	uv_mutex_unlock(&shard->lock);
	return place;
}

uint64_t
registry_leave(struct registry *registry, struct registry_place *place, unsigned loop)
{
	struct shard  *shard = shard_of(registry, place->entry.key);
	const uint64_t mine = (uint64_t) 1 << loop;
	uint64_t	   others;

	uv_mutex_lock(&shard->lock);
	place->stays[loop].room = NULL;
	atomic_store(&place->stays[loop].number, 0);
	others = atomic_fetch_and(&place->loops, ~mine) & ~mine;
	if (others == 0)
		hash_map_remove(&shard->places, &place->entry);
	uv_mutex_unlock(&shard->lock);
	return others;
}

struct registry_place *
registry_find(struct registry *registry, struct slice key)
{
	struct shard		  *shard = shard_of(registry, key);
	struct registry_place *place;

	uv_mutex_lock(&shard->lock);
	place = find_place(shard, key);
	if (place != NULL)
		registry_hold(place);
	uv_mutex_unlock(&shard->lock);
	return place;
}

void
registry_hold(struct registry_place *place)
{
	atomic_fetch_add_explicit(&place->references, 1, memory_order_relaxed);
}

void
registry_drop(struct registry_place *place)
{
	if (atomic_fetch_sub_explicit(&place->references, 1, memory_order_acq_rel) > 1)
		return;
	free(place->key);
	free(place);
}

size_t
registry_count(struct registry *registry)
{
	size_t count = 0;

	for (int i = 0; i < SHARDS; i++)
	{
		uv_mutex_lock(&registry->shards[i].lock);
		count += registry->shards[i].places.count;
		uv_mutex_unlock(&registry->shards[i].lock);
	}
	return count;
}
