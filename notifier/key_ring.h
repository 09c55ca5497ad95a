/*
 * key_ring.h
 *		The keys that tokens may be signed with.
 *
 * There are secrets, which have no name, and the keys of a JWK set, which have
 * one ("kid").  A key says by its type which algorithms it can verify; what the
 * token says only chooses among those keys.  So a public key never serves as a
 * secret, and "none" fits no key at all.
 */
#ifndef HARTHIO_KEY_RING_H
#define HARTHIO_KEY_RING_H

#include <cjose/cjose.h>

#include "file.h"
#include "slice.h"

struct key_ring;

/*
 * Two secrets, of which either may be empty, and a JWK set as JSON, or nothing.
 * NULL, and what is wrong, if one of them is no good.
 */
struct key_ring *key_ring_new(struct slice secret, struct slice previous,
							  struct slice jwks, char problem[PROBLEM_MAX_BYTES]);
void			 key_ring_free(struct key_ring *ring);

/*
 * Walk over the keys that may have signed a token with this algorithm and this
 * kid (NULL: it has none).  "at" is 0 at first; NULL: no more.
 */
const cjose_jwk_t *key_ring_next(const struct key_ring *ring, const char *algorithm,
								 const char *kid, size_t *at);

#endif
