/*
 * hash_map.c
 *		An intrusive hash map from bytes to whatever holds the entry.
 */
#include "hash_map.h"

#include <endian.h>
#include <stdlib.h>
#include <sys/random.h>

#include "memory.h"

#define FIRST_BUCKETS 8

#define ROTATE(x, bits) (((x) << (bits)) | ((x) >> (64 - (bits))))

bool
hash_key_init(struct hash_key *key)
{
	return getrandom(key, sizeof(*key), 0) == (ssize_t) sizeof(*key);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTATE(v[1], 13) ^ v[0];
	v[0] = ROTATE(v[0], 32);
	v[2] += v[3];
	v[3] = ROTATE(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTATE(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTATE(v[1], 17) ^ v[2];
	v[2] = ROTATE(v[2], 32);
}

static void
sip_absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* Fewer than eight bytes as a little-endian number. */
static uint64_t
load_word(const char *bytes, size_t length)
{
	uint64_t word = 0;

	for (size_t i = 0; i < length; i++)
		word |= (uint64_t) (unsigned char) bytes[i] << (8 * i);
	return word;
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
uint64_t
hash_bytes(const struct hash_key *key, struct slice bytes)
{
	uint64_t v[4] = {
		key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d,
		key->k0 ^ 0x6c7967656e657261, key->k1 ^ 0x7465646279746573};
	size_t whole = bytes.length & ~(size_t) 7;

	for (size_t i = 0; i < whole; i += 8)
	{
		uint64_t word;

		memcpy(&word, bytes.data + i, sizeof(word));
		sip_absorb(v, le64toh(word));
	}
	sip_absorb(v, load_word(bytes.data + whole, bytes.length - whole) |
					  (uint64_t) bytes.length << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
hash_map_init(struct hash_map *map, const struct hash_key *secret)
{
	*map = (struct hash_map){.secret = secret};
}

struct hash_entry *
hash_map_find(const struct hash_map *map, struct slice key)
{
	struct hash_entry *entry;
	uint64_t		   hash;

	if (map->count == 0)
		return NULL;
	hash = hash_bytes(map->secret, key);
	entry = map->buckets[hash & (map->bucket_count - 1)];
	while (entry != NULL &&
		   (entry->hash != hash || !slice_equal(entry->key, key)))
		entry = entry->next;
	return entry;
}

static void
link_entry(struct hash_map *map, struct hash_entry *entry)
{
	struct hash_entry **bucket;

	bucket = &map->buckets[entry->hash & (map->bucket_count - 1)];
	entry->next = *bucket;
	*bucket = entry;
}

static void
grow(struct hash_map *map)
{
	struct hash_entry **old = map->buckets;
	size_t				old_count = map->bucket_count;

	if (old_count == 0)
	{
		map->buckets = &map->one;
		map->bucket_count = 1;
		return;
	}
	map->bucket_count = old_count == 1 ? FIRST_BUCKETS : old_count * 2;
	map->buckets = memory_new(map->bucket_count * sizeof(void *));
	for (size_t i = 0; i < old_count; i++)
	{
		while (old[i] != NULL)
		{
			struct hash_entry *entry = old[i];

			old[i] = entry->next;
			link_entry(map, entry);
		}
	}
	if (old != &map->one)
		free(old);
}

void
hash_map_add(struct hash_map *map, struct hash_entry *entry, struct slice key)
{
	if (map->count >= map->bucket_count)
		grow(map);
	entry->key = key;
	entry->hash = hash_bytes(map->secret, key);
	link_entry(map, entry);
	map->count++;
}

void
hash_map_remove(struct hash_map *map, struct hash_entry *entry)
{
	struct hash_entry **place;

	place = &map->buckets[entry->hash & (map->bucket_count - 1)];
	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
	map->count--;
}

struct hash_entry *
hash_map_next(const struct hash_map *map, const struct hash_entry *last)
{
	size_t bucket = 0;

	if (last != NULL)
	{
		if (last->next != NULL)
			return last->next;
		bucket = (last->hash & (map->bucket_count - 1)) + 1;
	}
	while (bucket < map->bucket_count)
	{
		if (map->buckets[bucket] != NULL)
			return map->buckets[bucket];
		bucket++;
	}
	return NULL;
}

void
hash_map_free(struct hash_map *map)
{
	if (map->buckets != &map->one)
		free(map->buckets);
	hash_map_init(map, map->secret);
}
