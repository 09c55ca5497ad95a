/*
 * auth.h
 *		Tokens: who says that a client is who it says it is.
 *
 * A token is a JWT signed with the secret that the notifier was given.  Only
 * the HS family fits such a key, and the key decides, not the token: "none" and
 * the asymmetric algorithms are refused before anything else is looked at.
 * Tokens are never logged, and no reason given to a client repeats one.
 */
#ifndef HARTHIO_AUTH_H
#define HARTHIO_AUTH_H

#include "slice.h"

struct auth;

/* What a verified token says. */
struct claims
{
	char  *json;	/* the claims as compact JSON; NULL: none */
	double expires; /* seconds of the epoch, fractions allowed */
};

/* Why a token was refused, in the words of the protocol. */
struct auth_refusal
{
	const char *code;		  /* such as "InvalidJWTToken" */
	char		message[160]; /* such as "Token has expired 3 seconds ago" */
};

/* NULL if the secret cannot be a key. */
struct auth *auth_new(struct slice secret);
void		 auth_free(struct auth *auth);

/* True, and claims to be freed by the caller; or false, and the refusal. */
bool auth_verify(const struct auth *auth, struct slice token, double now,
				 struct claims *claims, struct auth_refusal *refusal)
	__attribute__((warn_unused_result));
void auth_expired(double expires, double now, struct auth_refusal *refusal);
void claims_free(struct claims *claims);

#endif
