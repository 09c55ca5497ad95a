/*
 * loops.h
 *		All event loops of the process, and what it has once.
 *
 * Each loop runs in a thread of its own; the first one is main's.  That one has
 * besides what there is once: signals, the service manager, the listening sockets,
 * the health checks.  It gives each new client to the loop that has the fewest
 * sockets, tells the others to reload and to stop, and ends last.
 *
 * Loops share what is marked so here; otherwise they only write letters.
 */
#ifndef HARTHIO_LOOPS_H
#define HARTHIO_LOOPS_H

#include <stdbool.h>
#include <uv.h>

#include "acceptor.h"
#include "configuration.h"
#include "limiter.h"
#include "registry.h"
#include "systemd.h"

struct loop;

struct loops
{
	/* Shared: never changed while loops run. */
	unsigned					count;			/* how many loops there are */
	struct loop				   *all[LOOPS_MAX]; /* those */
	const struct option_flags  *flags;			/* what the command line said */
	const struct configuration *started;		/* what we started with */
	struct hash_key				hash_key;		/* random; for all hash maps */

	/* Shared, with locks of their own. */
	struct registry		 *registry; /* who is in which topic; NULL: there is one loop */
	struct limiter_totals totals;	/* what limits all clients together */

	/* The first loop's alone. */
	uv_thread_t		threads[LOOPS_MAX]; /* of the others */
	unsigned		started_count;		/* loops whose thread runs */
	uv_signal_t		terminate;			/* SIGTERM */
	uv_signal_t		interrupt;			/* SIGINT */
	uv_signal_t		hangup;				/* SIGHUP */
	uv_timer_t		tick;				/* for what is not worth a timer */
	struct systemd	systemd;			/* the service manager */
	bool			told_ready;			/* and so was it */
	struct acceptor acceptor;			/* the listening socket for clients */
	struct acceptor internal;			/* the one for metrics and health */
	unsigned		last;				/* loop that got the last socket */
	unsigned		reloading;			/* loops that have not followed yet */
	bool			reload_again;		/* SIGHUP came meanwhile */
	unsigned		running;			/* loops that are not done */
	bool			stopping;			/* no new connections */
	int				exit_code;			/* how to end */
};

/* Run until a signal or a hopeless error; returns the exit code. */
int loops_run(const struct configuration *configuration, const struct option_flags *flags);

/* From any loop: it is no use. */
void loops_hopeless(struct loop *loop, int exit_code, const char *reason);

/* From any loop: it has no connections any more, or has cut them. */
void loops_done(struct loop *loop);

#endif
