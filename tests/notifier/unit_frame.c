/*
 * unit_frame.c
 *		Does a frame begin with the header that RFC 6455 wants?
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"

static void
check_header(size_t payload_length, const char *header, size_t header_length)
{
	char		 *payload = calloc(1, payload_length + 1);
	struct frame *frame = frame_new(FRAME_TEXT, slice_of(payload, payload_length));

	CHECK(frame->length == header_length + payload_length);
	CHECK(memcmp(frame->bytes, header, header_length) == 0);
	frame_release(frame);
	free(payload);
}

void
test_frame(void)
{
	struct frame *frame;
	char		  reason[200];

	check_header(0, "\x81\x00", 2);
	check_header(125, "\x81\x7d", 2);
	check_header(126, "\x81\x7e\x00\x7e", 4);
	check_header(65535, "\x81\x7e\xff\xff", 4);
	check_header(65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);

	frame = frame_new_close(1012, "bye");
	CHECK(frame->length == 7 && memcmp(frame->bytes, "\x88\x05\x03\xf4"
													 "bye",
									   7) == 0);
	CHECK(frame_retain(frame) == frame && frame->references == 2);
	frame_release(frame);
	frame_release(frame);

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	frame = frame_new_close(1000, reason);
	CHECK(frame->length == 2 + 125);
	frame_release(frame);
}
