/*
 * buffer.h
 *		Bytes that grow while a message is put together.
 */
#ifndef HARTHIO_BUFFER_H
#define HARTHIO_BUFFER_H

#include <stddef.h>

#include "slice.h"

struct buffer
{
	char  *data;	 /* the bytes, or NULL while there are none */
	size_t length;	 /* how many are in use */
	size_t capacity; /* how many fit before it must grow */
};

void		 buffer_append_text(struct buffer *buffer, const char *text);
void		 buffer_append_json_string(struct buffer *buffer, struct slice text);
struct slice buffer_slice(const struct buffer *buffer);
void		 buffer_free(struct buffer *buffer);

/* Make room for so many more bytes; to grow is for when there is none. */
void buffer_grow(struct buffer *buffer, size_t more);

static inline void
buffer_reserve(struct buffer *buffer, size_t more)
{
	if (buffer->data == NULL || more > buffer->capacity - buffer->length)
		buffer_grow(buffer, more);
}

static inline void
buffer_append(struct buffer *buffer, struct slice bytes)
{
	buffer_reserve(buffer, bytes.length);
	if (bytes.length > 0)
		memcpy(buffer->data + buffer->length, bytes.data, bytes.length);
	buffer->length += bytes.length;
}

static inline void
buffer_append_byte(struct buffer *buffer, unsigned char byte)
{
	buffer_reserve(buffer, 1);
	buffer->data[buffer->length++] = (char) byte;
}

#endif
