/*
 * registry.h
 *		Which event loops have somebody in a topic.
 *
 * A place is a topic of one kind that at least one loop is in.  Whoever is in it
 * holds it, so that to publish looks nothing up: one word says whether another
 * loop has to be told.  Each time that a loop goes in begins another stay with
 * another number; what was sent to an earlier one is not for the next.
 */
#ifndef HARTHIO_REGISTRY_H
#define HARTHIO_REGISTRY_H

#include <stdatomic.h>

#include "hash_map.h"

struct registry;

struct registry_stay
{
	_Atomic uint64_t number; /* 0: the loop is not in it */
	void			*room;	 /* what it has there; looked at by that loop only */
};

struct registry_place
{
	struct hash_entry	 entry;		 /* in the registry, by key */
	char				*key;		 /* its bytes */
	_Atomic uint64_t	 loops;		 /* bits: who is in it */
	_Atomic unsigned	 references; /* freed at zero */
	uint64_t			 last_stay;	 /* given to the newest */
	struct registry_stay stays[];	 /* by loop */
};

struct registry *registry_new(unsigned loops, const struct hash_key *secret);
void			 registry_free(struct registry *registry);

/* The loop goes in, and holds the place from now on; "others" gets who is in it. */
struct registry_place *registry_enter(struct registry *registry, struct slice key,
									  unsigned loop, void *room, uint64_t *others);

/* It goes out, and still holds the place; returns who is in it. */
uint64_t registry_leave(struct registry *registry, struct registry_place *place,
						unsigned loop);

/* The place, which is held for the caller; NULL: nobody is in it. */
struct registry_place *registry_find(struct registry *registry, struct slice key);

void registry_hold(struct registry_place *place);
void registry_drop(struct registry_place *place);

/* How many places are there? */
size_t registry_count(struct registry *registry);

/* Which other loops are in it? */
static inline uint64_t
registry_others(const struct registry_place *place, unsigned loop)
{
	return atomic_load_explicit(&place->loops, memory_order_acquire) & ~((uint64_t) 1 << loop);
}

#endif
