/*
 * fuzz.c
 *		What the fuzz targets share: checks, and ways to look at an input.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

void
fuzz_ignore(void *owner)
{
	(void) owner;
}

bool
fuzz_is_inside(struct slice part, struct slice whole)
{
	return part.data >= whole.data && part.length <= whole.length &&
		   (size_t) (part.data - whole.data) <= whole.length - part.length;
}

struct slice
fuzz_take_line(struct slice *input)
{
	const char	*end = memchr(input->data, '\n', input->length);
	const size_t length = end != NULL ? (size_t) (end - input->data) : input->length;
	const size_t used = end != NULL ? length + 1 : length;
	struct slice line = slice_of(input->data, length);

	*input = slice_of(input->data + used, input->length - used);
	return line;
}

uint64_t
fuzz_take_bits(struct slice *input, size_t bytes)
{
	const size_t used = bytes < input->length ? bytes : input->length;
	uint64_t	 bits = 0;

	memcpy(&bits, input->data, used);
	*input = slice_of(input->data + used, input->length - used);
	return bits;
}

double
fuzz_take_double(struct slice *input)
{
	const uint64_t bits = fuzz_take_bits(input, sizeof(bits));
	double		   value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

json_t *
fuzz_json(struct slice text, json_error_t *error)
{
	if (memchr(text.data, '\0', text.length) != NULL)
		return NULL;
	return json_loadb(text.data, text.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

struct slice
fuzz_string(const json_t *value)
{
	return slice_of(json_string_value(value), json_string_length(value));
}

struct slice
fuzz_payload(const struct frame *frame, enum frame_kind kind)
{
	const unsigned char *bytes = frame->bytes;
	size_t				 length_bytes = 0;
	uint64_t			 length = bytes[1];

	CHECK(bytes[0] == (0x80 | kind));
	if (bytes[1] >= 126)
	{
		length_bytes = bytes[1] == 126 ? 2 : 8;
		length = 0;
		for (size_t i = 0; i < length_bytes; i++)
			length = length << 8 | bytes[2 + i];
		CHECK(length > (bytes[1] == 126 ? 125 : UINT16_MAX));
	}
	CHECK(frame->length == 2 + length_bytes + length);
	return slice_of((const char *) bytes + 2 + length_bytes, length);
}
