/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Who calls: from request.jwt.claims, as PostgREST and Supabase set it.
 *
 *	  claims, any role	   the participant is "sub"; naming another one is 42501
 *	  role service_role	   trusted: the participant as given, or else "sub"
 *	  no claims			   trusted: the participant as given, or else the name
 *						   of the login role
 *
 * Whoever can run arbitrary SQL can set request.jwt.claims: the trust model
 * is PostgREST's, where clients only call functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_IDENTITY_H
#define HARTHIO_IDENTITY_H

typedef struct Identity
{
	char *participant_id;
	bool  trusted; /* may act for others and for whole sessions */
} Identity;

/* given may be NULL.  Raises 42501 if the caller may not be that one. */
extern Identity identity_of_caller(char *given);

/*
 * Raise 42501 unless harthio.authorize_function, if it is set, lets the caller
 * join.  Trusted callers are not asked about.
 */
extern void identity_require_may_join(const char *session_id, const Identity *identity);

#endif /* HARTHIO_IDENTITY_H */
