/*
 * pool.h
 *		Statements for the database, run by whichever connection is free.
 *
 * A job is a few statements that go out in one round trip and make one
 * transaction.  A connection has one job at a time, so a slow one delays only
 * those who find no other connection.  Jobs may change the database, so none is
 * sent twice: if the connection breaks while one is under way, nobody knows what
 * came of it, and its owner is told just that.
 */
#ifndef HARTHIO_POOL_H
#define HARTHIO_POOL_H

#include <libpq-fe.h>
#include <stdint.h>
#include <uv.h>

#define POOL_STATEMENTS_MAX 2
#define POOL_VALUES_MAX		16

struct link_setup;
struct pool;
struct pool_job;

enum pool_verdict
{
	POOL_ANSWERED, /* see the result */
	POOL_BUSY,	   /* never sent: no connection was free in time */
	POOL_AWAY,	   /* never sent: there was no connection */
	POOL_LOST,	   /* sent, but the answer did not come */
	POOL_FULL	   /* never asked: too many wait; for those who tell, see pool_ask() */
};

/*
 * The result is the last statement's, or what the first one that failed said;
 * NULL unless answered, and gone after the call.  The job is gone already.
 */
typedef void (*pool_callback)(void *owner, enum pool_verdict verdict,
							  const PGresult *result);

struct pool_statement
{
	const char *before;					 /* SQL; with placeholders for the values */
	const char *after;					 /* goes on after the extension's schema; NULL: all said */
	const char *values[POOL_VALUES_MAX]; /* as text */
	int			value_count;
};

/* What a pool is for.  Texts must stay as they are while the pool is there. */
struct pool_settings
{
	const char *name;			/* of its connections, for the log */
	const char *program;		/* and for the server */
	unsigned	connections;	/* how many */
	size_t		waiting_most;	/* jobs that may wait for one */
	uint64_t	wait_ms;		/* and for how long */
	uint64_t	run_ms;			/* after which a connection without an answer is given up */
	void (*ready)(void *owner); /* told of each connection that is made; NULL: nobody */
	void *owner;				/* its argument */
};

struct pool *pool_new(const struct link_setup *setup, const struct pool_settings *settings);

/* Ask no more; "pool_free" when the loop has closed its handles. */
void pool_stop(struct pool *pool);
void pool_free(struct pool *pool);

/* NULL if too many wait already.  The answer never comes from within the call. */
struct pool_job *pool_ask(struct pool *pool, const struct pool_statement *statements,
						  size_t count, pool_callback callback, void *owner);

/* Its owner hears nothing any more; what was sent already is done all the same. */
void pool_cancel(struct pool_job *job);

/* How many jobs wait for a connection? */
size_t pool_waiting(const struct pool *pool);

/* Called some times a second: whose time is up? */
void pool_tick(struct pool *pool);

#endif
