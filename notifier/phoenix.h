/*
 * phoenix.h
 *		The wire: what Phoenix and Supabase Realtime clients say and hear.
 *
 * Serializer 1.0.0 (one JSON object), 2.0.0 (one JSON array) and the binary
 * kinds 3 (a client's broadcast, in) and 4 (a broadcast, out).  Pure functions
 * over bytes: no socket, no clock, no state.
 *
 * What only passes through (ref, join_ref, payload) is kept as a raw slice of
 * JSON and sent back byte for byte.
 */
#ifndef HARTHIO_PHOENIX_H
#define HARTHIO_PHOENIX_H

#include "buffer.h"
#include "frame.h"
#include "slice.h"

enum phoenix_version
{
	PHOENIX_V1,
	PHOENIX_V2
};
#define PHOENIX_VERSIONS 2

/* The limit of the one-byte lengths in binary frames; we hold text to it too. */
#define PHOENIX_NAME_MAX ((size_t) 255)

struct phoenix_message
{
	struct slice  join_ref;	  /* JSON: a string, a number or null */
	struct slice  ref;		  /* JSON: a string, a number or null */
	struct slice  topic;	  /* decoded */
	struct slice  event;	  /* decoded */
	struct slice  payload;	  /* JSON; of kind 3, what is being broadcast */
	const char	 *unfit;	  /* why the payload may not be broadcast; NULL: it may */
	struct slice  said_event; /* JSON string: what the payload says is its event; no data: nothing */
	struct slice  user_event; /* decoded; only of kind 3, else no data */
	bool		  opaque;	  /* kind 3 whose payload is not JSON */
	bool		  persist;	  /* kind 3 that is to be stored */
	struct buffer decoded;	  /* holds what could not stay a slice */
};

/* What is broadcast, before it is encoded for anybody. */
struct phoenix_broadcast
{
	struct slice event;	  /* decoded; no data: payload is the whole message */
	struct slice payload; /* JSON object, or bytes when opaque */
	bool		 opaque;  /* only for those who understand kind 4 */
	struct slice meta;	  /* JSON object about the message; no data: none */
	struct slice id;	  /* of one that the database keeps; no data: it does not */
};

/*
 * Decode one message.  The slices point into the bytes given, or into the
 * message itself; free it in any case.  Returns NULL or what is wrong.
 */
const char *phoenix_decode_text(enum phoenix_version version, struct slice bytes,
								struct phoenix_message *message);
const char *phoenix_decode_binary(struct slice			  bytes,
								  struct phoenix_message *message);
void		phoenix_message_free(struct phoenix_message *message);

bool phoenix_is_null(struct slice json);

/*
 * Decode a JSON string.  Without a backslash it is a slice of the JSON; otherwise
 * the text goes into "decoded", whose memory must not move: the caller has
 * reserved room for all strings that it will decode.  False: it is none.
 */
bool phoenix_decode_string(struct slice json, struct buffer *decoded,
						   struct slice *text);

/*
 * May this message, if it is a broadcast, be given to others as it is?  Clients throw
 * inside their message handler at what they do not expect there, and an
 * exception can end a Node process: nobody may do that to his neighbours.
 * Nor may a client speak of events for which is_reserved(), unless that is NULL,
 * says that they are the server's.  Returns NULL, or what is wrong with it.
 */
const char *phoenix_check_broadcast(const struct phoenix_message *message,
									bool (*is_reserved)(struct slice event));

/* What is wrong with such an event. */
#define PHOENIX_EVENT_RESERVED "event of a broadcast is the server's own"

/* Each returns a frame with one reference, the caller's. */
struct frame *phoenix_encode_push(enum phoenix_version version,
								  struct slice join_ref, struct slice ref,
								  struct slice topic, const char *event,
								  struct slice payload);
struct frame *phoenix_encode_reply(enum phoenix_version version,
								   struct slice join_ref, struct slice ref,
								   struct slice topic, bool ok,
								   struct slice response);
struct frame *phoenix_encode_broadcast(enum phoenix_version			   version,
									   struct slice					   topic,
									   const struct phoenix_broadcast *broadcast);

/* Release those that there are, of one message for each version. */
void phoenix_release(struct frame *const frames[PHOENIX_VERSIONS]);

#endif
