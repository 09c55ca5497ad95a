/*
 * client.h
 *		The connections of the load: they open, join, publish and hear.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdint.h>

#include "bytes.h"
#include "dialect.h"
#include "tally.h"

#define STAMP_MAX 64

/* Where a delivery's time is: so many digits after these bytes. */
struct stamp
{
	const char *before;
	size_t		digits;
	uint64_t	unit_us; /* what the last digit counts */
};

struct client
{
	int			 fd;
	bool		 publisher;
	bool		 upgraded;
	bool		 joining;		  /* the joins were sent */
	bool		 waiting;		  /* the socket takes nothing now */
	unsigned	 first_topic;	  /* of those that it joins */
	unsigned	 topic_step;	  /* from one to the next */
	unsigned	 topics;		  /* how many */
	unsigned	 joins_left;	  /* answers that are to come */
	struct bytes in;			  /* what came until it was ready */
	struct bytes out;			  /* what the socket did not take */
	char		 tail[STAMP_MAX]; /* what may be the beginning of a stamp */
	size_t		 tail_length;
};

struct crowd
{
	const struct dialect *dialect;
	const char			 *prefix; /* of topics: before the number */
	struct stamp		  stamp;
	int					  port;
	int					  epoll;
	uint64_t			  opened;
	uint64_t			  ready;	 /* of those: joined */
	uint64_t			  delivered; /* since the beginning */
	struct tally		  tally;	 /* since it was cleared */
};

void crowd_init(struct crowd *crowd);

/* Begin to open one; it counts as ready when all its joins were answered. */
void client_open(struct crowd *crowd, struct client *client);

/* To be flushed after some. */
void client_publish(struct crowd *crowd, struct client *client, unsigned topic,
					const char *text, size_t length);
void client_flush(struct crowd *crowd, struct client *client);

/* Wait so long for something to happen, and deal with it. */
void crowd_turn(struct crowd *crowd, uint64_t timeout_us);

#endif
