/*
 * unit_hash_map.c
 *		Is it SipHash-2-4, and does the map find, walk and forget?
 */
#include "unit.h"

#include <stdio.h>

#include "hash_map.h"

#define ITEMS 1000

struct item
{
	struct hash_entry entry; /* not first, so that offsets matter */
	char			  name[16];
};

static void
test_siphash(void)
{
	/* the example of the paper's appendix A */
	const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	char				  input[15];

	for (int i = 0; i < 15; i++)
		input[i] = (char) i;
	CHECK(hash_bytes(&key, slice_of(input, 15)) == 0xa129ca6149be45e5);
	CHECK(hash_bytes(&key, slice_of(input, 0)) == 0x726fdb47dd0e0e31);
}

static unsigned
count(const struct hash_map *map)
{
	unsigned		   found = 0;
	struct hash_entry *entry = NULL;

	while ((entry = hash_map_next(map, entry)) != NULL)
		found++;
	return found;
}

void
test_hash_map(void)
{
	static struct item items[ITEMS];
	struct hash_key	   key;
	struct hash_map	   map;
	bool			   all = true;

	test_siphash();
	CHECK(hash_key_init(&key));
	hash_map_init(&map, &key);
	CHECK(hash_map_find(&map, SLICE("x")) == NULL);
	CHECK(hash_map_next(&map, NULL) == NULL);
	/* the first one needs no memory */
	hash_map_add(&map, &items[0].entry, SLICE("x"));
	CHECK(map.buckets == &map.one && hash_map_find(&map, SLICE("x")) == &items[0].entry);
	CHECK(hash_map_find(&map, SLICE("y")) == NULL);
	CHECK(hash_map_next(&map, NULL) == &items[0].entry && hash_map_next(&map, &items[0].entry) == NULL);
	hash_map_remove(&map, &items[0].entry);
	CHECK(hash_map_find(&map, SLICE("x")) == NULL && hash_map_next(&map, NULL) == NULL);
	for (int i = 0; i < ITEMS; i++)
	{
		snprintf(items[i].name, sizeof(items[i].name), "item-%d", i);
		hash_map_add(&map, &items[i].entry, slice_text(items[i].name));
	}
	CHECK(map.count == ITEMS && count(&map) == ITEMS);
	for (int i = 0; i < ITEMS; i++)
	{
		struct hash_entry *entry = hash_map_find(&map, slice_text(items[i].name));

		all = all && entry != NULL && hash_holder(entry, struct item, entry) == &items[i];
	}
	CHECK(all);
	for (int i = 0; i < ITEMS; i += 2)
		hash_map_remove(&map, &items[i].entry);
	CHECK(map.count == ITEMS / 2 && count(&map) == ITEMS / 2);
	CHECK(hash_map_find(&map, SLICE("item-0")) == NULL);
	CHECK(hash_map_find(&map, SLICE("item-1")) == &items[1].entry);
	CHECK(hash_map_find(&map, SLICE("item-")) == NULL);
	hash_map_free(&map);
}
