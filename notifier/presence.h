/*
 * presence.h
 *		Who is in a room, as its members say it of themselves.
 *
 * Each member may have one meta (a JSON object of its own choice) under a key
 * that others may share.  What members do takes effect at once here, and is
 * told at the next diff: a state shows what was told, so whoever is given the
 * state and then each diff misses nothing and hears nothing twice.  Of what
 * happened between two diffs only the outcome is told.
 *
 * Where a room has members in several event loops, each loop keeps what its own
 * show, and copies of what the others' do, which come as lists of presences.
 *
 * It knows no socket: it keeps, and writes JSON.
 */
#ifndef HARTHIO_PRESENCE_H
#define HARTHIO_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "hash_map.h"

#define PRESENCE_REF_SIZE 32
#define PRESENCE_OURS	  (-1)

struct presence_key;

/* The references that tell one meta from another; shared by all sets. */
struct presence_refs
{
	uint32_t instance; /* so that another process gives others */
	uint64_t last;	   /* given to the newest */
};

struct presence_set
{
	struct hash_map		  keys;	   /* struct presence_key */
	struct presence_key	 *changed; /* with something that was not told */
	struct presence_refs *refs;	   /* where new references come from */
	uint64_t			  count;   /* metas, those that are going included */
	struct buffer		  state;   /* what was told, as JSON; empty: not written */
};

/* A version of a meta. */
struct presence_meta
{
	char *body;					  /* the object without its last brace; NULL: none */
	char  ref[PRESENCE_REF_SIZE]; /* its phx_ref */
};

struct presence
{
	struct presence		*next; /* under the same key */
	struct presence_key *key;  /* under which */
	int					 loop; /* which it is a copy of; or PRESENCE_OURS */
	uint64_t			 id;   /* among those of that loop */
	struct presence_meta told; /* what others know of it */
	struct presence_meta now;  /* and what they will */
};

void presence_init(struct presence_set *set, struct presence_refs *refs,
				   const struct hash_key *secret);
void presence_free(struct presence_set *set);

/*
 * Show this object from now on, instead of "old" if there is one; returns what
 * holds it.  The bytes must be a valid JSON object.
 */
struct presence *presence_track(struct presence_set *set, struct presence *old,
								struct slice key, struct slice object);

/* Show it no more.  It is gone for the caller. */
void presence_untrack(struct presence_set *set, struct presence *presence);

/* All that was told, as the payload of presence_state; good until the next diff. */
struct slice presence_state(struct presence_set *set);

/*
 * Append what changed, as the payload of presence_diff, and take it for told.
 * False, and nothing appended, if nothing did.
 */
bool presence_diff(struct presence_set *set, struct buffer *diff);

/*
 * Append a list of our own: all that was told, or what the next diff will tell.
 * What comes and goes between two diffs is in neither.
 */
void presence_export(const struct presence_set *set, bool all, struct buffer *list);

/*
 * Take a list of another loop's: what there is now, or ("all") all that there is.
 * Returns whether there may be something to tell.
 */
bool presence_import(struct presence_set *set, int loop, struct slice list, bool all);

/*
 * Can clients take this key?  They look it up in plain objects, where some names
 * are there before anybody has set them, and throw; and realtime-js takes whatever
 * has "ids" for row changes.
 */
bool presence_key_valid(struct slice key);

#endif
