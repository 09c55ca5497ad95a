/*
 * unit_phoenix.c
 *		Does the wire read what clients say, and say what they read?
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phoenix.h"

static bool
is(struct slice slice, const char *text)
{
	return slice_equal(slice, slice_text(text));
}

static bool
refused(enum phoenix_version version, const char *text)
{
	struct phoenix_message message;
	const char			  *wrong = phoenix_decode_text(version, slice_text(text), &message);

	phoenix_message_free(&message);
	return wrong != NULL;
}

static void
check_message(enum phoenix_version version, const char *text, const char *join_ref,
			  const char *ref, const char *topic, const char *event, const char *payload)
{
	struct phoenix_message message;

	CHECK(phoenix_decode_text(version, slice_text(text), &message) == NULL);
	CHECK(is(message.join_ref, join_ref));
	CHECK(is(message.ref, ref));
	CHECK(is(message.topic, topic));
	CHECK(is(message.event, event));
	CHECK(is(message.payload, payload));
	phoenix_message_free(&message);
}

static void
test_decode_text(void)
{
	check_message(PHOENIX_V2, "[\"6\",\"7\",\"realtime:a\",\"phx_join\",{\"a\" : 1}]",
				  "\"6\"", "\"7\"", "realtime:a", "phx_join", "{\"a\" : 1}");
	check_message(PHOENIX_V2, " [ null , 8 , \"phoenix\" , \"heartbeat\" , {} , 1, 2 ] ",
				  "null", "8", "phoenix", "heartbeat", "{}");
	check_message(PHOENIX_V2, "[\"\\u0036\",null,\"re\\u0061l\\n\",\"\\u00e9\\ud83c\\udfa5\",[]]",
				  "\"\\u0036\"", "null", "real\n", "\xc3\xa9\xf0\x9f\x8e\xa5", "[]");
	check_message(PHOENIX_V1, "{\"topic\":\"t\",\"event\":\"e\",\"payload\":{\"x\":[]},\"ref\":\"3\",\"join_ref\":\"2\"}",
				  "\"2\"", "\"3\"", "t", "e", "{\"x\":[]}");
	check_message(PHOENIX_V1, "{\"ref\":1,\"other\":{},\"event\":\"e\",\"topic\":\"t\",\"topic\":\"u\"}",
				  "null", "1", "u", "e", "{}");
	CHECK(refused(PHOENIX_V1, "[null,null,\"t\",\"e\",{}]"));
	CHECK(refused(PHOENIX_V2, "{\"topic\":\"t\",\"event\":\"e\"}"));
	CHECK(refused(PHOENIX_V1, "{\"topic\":\"t\"}"));
	CHECK(refused(PHOENIX_V1, "{\"topic\":\"t\",\"event\":\"e\"} x"));
	CHECK(refused(PHOENIX_V2, "[null,null,\"t\",\"e\"]"));
	CHECK(refused(PHOENIX_V2, "[true,null,\"t\",\"e\",{}]"));
	CHECK(refused(PHOENIX_V2, "[null,{},\"t\",\"e\",{}]"));
	CHECK(refused(PHOENIX_V2, "[null,null,1,\"e\",{}]"));
	CHECK(refused(PHOENIX_V2, "[null,null,\"\\udc00\",\"e\",{}]"));
	CHECK(refused(PHOENIX_V2, ""));
}

/* The frames that the protocol's page shows as captured. */
static void
test_decode_binary(void)
{
	static const char	   captured[] = "\x03\x01\x01\x13\x02\x00\x01"
										"67realtime:topic:roomhi{\"n\":1,\"\xc3\xa9\":\"\xc3\xbc\"}";
	static const char	   opaque[] = "\x03\x01\x01\x13\x03\x00\x00"
									  "67realtime:topic:roombin\x01\x02\xff\x00";
	struct phoenix_message message;
	bool				   all = true;

	CHECK(phoenix_decode_binary(slice_of(captured, sizeof(captured) - 1), &message) == NULL);
	CHECK(is(message.join_ref, "\"6\"") && is(message.ref, "\"7\""));
	CHECK(is(message.topic, "realtime:topic:room") && is(message.event, "broadcast"));
	CHECK(is(message.user_event, "hi") && !message.opaque);
	CHECK(is(message.payload, "{\"n\":1,\"\xc3\xa9\":\"\xc3\xbc\"}"));
	phoenix_message_free(&message);

	CHECK(phoenix_decode_binary(slice_of(opaque, sizeof(opaque) - 1), &message) == NULL);
	CHECK(message.opaque && is(message.user_event, "bin") && message.payload.length == 4);
	phoenix_message_free(&message);

	for (size_t length = 0; length < sizeof(captured) - 1; length++)
	{
		char *cut = malloc(length + 1);

		memcpy(cut, captured, length);
		all = phoenix_decode_binary(slice_of(cut, length), &message) != NULL && all;
		phoenix_message_free(&message);
		free(cut);
	}
	CHECK(all);
}

/* Does the frame hold this text, after a header of two or four bytes? */
static bool
says(struct frame *frame, const char *text)
{
	const size_t length = strlen(text);
	const size_t header = length < 126 ? 2 : 4;
	const bool	 same = frame->length == header + length &&
					  memcmp(frame->bytes + header, text, length) == 0;

	frame_release(frame);
	return same;
}

static void
test_encode(void)
{
	const struct phoenix_broadcast whole = {.payload = SLICE("{ \"event\":\"e\" }")};
	const struct phoenix_broadcast parts = {.event = SLICE("h\"i"), .payload = SLICE("[1]")};
	const struct phoenix_broadcast bytes = {
		.event = SLICE("bin"), .payload = SLICE("\x01\x02\xff\x00"), .opaque = true};
	struct frame *frame;

	CHECK(says(phoenix_encode_reply(PHOENIX_V2, SLICE("\"6\""), SLICE("\"7\""), SLICE("t\x01"), true, SLICE("{}")),
			   "[\"6\",\"7\",\"t\\u0001\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]"));
	CHECK(says(phoenix_encode_reply(PHOENIX_V1, SLICE("\"6\""), SLICE("7"), SLICE("t"), false, SLICE("{\"reason\":\"x\"}")),
			   "{\"ref\":7,\"topic\":\"t\",\"event\":\"phx_reply\",\"payload\":{\"status\":\"error\",\"response\":{\"reason\":\"x\"}}}"));
	CHECK(says(phoenix_encode_push(PHOENIX_V2, SLICE("\"6\""), SLICE("null"), SLICE("t"), "system", SLICE("{}")),
			   "[\"6\",null,\"t\",\"system\",{}]"));
	CHECK(says(phoenix_encode_broadcast(PHOENIX_V2, SLICE("t"), &whole),
			   "[null,null,\"t\",\"broadcast\",{ \"event\":\"e\" }]"));
	CHECK(says(phoenix_encode_broadcast(PHOENIX_V1, SLICE("t"), &parts),
			   "{\"ref\":null,\"topic\":\"t\",\"event\":\"broadcast\",\"payload\":"
			   "{\"type\":\"broadcast\",\"event\":\"h\\\"i\",\"payload\":[1]}}"));
	frame = phoenix_encode_broadcast(PHOENIX_V2, SLICE("realtime:topic:room"), &bytes);
	CHECK(frame->bytes[0] == 0x82);
	CHECK(slice_equal(slice_of((char *) frame->bytes + 2, frame->length - 2),
					  SLICE("\x04\x13\x03\x00\x00realtime:topic:roombin\x01\x02\xff\x00")));
	frame_release(frame);
}

static bool
is_mine(struct slice event)
{
	return slice_equal(event, SLICE("mine"));
}

/* What is wrong with a broadcast of this payload?  Both serializers must agree. */
static const char *
check_payload(const char *payload, bool (*is_reserved)(struct slice event))
{
	static const char *const envelopes[PHOENIX_VERSIONS] = {
		[PHOENIX_V1] = "{\"event\":\"broadcast\",\"payload\": %s ,\"topic\":\"t\"}",
		[PHOENIX_V2] = "[null,null,\"t\",\"broadcast\", %s ]",
	};
	const char *wrong[PHOENIX_VERSIONS];

	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		struct phoenix_message message;
		char				   text[256];

		snprintf(text, sizeof(text), envelopes[version], payload);
		CHECK(phoenix_decode_text(version, slice_text(text), &message) == NULL);
		CHECK(is(message.payload, payload));
		wrong[version] = phoenix_check_broadcast(&message, is_reserved);
		phoenix_message_free(&message);
	}
	CHECK(wrong[PHOENIX_V1] == wrong[PHOENIX_V2]);
	return wrong[PHOENIX_V2];
}

static void
test_reserved_events(void)
{
	CHECK(check_payload("{\"event\":\"yours\"}", is_mine) == NULL);
	CHECK(check_payload("{\"payload\":{\"event\":\"mine\"}}", is_mine) == NULL);
	CHECK(check_payload("{\"event\":\"mine\"}", is_mine) != NULL);
	CHECK(check_payload("{\"event\":\"m\\u0069ne\"}", is_mine) != NULL);
	CHECK(check_payload("{\"event\":\"mine\",\"event\":\"yours\"}", is_mine) != NULL);
	CHECK(check_payload("{\"event\":\"\\ud800\"}", is_mine) != NULL);
}

static void
test_check_broadcast(void)
{
	static const char *const fine[] = {"{}", "{\"event\":\"e\"}", "{\"payload\":{\"ids\":1,\"event\":5}}", "{\"type\":5}"};
	static const char *const wrong[] = {"null", "[]", "\"x\"", "5", "{\"event\":5}", "{\"ids\":[]}",
										"{\"\\u0069ds\":[]}", "{\"e\\u0076ent\":null}", "{\"\\ud800\":1}",
										"{\"event\":\"a\",\"e\\u0076ent\":\"b\"}"};

	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		CHECK(check_payload(fine[i], NULL) == NULL);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(check_payload(wrong[i], NULL) != NULL);
}

void
test_phoenix(void)
{
	test_decode_text();
	test_decode_binary();
	test_encode();
	test_check_broadcast();
	test_reserved_events();
}
