/*
 * buffer.c
 *		Bytes that grow while a message is put together.
 */
#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>

#include "json_plain.h"
#include "memory.h"

#define BUFFER_FIRST_CAPACITY 256

void
buffer_grow(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity;

	if (capacity == 0)
		capacity = more > BUFFER_FIRST_CAPACITY ? more : BUFFER_FIRST_CAPACITY;
	while (capacity - buffer->length < more)
		capacity *= 2;
	buffer->data = memory_resize(buffer->data, capacity, 1);
	buffer->capacity = capacity;
}

void
buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, slice_text(text));
}

static void
append_escaped(struct buffer *buffer, unsigned char c)
{
	char escape[7] = {'\\', (char) c};

	if (c < 0x20)
		snprintf(escape, sizeof(escape), "\\u%04x", c);
	buffer_append_text(buffer, escape);
}

/* Append as a JSON string.  The text must be UTF-8; NUL may be in it. */
void
buffer_append_json_string(struct buffer *buffer, struct slice text)
{
	const char *at = text.length > 0 ? text.data : ""; /* not NULL, that is */
	const char *end = at + text.length;

	buffer_append_byte(buffer, '"');
	while (at < end)
	{
		const char *special = json_plain_skip(at, end);

		buffer_append(buffer, slice_of(at, (size_t) (special - at)));
		at = special;
		if (at < end && (unsigned char) *at >= 0x80)
			buffer_append_byte(buffer, (unsigned char) *at++);
		else if (at < end)
			append_escaped(buffer, (unsigned char) *at++);
	}
	buffer_append_byte(buffer, '"');
}

struct slice
buffer_slice(const struct buffer *buffer)
{
	return slice_of(buffer->data, buffer->length);
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}
