/*
 * loop.h
 *		One event loop, and all that lives in it.
 *
 * A loop owns its connections, its hub, its links to the database and its
 * server: for the database it is a notifier of its own.  What it has to tell
 * another loop it writes into a letter; letters leave once a turn.  The rest of
 * what is below is touched by its own thread only, but for what is atomic.
 */
#ifndef HARTHIO_LOOP_H
#define HARTHIO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "auth.h"
#include "configuration.h"
#include "database.h"
#include "hash_map.h"
#include "hub.h"
#include "hub_border.h"
#include "identities.h"
#include "limiter.h"
#include "list.h"
#include "listener.h"
#include "mailbox.h"
#include "metrics.h"
#include "operator.h"
#include "rpc.h"
#include "server.h"
#include "upkeep.h"

struct connection;
struct loops;

struct loop
{
	uv_loop_t					uv;					 /* what everything waits in */
	struct loops			   *loops;				 /* all of them */
	unsigned					index;				 /* which one this is */
	unsigned					rests;				 /* times that one came to rest */
	struct mailbox				mailbox;			 /* what other loops write to us */
	struct letters				outgoing[LOOPS_MAX]; /* what we write to them, by loop */
	struct mailbox				parcels;			 /* what other hubs write to ours: these wait
													 * until we have input, but not for long */
	struct letters				leaving[LOOPS_MAX];	 /* and what ours writes to them */
	bool						looked;				 /* in this turn, for parcels */
	uint64_t					urgent;				 /* bits: loops that are to be woken */
	uint64_t					unreminded;			 /* bits: loops that were written to and not woken */
	uv_timer_t					remind;				 /* when they are to be */
	uv_timer_t					tick;				 /* for all that is not worth a timer */
	uv_timer_t					draining;			 /* the next connections to be closed */
	uv_timer_t					patience;			 /* how long clients may take to go */
	uv_timer_t					flush;				 /* the hub has something to tell */
	uv_prepare_t				sending;			 /* before the loop waits: send what gathered */
	const struct configuration *started;			 /* what we started with */
	struct configuration	   *reloaded;			 /* what the last SIGHUP brought; NULL: none did */
	struct limiter				limiter;			 /* what is too much */
	bool						public_channels;	 /* topics other than sessions */
	struct link_setup			links;				 /* what the links below have in common */
	struct metrics				metrics;			 /* what was counted */
	struct hash_key				hash_key;			 /* random; for all hash maps */
	struct hub					hub;				 /* topics and sessions */
	struct hub_border			border;				 /* to the other hubs */
	const struct auth		   *auth;				 /* verifies tokens; the configuration's */
	struct identities			identities;			 /* that it found good */
	struct hash_map				apikeys;			 /* struct shared_text: what clients give as such */
	struct server			   *server;				 /* libwebsockets */
	struct database			   *database;			 /* answers questions about sessions */
	struct database			   *policies;			 /* and about private channels; these may
													 * be slow, as they are the operator's */
	struct listener			   *listener;			 /* hears of changes */
	struct rpc				   *rpc;				 /* calls functions; NULL: nobody does */
	struct operations		   *operations;			 /* for the operator's page; NULL: there are none here */
	struct upkeep			   *upkeep;				 /* leases and health checks */
	struct connection		   *connections;		 /* all that are open */
	struct connection		   *next_ticked;		 /* the next one to be asked; NULL: the first */
	struct list_link		   *unsent;				 /* those for which something gathered */
	struct list_link		   *unread;				 /* those that probably sent us more */
	struct list_link		   *resting;			 /* those that are not read for a while */
	uv_timer_t					rest;				 /* how long */
	struct connection		   *reading;			 /* whom the last bytes came from; NULL: nobody */
	size_t						reading_bytes;		 /* how many those were */
	uint64_t					writing_ns;			 /* how long the last turn wrote */
	uint64_t					connection_count;	 /* how many */
	uint64_t					last_connection_id;	 /* given to the newest */
	uint64_t					drain_each;			 /* connections to be closed at a time */
	bool						stopping;			 /* no new connections */
	bool						done;				 /* there are none any more, or they were cut */
	bool						ended;				 /* everything is closed or being closed */
	_Atomic uint64_t			sockets;			 /* open, or on their way to us */
	_Atomic uint64_t			ticked_at;			 /* loop time of the last tick */
	_Atomic bool				live;				 /* all is heard that the database tells */
	const char *_Atomic			problem;			 /* see health.h; as of the last tick */
};

/* An exit code; zero means that it can begin. */
int loop_open(struct loop *loop, struct loops *loops, unsigned index);

/* Connect to the database. */
void loop_begin(struct loop *loop);

/* Ask all clients to go, over so many seconds; then tell that it is done. */
void loop_stop(struct loop *loop, uint64_t drain_seconds);

/* Close everything, at once. */
void loop_end(struct loop *loop);

/* Run until everything is closed, in whichever thread is to be the loop's. */
void loop_run(struct loop *loop);

/* Nobody writes letters any more. */
void loop_free(struct loop *loop);

/* To another loop, at the end of this turn. */
void loop_post(struct loop *loop, unsigned to, struct letter *letter);

/*
 * Before input is looked at: what other hubs have told before it came comes first,
 * so that one who answers to what he knows is not heard before it.
 */
void loop_before_input(struct loop *loop);

/* Wake it up again, some time from now. */
void loop_rest(struct loop *loop, struct connection *connection);

void loop_add_connection(struct loop *loop, struct connection *connection);
void loop_remove_connection(struct loop *loop, struct connection *connection);

#endif
