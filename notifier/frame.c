/*
 * frame.c
 *		One encoded websocket message, shared by all who receive it.
 */
#include "frame.h"

#include <stdint.h>
#include <stdlib.h>

#define FRAME_FINAL	   0x80 /* not fragmented */
#define LONGEST_HEADER 10

/* What is before the payload: the frame, and the header just before its first byte. */
#define BEFORE_PAYLOAD (sizeof(struct frame) + LONGEST_HEADER)

/* Write the length as RFC 6455 section 5.2 wants it; returns the header's size. */
static size_t
write_header(unsigned char *header, enum frame_kind kind, size_t length)
{
	const size_t length_bytes = length <= UINT16_MAX ? 2 : 8;

	header[0] = (unsigned char) (FRAME_FINAL | kind);
	if (length < 126)
	{
		header[1] = (unsigned char) length;
		return 2;
	}
	header[1] = length_bytes == 2 ? 126 : 127;
	for (size_t i = 0; i < length_bytes; i++)
		header[2 + i] = (unsigned char) (length >> (8 * (length_bytes - 1 - i)));
	return 2 + length_bytes;
}

void
frame_begin(struct buffer *payload, size_t expected)
{
	buffer_reserve(payload, BEFORE_PAYLOAD + expected);
	payload->length = BEFORE_PAYLOAD;
}

struct frame *
frame_end(enum frame_kind kind, struct buffer *payload)
{
	const size_t  length = payload->length - BEFORE_PAYLOAD;
	unsigned char header[LONGEST_HEADER];
	const size_t  header_length = write_header(header, kind, length);
	struct frame *frame = (struct frame *) payload->data;

	atomic_init(&frame->references, 1);
	frame->shared = false;
	frame->length = header_length + length;
	frame->bytes = (unsigned char *) payload->data + BEFORE_PAYLOAD - header_length;
	memcpy(frame->bytes, header, header_length);
	*payload = (struct buffer){0};
	return frame;
}

struct frame *
frame_new(enum frame_kind kind, struct slice payload)
{
	struct buffer bytes = {0};

	frame_begin(&bytes, payload.length);
	buffer_append(&bytes, payload);
	return frame_end(kind, &bytes);
}

/* A control frame's payload is at most 125 bytes; a longer reason is cut. */
struct frame *
frame_new_close(unsigned code, const char *reason)
{
	char   payload[125];
	size_t length = strnlen(reason, sizeof(payload) - 2);

	payload[0] = (char) (code >> 8);
	payload[1] = (char) code;
	memcpy(payload + 2, reason, length);
	return frame_new(FRAME_CLOSE, slice_of(payload, length + 2));
}

/* Add to the count; returns what it was.  Only what is shared needs the bus. */
static unsigned
count(struct frame *frame, unsigned change)
{
	unsigned before;

	if (frame->shared)
		return atomic_fetch_add_explicit(&frame->references, change, memory_order_acq_rel);
	before = atomic_load_explicit(&frame->references, memory_order_relaxed);
	atomic_store_explicit(&frame->references, before + change, memory_order_relaxed);
	return before;
}

struct frame *
frame_retain(struct frame *frame)
{
	count(frame, 1);
	return frame;
}

void
frame_release(struct frame *frame)
{
	if (frame != NULL && count(frame, -1U) == 1)
		free(frame);
}

void
frame_share(struct frame *frame)
{
	if (frame != NULL && !frame->shared)
		frame->shared = true;
}
