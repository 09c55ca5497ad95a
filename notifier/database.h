/*
 * database.h
 *		Questions to the database: asked in a row, answered in the same order.
 *
 * All go through one connection in pipeline mode.  They leave nothing behind, so
 * one that was under way when the connection broke is simply asked again, until
 * its time is up.  Who asks may go away before the answer: he cancels, and hears nothing.
 */
#ifndef HARTHIO_DATABASE_H
#define HARTHIO_DATABASE_H

#include <libpq-fe.h>

#include "database_link.h"
#include "slice.h"

struct database;
struct database_request;

enum database_verdict
{
	DATABASE_ALLOWED,	 /* yes */
	DATABASE_DENIED,	 /* no */
	DATABASE_OBJECTED,	 /* an error that is the asker's: see message */
	DATABASE_UNAVAILABLE /* it could not be asked in time */
};

/* What policies let someone do in a private channel. */
struct database_rights
{
	bool hears_broadcasts;
	bool hears_presence;
	bool broadcasts;
	bool shows_presence;
};

struct database_answer
{
	enum database_verdict  verdict; /* may he? */
	const char			  *message; /* what the database objected; else NULL */
	struct slice		   state;	/* the session's state, if allowed and there */
	struct database_rights rights;	/* by the policies, if they were asked */
	const PGresult		  *replay;	/* messages, oldest first; NULL: there are none */
};

/* What of the past is to be sent; a limit of 0 means nothing. */
struct database_replay
{
	long long since; /* Unix time, milliseconds */
	int		  limit; /* messages */
};

/* Nothing of the answer outlives the call.  The request is gone already. */
typedef void (*database_callback)(void *owner, const struct database_answer *answer);

/*
 * Connects with the first question, unless it is told to do so before.  "name" is
 * for the log.  The setup must live as long.
 */
struct database *database_new(const struct link_setup *setup, const char *name);

/* Can it be asked now? */
bool database_ready(const struct database *database);

/* Connect now. */
void database_start(struct database *database);

/* Ask no more; "database_free" when the loop has closed its handles. */
void database_stop(struct database *database);
void database_free(struct database *database);

/*
 * May someone with these claims take part in the session, and what is its
 * state?  The answer comes from the loop, never from within this call.
 */
struct database_request *database_authorize(struct database	 *database,
											const char		 *session_id,
											const char		 *claims,
											database_callback callback,
											void			 *owner);

/*
 * What do the policies on realtime.messages let someone with these claims do in
 * the private channel of this topic (without its prefix), and what was sent to
 * it before?  Allowed means that they were asked, not that there is any right.
 */
struct database_request *database_ask_policies(struct database		 *database,
											   const char			 *topic,
											   const char			 *claims,
											   struct database_replay replay,
											   database_callback callback, void *owner);
void					 database_cancel(struct database_request *request);

/* Called some times a second: whose time is up? */
void database_tick(struct database *database);

#endif
