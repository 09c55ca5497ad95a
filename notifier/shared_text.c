/*
 * shared_text.c
 *		Texts of which many have the same one: it is kept once.
 */
#include "shared_text.h"

#include <stdlib.h>

#include "memory.h"

static struct shared_text *
find(const struct hash_map *texts, struct slice text)
{
	struct hash_entry *entry = hash_map_find(texts, text);

	return entry != NULL ? hash_holder(entry, struct shared_text, entry) : NULL;
}

struct shared_text *
shared_text_hold(struct hash_map *texts, struct slice text)
{
	struct shared_text *shared = find(texts, text);

	if (shared == NULL)
	{
		shared = memory_new(sizeof(*shared) + text.length);
		if (text.length > 0)
			memcpy(shared->bytes, text.data, text.length);
		hash_map_add(texts, &shared->entry, slice_of(shared->bytes, text.length));
	}
	shared->holders++;
	return shared;
}

void
shared_text_release(struct hash_map *texts, struct shared_text *text)
{
	if (text == NULL || --text->holders > 0)
		return;
	hash_map_remove(texts, &text->entry);
	free(text);
}

struct slice
shared_text_slice(const struct shared_text *text)
{
	return text != NULL ? text->entry.key : (struct slice){0};
}
