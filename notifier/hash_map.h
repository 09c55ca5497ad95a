/*
 * hash_map.h
 *		An intrusive hash map from bytes to whatever holds the entry.
 *
 * Keys are chosen by strangers (topics, session ids), so they are hashed by
 * SipHash-2-4 with a random key: nobody can aim at one bucket.  The map owns
 * neither keys nor entries; both must stay where they are while they are in it,
 * as must the map.
 */
#ifndef HARTHIO_HASH_MAP_H
#define HARTHIO_HASH_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct hash_key
{
	uint64_t k0; /* first half of the SipHash key */
	uint64_t k1; /* second half */
};

struct hash_entry
{
	struct hash_entry *next; /* next in the same bucket */
	uint64_t		   hash; /* of the key, so that growing need not hash */
	struct slice	   key;	 /* bytes that the holder owns */
};

struct hash_map
{
	const struct hash_key *secret;		 /* what keys are hashed with */
	struct hash_entry	 **buckets;		 /* NULL until the first entry; then "one" */
	struct hash_entry	  *one;			 /* the only bucket, as long as one is enough */
	size_t				   bucket_count; /* 0 or a power of two */
	size_t				   count;		 /* entries in the map */
};

/* The struct that holds an entry. */
#define hash_holder(entry, type, member) \
	((type *) ((char *) (entry) -offsetof(type, member)))

/* False if the kernel has no random bytes to give. */
bool	 hash_key_init(struct hash_key *key) __attribute__((warn_unused_result));
uint64_t hash_bytes(const struct hash_key *key, struct slice bytes);

void			   hash_map_init(struct hash_map *map, const struct hash_key *secret);
struct hash_entry *hash_map_find(const struct hash_map *map, struct slice key);
void			   hash_map_add(struct hash_map *map, struct hash_entry *entry, struct slice key);
void			   hash_map_remove(struct hash_map *map, struct hash_entry *entry);

/* Any entry after "last" (NULL: the first).  The map must not change between. */
struct hash_entry *hash_map_next(const struct hash_map	 *map,
								 const struct hash_entry *last);

/* Free the buckets; the entries are the caller's. */
void hash_map_free(struct hash_map *map);

#endif
