/*
 * identities.h
 *		Who somebody is: what a token says that was found to be good.
 *
 * A client shows one token with each of its channels, and again when it comes
 * back, so the newest are remembered: whoever shows one of them, byte for byte
 * and before it ends, need not be verified again.  All who do share what it says.
 */
#ifndef HARTHIO_IDENTITIES_H
#define HARTHIO_IDENTITIES_H

#include "auth.h"
#include "hash_map.h"

/* So many are remembered. */
#define IDENTITIES_MAX 4096

struct identity
{
	struct hash_entry entry;   /* among those that are remembered, by token */
	struct identity	 *next;	   /* remembered after this one */
	char			 *token;   /* the bytes of the entry's key */
	unsigned		  holders; /* freed with the last */
	struct claims	  claims;  /* what it says */
	char			 *subject; /* "sub" of these; NULL: they have none */
};

struct identities
{
	struct hash_map	  map;	 /* struct identity */
	struct identity	 *first; /* the oldest */
	struct identity **last;	 /* where the next one goes */
};

void identities_init(struct identities *identities, const struct hash_key *secret);

/* Remember none of them: the keys may have changed. */
void identities_forget(struct identities *identities);

/* Like auth_verify().  The caller holds what it gets; NULL: see the refusal. */
struct identity *identity_verify(struct identities *identities, const struct auth *auth,
								 struct slice token, double now, struct auth_refusal *refusal);

struct identity *identity_hold(struct identity *identity);
void			 identity_release(struct identity *identity);

#endif
