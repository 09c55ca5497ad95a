/*
 * connection.h
 *		One client: what it sends, what waits to be sent to it, how it ends.
 *
 * Everything that is sent goes through connection_send(), which queues a
 * reference; bytes leave once a turn of the loop, in connection_flush(), or, if
 * the socket was full, when it takes some again.  A connection is freed in
 * one place, when its socket is gone, so nobody loses one under his hands:
 * connection_close() only begins the end.
 */
#ifndef HARTHIO_CONNECTION_H
#define HARTHIO_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "frame.h"
#include "hash_map.h"
#include "limiter.h"
#include "list.h"
#include "phoenix.h"
#include "shared_text.h"

struct lws;
struct loop;

/* Close codes of RFC 6455 and IANA's registry that we use. */
#define CLOSE_PROTOCOL	1002
#define CLOSE_NOT_TEXT	1007
#define CLOSE_TOO_BIG	1009
#define CLOSE_RESTART	1012
#define CLOSE_TRY_LATER 1013
#define CLOSE_CODES_END 5000 /* there are none from here on */

/* What one write takes at most, if it is more than one frame. */
#define CONNECTION_WRITE_BYTES 32768

enum connection_state
{
	CONNECTION_OPEN,
	CONNECTION_CLOSING /* hears nothing more; sends its queue, of which
								 * the last is a close frame, and waits for the
								 * peer's */
};

/* What each tick and each frame look at comes first, together. */
struct connection
{
	struct connection	 *next;			   /* in the loop's list */
	struct loop			 *loop;			   /* whose we are */
	uint64_t			  heard_at;		   /* loop time, milliseconds: when the client last
											* said anything */
	double				  next_expiry;	   /* no token of ours ends before; 0: none */
	enum connection_state state;		   /* changed by connection_close() alone */
	enum phoenix_version  version;		   /* serializer that was asked for */
	bool				  pinged;		   /* it was asked since whether it is there */
	bool				  awaits_feed;	   /* some channel does */
	bool				  realtime_js;	   /* understands kind 4 */
	bool				  writeable_asked; /* a writeable callback is on its way */
	uint32_t			  queue_capacity;  /* slots of the ring, a power of two */
	struct frame		**queue;		   /* ring of frames to be sent; mostly one is enough */
	uint32_t			  queue_head;	   /* slot of the oldest frame */
	uint32_t			  queue_count;	   /* frames that wait */
	size_t				  queue_bytes;	   /* and their bytes */
	struct frame		 *queue_one;	   /* the ring of one slot */
	struct list_link	  unsent;		   /* in the loop's list */
	struct lws			 *wsi;			   /* our socket, as libwebsockets knows it */
	uint64_t			  messages_out;	   /* counters for the closing line */
	uint64_t			  bytes_out;
	uint64_t			  messages_in;
	uint64_t			  bytes_in;
	struct hash_map		  channels; /* struct channel, by topic */
	struct list_link	  unread;	/* in the loop's list */
	struct list_link	  resting;	/* in the loop's list */
	struct buffer		  incoming; /* the message so far, if it is in pieces */

	struct rate			rates[RATE_COUNT]; /* what of its own rates is used */
	struct rate			refusals;		   /* how often it asked for more lately */
	uint64_t			rests_until;	   /* loop time at which it is read again */
	uint32_t			malformed;		   /* more counters */
	uint32_t			refused;		   /* because of a limit */
	unsigned			limits_logged;	   /* bits: limits whose refusal is in the log */
	unsigned			close_code;		   /* ours or the peer's; 0: no close frame */
	const char		   *close_reason;	   /* why, if we close; a literal */
	uint64_t			close_deadline;	   /* loop time at which patience ends */
	struct connection  *previous;		   /* in the loop's list */
	struct tally	   *place;			   /* among the connections, with others of its address */
	struct tally	   *subject;		   /* the others of its subject; NULL: no one's */
	struct shared_text *apikey;			   /* from the URL or a header; NULL: none */
	uint64_t			id;				   /* for the log; never used twice */
	uint64_t			opened_at;		   /* loop time, milliseconds */
};

struct connection *connection_new(struct loop *loop, struct lws *wsi,
								  enum phoenix_version version);
void			   connection_free(struct connection *connection);

/*
 * The connection asked for more than this limit allows: count it, and log the
 * first time.  The caller tells the client.
 */
void connection_refuse(struct connection *connection, enum limit limit);

/*
 * Is there room for one more of this rate?  If not, it was refused; and if that
 * happens too often, nothing more is read of it for a while.
 */
bool connection_take(struct connection *connection, enum rate_kind kind);

/* It acts as this subject from now on.  False: that has too many connections. */
bool connection_set_subject(struct connection *connection, const char *subject);

/* Some bytes of a message came in; "rest" more of its frame are to come. */
void connection_receive(struct connection *connection, struct slice bytes, size_t rest,
						bool final, bool binary);

/* It is there: it sent something, and be it the answer to a ping. */
void connection_heard(struct connection *connection);

/* Queue a frame; the caller keeps its own reference. */
void connection_send(struct connection *connection, struct frame *frame);

/* The same, and give up the caller's reference. */
void connection_send_take(struct connection *connection, struct frame *frame);

/* Send what waits, as much as the socket takes. */
void connection_flush(struct connection *connection);

/* The socket takes bytes again. */
void connection_writeable(struct connection *connection);

void connection_close(struct connection *connection, unsigned code,
					  const char *reason);

/* The peer's close frame is there. */
void connection_peer_closed(struct connection *connection, unsigned code);

/* It is read again. */
void connection_wake(struct connection *connection);

/* Called once a second: what has run out? */
void connection_tick(struct connection *connection);

#endif
