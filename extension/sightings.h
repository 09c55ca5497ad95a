/*-------------------------------------------------------------------------
 *
 * sightings.h
 *	  Who is the first to come with a key?
 *
 * Most sessions are claimed by somebody who is the first to name them, and to
 * look for what is not there costs as much as to write it.  Here every key has
 * a bit in shared memory, which is set once: of all who ask, one at most is
 * told that it is the first since the server started.
 *
 * It is a hint.  The first may find the row there all the same, from before the
 * start or from before too many keys had been seen, when all are forgotten; and
 * who is not the first may find nothing, since the other rolled back or shares
 * the bit.  But between two times of forgetting nobody else who asked here will
 * be inserting blindly.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SIGHTINGS_H
#define HARTHIO_SIGHTINGS_H

/* The key is a hash. */
extern bool sighting_is_first(uint64 key);

extern Size sightings_shmem_size(void);
extern void sightings_shmem_init(void);

#endif /* HARTHIO_SIGHTINGS_H */
