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
#include "database.h"
#include "hash_map.h"
#include "hub.h"
#include "limiter.h"
#include "listener.h"
#include "options.h"
#include "server.h"

struct connection;

struct loop
{
	uv_loop_t		   uv;				   /* what everything waits in */
	uv_signal_t		   terminate;		   /* SIGTERM */
	uv_signal_t		   interrupt;		   /* SIGINT */
	uv_timer_t		   tick;			   /* for all that is not worth a timer */
	uv_timer_t		   patience;		   /* how long clients may take to go */
	struct hash_key	   hash_key;		   /* random; for all hash maps */
	uv_timer_t		   flush;			   /* the hub has something to tell */
	struct hub		   hub;				   /* topics and sessions */
	struct limiter	   limiter;			   /* what is too much */
	bool			   public_channels;	   /* topics other than sessions */
	struct auth		  *auth;			   /* verifies tokens */
	struct server	  *server;			   /* libwebsockets */
	struct acceptor	   acceptor;		   /* the listening socket */
	struct database	  *database;		   /* answers questions */
	struct listener	  *listener;		   /* hears of changes */
	struct connection *connections;		   /* all that are open */
	uint64_t		   connection_count;   /* how many */
	uint64_t		   last_connection_id; /* given to the newest */
	bool			   stopping;		   /* no new connections */
	bool			   ended;			   /* everything is closed or being closed */
	int				   exit_code;		   /* how to end */
};

/* Run until a signal or a hopeless error; returns the exit code. */
int loop_run(const struct options *options);

void loop_add_connection(struct loop *loop, struct connection *connection);
void loop_remove_connection(struct loop *loop, struct connection *connection);

#endif
