/*
 * shared_text.h
 *		Texts of which many have the same one: it is kept once.
 */
#ifndef HARTHIO_SHARED_TEXT_H
#define HARTHIO_SHARED_TEXT_H

#include "hash_map.h"

struct shared_text
{
	struct hash_entry entry;   /* in the map, by what it says; that is in "bytes" */
	unsigned		  holders; /* at least one */
	char			  bytes[];
};

/* Let it go again by shared_text_release(); NULL is no text. */
struct shared_text *shared_text_hold(struct hash_map *texts, struct slice text);
void				shared_text_release(struct hash_map *texts, struct shared_text *text);

/* No data if there is none. */
struct slice shared_text_slice(const struct shared_text *text);

#endif
