/*-------------------------------------------------------------------------
 *
 * sightings.c
 *	  Who is the first to come with a key?
 *
 * When half the bits are set too many keys share one, and all are forgotten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sightings.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#define WORDS	  (1 << 18) /* 1 MB */
#define WORD_BITS 32
#define CROWD	  ((uint32) WORDS * WORD_BITS / 2) /* keys */

typedef struct Sightings
{
	pg_atomic_uint32 count; /* bits that are set */
	pg_atomic_uint32 words[WORDS];
} Sightings;

static Sightings *sightings = NULL;

Size
sightings_shmem_size(void)
{
	return sizeof(Sightings);
}

void
sightings_shmem_init(void)
{
	bool found;

	sightings = ShmemInitStruct("harthio sightings", sizeof(Sightings), &found);
	if (found)
		return;
	pg_atomic_init_u32(&sightings->count, 0);
	for (int i = 0; i < WORDS; i++)
		pg_atomic_init_u32(&sightings->words[i], 0);
}

static void
forget_all(void)
{
	for (int i = 0; i < WORDS; i++)
		pg_atomic_write_u32(&sightings->words[i], 0);
	pg_atomic_write_u32(&sightings->count, 0);
}

bool
sighting_is_first(uint64 key)
{
	pg_atomic_uint32 *word = &sightings->words[key / WORD_BITS % WORDS];
	uint32			  bit = (uint32) 1 << key % WORD_BITS;

	if (pg_atomic_fetch_or_u32(word, bit) & bit)
		return false;
	if (pg_atomic_add_fetch_u32(&sightings->count, 1) == CROWD)
		forget_all();
	return true;
}
