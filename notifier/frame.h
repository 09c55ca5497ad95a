/*
 * frame.h
 *		One encoded websocket message, shared by all who receive it.
 *
 * A frame holds its websocket header too (a server's frames are not masked), so
 * its bytes go to any number of sockets as they are, and many frames can leave
 * in one write.  It never changes once it is made and is freed with its last
 * reference.  To count those is cheap while one loop has all of them; a frame
 * that others get is declared to be shared before.
 */
#ifndef HARTHIO_FRAME_H
#define HARTHIO_FRAME_H

#include <stdatomic.h>

#include "buffer.h"

/* The opcodes of RFC 6455. */
enum frame_kind
{
	FRAME_TEXT = 0x1,
	FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8,
	FRAME_PING = 0x9
};

struct frame
{
	atomic_uint	   references; /* whoever holds it; freed at zero */
	bool		   shared;	   /* more than one loop may hold it */
	size_t		   length;	   /* bytes, header included */
	unsigned char *bytes;	   /* header and payload, in the frame's own memory */
};

/*
 * The caller gets the first reference.  Most payloads are put together: begin in an
 * empty buffer, append, and at the end its memory is the frame's.  "expected" is how
 * much that will be, so that it need not grow.
 */
void		  frame_begin(struct buffer *payload, size_t expected);
struct frame *frame_end(enum frame_kind kind, struct buffer *payload);
struct frame *frame_new(enum frame_kind kind, struct slice payload);
struct frame *frame_new_close(unsigned code, const char *reason);
struct frame *frame_retain(struct frame *frame);
void		  frame_release(struct frame *frame);

/* Other loops will hold it too. */
void frame_share(struct frame *frame);

#endif
