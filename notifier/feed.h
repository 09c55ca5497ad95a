/*
 * feed.h
 *		Broadcasts of the database: new rows of realtime.messages.
 *
 * compat/harthio_realtime.sql makes each row say which transaction wrote it, so
 * a snapshot of the database tells rows that were read from rows that were not:
 * whatever notification is lost and however transactions overlap, each row is
 * found once, in the first read after its commit.
 *
 * This is what to ask and what to make of the answers; the listener asks.
 */
#ifndef HARTHIO_FEED_H
#define HARTHIO_FEED_H

#include <libpq-fe.h>

#include "hub.h"
#include "limit_options.h"

/* Is the table there for us, and what is committed by now? */
extern const char feed_find[];

/* $1 the snapshot of the last read.  Its results are binary. */
extern const char feed_read[];

/* What nobody will ask for any more. */
extern const char feed_delete[];

struct feed
{
	struct hub			*hub;			/* whom we tell */
	const struct limits *limits;		/* of what we send */
	bool				 here;			/* the table is there */
	char				*snapshot;		/* what was committed at the last read; NULL: none yet */
	char				*next_snapshot; /* and at the one under way */
	uint64_t			 deleted_at;	/* loop time, milliseconds */
	bool				 deleted_all;	/* there was no more to delete */
};

void feed_free(struct feed *feed);

/* The answers.  Rows may come in parts; after the last the read is done. */
void feed_take_find(struct feed *feed, const PGresult *result);
void feed_take_rows(struct feed *feed, const PGresult *result);
void feed_read_done(struct feed *feed);
void feed_take_deleted(struct feed *feed, const PGresult *result);

/* Is it time to delete some? */
bool feed_delete_due(struct feed *feed, uint64_t now);

#endif
