/*
 * caller.h
 *		Who asks by HTTP, and as which role the database is asked for him.
 *
 * As PostgREST does it: for one transaction the role is the token's, and its
 * claims are in request.jwt.claims.
 */
#ifndef HARTHIO_CALLER_H
#define HARTHIO_CALLER_H

#include <stdbool.h>

#include "auth.h"
#include "http.h"
#include "pool.h"

struct caller
{
	struct claims claims; /* of the token */
	char		 *role;	  /* which it names */
};

/* Read the token.  False: it was answered with what is wrong. */
bool caller_read(struct caller *caller, struct http_request *request);
void caller_free(struct caller *caller);

/* Has it a role of its own? */
bool caller_is_known(const struct caller *caller);

/*
 * The statement that comes before his; it keeps what it is given until it is asked.
 * With "reads" nothing can be changed after it.
 */
struct pool_statement caller_settings(const struct caller *caller, const struct http_request *request,
									  const char *search_path, const char *timeout, bool reads);

/* What the database said is wrong; the operator hears of it if it is his to mend. */
void caller_answer_error(const struct caller *caller, struct http_request *request,
						 const PGresult *result);

#endif
