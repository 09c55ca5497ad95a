/*
 * database_link.h
 *		One connection to PostgreSQL in the event loop, kept up for ever.
 *
 * Connects without blocking, makes sure that the extension is there and speaks
 * our version, and tells its owner when it is ready and when it is lost; after a
 * loss it tries again, waiting 0.1 s at first and up to 5 s later.  To lose the
 * server is a normal thing, not an error of ours.
 */
#ifndef HARTHIO_DATABASE_LINK_H
#define HARTHIO_DATABASE_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <uv.h>

struct metrics;

/* What the extension's harthio.protocol_version() must say. */
#define DATABASE_PROTOCOL_VERSION 1

enum link_state
{
	LINK_WAITING,			/* until the next attempt */
	LINK_CONNECTING,		/* libpq is at it */
	LINK_FINDING_SCHEMA,	/* asked where the extension is */
	LINK_COMPARING_VERSION, /* asked what it speaks */
	LINK_READY,				/* the owner's */
	LINK_STOPPED			/* for good */
};

/* What the owner of a link must do; all are called from the loop. */
struct link_events
{
	void (*ready)(void *owner);	   /* connected, nothing asked yet */
	void (*readable)(void *owner); /* input was consumed */
	void (*lost)(void *owner);	   /* gone; comes back by itself */
};

/* What all links of a loop have in common. */
struct link_setup
{
	uv_loop_t	   *uv;												/* where they run */
	const char	   *conninfo;										/* as given; empty: libpq's defaults */
	bool			allow_superuser;								/* as the role that we log in as */
	uint64_t		answer_ms;										/* to wait for an answer of theirs */
	struct metrics *metrics;										/* counts what becomes of them */
	void (*hopeless)(void *arg, int exit_code, const char *reason); /* told when it is no use */
	void *arg;														/* its first argument */
};

struct database_link
{
	const struct link_setup	 *setup;	  /* ours in common with others */
	const char				 *name;		  /* for the log: "listener", "query" or a pool's */
	const char				 *program;	  /* who we are, for the server; NULL: the notifier */
	const struct link_events *events;	  /* the owner's */
	void					 *owner;	  /* first argument of the events */
	enum link_state			  state;	  /* changed by set_state() alone */
	PGconn					 *pg;		  /* NULL while waiting */
	uv_poll_t				 *poll;		  /* watches its socket; NULL while waiting */
	uv_timer_t				  retry;	  /* ends the waiting */
	uv_timer_t				  patience;	  /* ends an attempt that hangs */
	unsigned				  backoff_ms; /* how long to wait next */
	char					 *schema;	  /* of the extension's functions, quoted */
};

void database_link_start(struct database_link *link);

/* No event comes any more; the handles are closed by the time the loop ends. */
void database_link_stop(struct database_link *link);

/* Send what libpq holds back; call it after every PQsend function. */
void database_link_flush(struct database_link *link);

/* Give the connection up and make a new one; "reason" is for the log. */
void database_link_lose(struct database_link *link, const char *reason);

#endif
