/*
 * loop.h
 *		One event loop, and all that lives in it.
 *
 * A loop owns its connections, its hub, its links to the database and its
 * server, and shares nothing with another loop: everything below is touched by
 * one thread only.
 */
#ifndef HARTHIO_LOOP_H
#define HARTHIO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "acceptor.h"
#include "auth.h"
#include "configuration.h"
#include "database.h"
#include "hash_map.h"
#include "hub.h"
#include "limiter.h"
#include "list.h"
#include "listener.h"
#include "metrics.h"
#include "rpc.h"
#include "server.h"
#include "systemd.h"
#include "upkeep.h"

struct connection;

struct loop
{
	uv_loop_t					uv;					/* what everything waits in */
	uv_signal_t					terminate;			/* SIGTERM */
	uv_signal_t					interrupt;			/* SIGINT */
	uv_signal_t					hangup;				/* SIGHUP */
	uv_timer_t					tick;				/* for all that is not worth a timer */
	uv_timer_t					draining;			/* the next connections to be closed */
	uv_timer_t					patience;			/* how long clients may take to go */
	uv_timer_t					flush;				/* the hub has something to tell */
	uv_prepare_t				sending;			/* before the loop waits: send what gathered */
	const struct option_flags  *flags;				/* what the command line said */
	const struct configuration *started;			/* what we started with */
	struct configuration	   *reloaded;			/* what the last SIGHUP brought; NULL: none did */
	struct limiter				limiter;			/* what is too much */
	bool						public_channels;	/* topics other than sessions */
	struct link_setup			links;				/* what the links below have in common */
	struct metrics				metrics;			/* what was counted */
	struct systemd				systemd;			/* the service manager */
	bool						told_ready;			/* and so was it */
	struct hash_key				hash_key;			/* random; for all hash maps */
	struct hub					hub;				/* topics and sessions */
	const struct auth		   *auth;				/* verifies tokens; the configuration's */
	struct server			   *server;				/* libwebsockets */
	struct acceptor				acceptor;			/* the listening socket for clients */
	struct acceptor				internal;			/* the one for metrics and health */
	struct database			   *database;			/* answers questions about sessions */
	struct database			   *policies;			/* and about private channels; these may
												 * be slow, as they are the operator's */
	struct listener			   *listener;			/* hears of changes */
	struct rpc				   *rpc;				/* calls functions; NULL: nobody does */
	struct upkeep			   *upkeep;				/* leases and health checks */
	struct connection		   *connections;		/* all that are open */
	struct list_link		   *unsent;				/* those for which something gathered */
	struct list_link		   *unread;				/* those that probably sent us more */
	struct connection		   *reading;			/* whom the last bytes came from; NULL: nobody */
	size_t						reading_bytes;		/* how many those were */
	uint64_t					connection_count;	/* how many */
	uint64_t					last_connection_id; /* given to the newest */
	uint64_t					drain_each;			/* connections to be closed at a time */
	bool						stopping;			/* no new connections */
	bool						ended;				/* everything is closed or being closed */
	int							exit_code;			/* how to end */
};

/* Run until a signal or a hopeless error; returns the exit code. */
int loop_run(const struct configuration *configuration, const struct option_flags *flags);

void loop_add_connection(struct loop *loop, struct connection *connection);
void loop_remove_connection(struct loop *loop, struct connection *connection);

#endif
