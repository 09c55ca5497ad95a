/*
 * limiter.h
 *		Who asks for more than the limits allow?
 *
 * A rate is an average: a burst of twice as many as it allows in a second is let
 * through.  Whoever is refused is told so by the caller, if he was not told too often
 * lately: twice what is allowed in a second, and a quarter of it a second.
 *
 * Each event loop has a limiter; what limits all clients together is in one place
 * for all loops.
 */
#ifndef HARTHIO_LIMITER_H
#define HARTHIO_LIMITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "hash_map.h"
#include "limit_options.h"

/* What can be refused. */
enum limit
{
	LIMIT_CONNECTIONS,
	LIMIT_ADDRESS,
	LIMIT_SUBJECT,
	LIMIT_CHANNELS,
	LIMIT_JOINS,
	LIMIT_MESSAGES,
	LIMIT_PRESENCE_CALLS,
	LIMIT_MESSAGE_BYTES,
	LIMIT_PAYLOAD_BYTES,
	LIMIT_PRESENCE_BYTES,
	LIMIT_PRESENCES,
	LIMIT_QUEUE,
	LIMIT_COUNT
};

/* What has a rate. */
enum rate_kind
{
	RATE_JOINS,
	RATE_MESSAGES,
	RATE_PRESENCE_CALLS,
	RATE_COUNT
};

/* A bucket that leaks; empty when zeroed. */
struct rate
{
	double	 level; /* what is in it */
	uint64_t at;	/* when that was, in milliseconds */
};

/* How many connections share a name. */
struct tally
{
	struct hash_entry entry; /* in the map, by name */
	char			 *name;	 /* its bytes */
	uint64_t		  count; /* at least one */
};

/* All connections by one kind of name. */
struct tallies
{
	uv_mutex_t		lock; /* for the map and the counts */
	struct hash_map map;  /* struct tally */
};

/* What the connections of all loops share. */
struct limiter_totals
{
	uv_mutex_t		 lock;				/* for the rates */
	struct rate		 rates[RATE_COUNT]; /* of those that are limited in all */
	struct tallies	 addresses;			/* by address */
	struct tallies	 subjects;			/* by subject of a token */
	_Atomic uint64_t connections;		/* how many there are */
};

struct limiter
{
	struct limits		   limits;				 /* what the operator decided */
	struct limiter_totals *totals;				 /* of all loops */
	uint64_t			   refused[LIMIT_COUNT]; /* how often, since the start */
};

void limiter_totals_init(struct limiter_totals *totals, const struct hash_key *secret);
void limiter_totals_free(struct limiter_totals *totals);
void limiter_init(struct limiter *limiter, const struct limits *limits,
				  struct limiter_totals *totals);

/* The limit's name, for logs and metrics. */
const char *limit_name(enum limit limit);

/*
 * May "count" more happen now, by a connection with these rates of its own (NULL:
 * none)?  If so they are taken from both budgets.
 */
bool limiter_take(struct limiter *limiter, struct rate own[RATE_COUNT],
				  enum rate_kind kind, uint64_t count, uint64_t now);

/*
 * It was not given what it asked for.  May it be told so, as it asks for too much
 * only now and then, or was it told too often?  Whoever asks in vain because of
 * what others take is always told.
 */
bool limiter_may_tell(struct limiter *limiter, struct rate own[RATE_COUNT],
					  struct rate *refusals, enum rate_kind kind, uint64_t now);

/*
 * How much of a budget of all connections together is used now, and of how much
 * in a second; false: it has no limit.
 */
bool limiter_budget(struct limiter *limiter, enum rate_kind kind, uint64_t now,
					uint64_t *used, uint64_t *per_second);

/* One more of this name; NULL if there are "most" already (0: no limit). */
struct tally *tally_enter(struct tallies *tallies, struct slice name, uint64_t most);
void		  tally_leave(struct tallies *tallies, struct tally *tally);

/*
 * One more connection, from this address; NULL, and counted, if there are as many as
 * there may be in all or from there.  It gives its place back when it leaves.
 */
struct tally *limiter_enter(struct limiter *limiter, struct slice address);
void		  limiter_leave(struct limiter *limiter, struct tally *place);

#endif
