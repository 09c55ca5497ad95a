/*
 * auth.h
 *		Tokens: who says that a client is who it says it is.
 *
 * A token is a JWT signed with one of the keys of the ring, or a "sb_" key that
 * the operator gave claims to.  The key decides on the algorithm, not the token.
 * Tokens are never logged, and no reason given to a client repeats one.
 */
#ifndef HARTHIO_AUTH_H
#define HARTHIO_AUTH_H

#include <stdint.h>

#include "file.h"
#include "slice.h"

struct auth;

/* What the operator decides; nothing of it is kept. */
struct auth_settings
{
	struct slice secret;		  /* that signs tokens; may be empty */
	struct slice previous_secret; /* that is good too; may be empty */
	struct slice jwks;			  /* JWK set as JSON; may be empty */
	struct slice api_keys;		  /* JSON object: claims by key; may be empty */
	const char	*issuer;		  /* what "iss" must be; NULL: anything */
	const char	*audience;		  /* what "aud" must name; NULL: anything */
	uint64_t	 leeway;		  /* seconds that clocks may differ */
};

/* What a verified token says. */
struct claims
{
	char  *json;	/* the claims as compact JSON; NULL: none */
	double expires; /* seconds of the epoch, fractions allowed; leeway included */
};

/* Why a token was refused, in the words of the protocol. */
struct auth_refusal
{
	const char *code;		  /* such as "InvalidJWTToken" */
	char		message[200]; /* such as "Token has expired 3 seconds ago" */
};

/* NULL, and what is wrong, if one of the keys is no good. */
struct auth *auth_new(const struct auth_settings *settings,
					  char						  problem[PROBLEM_MAX_BYTES]);
void		 auth_free(struct auth *auth);

/* True, and claims to be freed by the caller; or false, and the refusal. */
bool auth_verify(const struct auth *auth, struct slice token, double now,
				 struct claims *claims, struct auth_refusal *refusal)
	__attribute__((warn_unused_result));
void auth_expired(double expires, double now, struct auth_refusal *refusal);
void claims_free(struct claims *claims);

#endif
