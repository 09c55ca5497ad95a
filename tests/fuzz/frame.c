/*
 * frame.c
 *		Websocket messages: "1" and a text of serializer 1.0.0, "2" and one of
 *		2.0.0, or "b" and a binary message.
 *
 * What is accepted says the same as a parser that is not ours finds in it, and
 * what we make of it for others is read again as the same.
 */
#include "fuzz.h"
#include "json_scan.h"
#include "phoenix.h"
#include "session_state.h"

static void
check_read(enum phoenix_version version, struct slice bytes,
		   const struct phoenix_message *wanted)
{
	struct phoenix_message message;
	const char			  *wrong = phoenix_decode_text(version, bytes, &message);

	CHECK(wrong == NULL);
	CHECK(slice_equal(message.topic, wanted->topic));
	CHECK(slice_equal(message.event, wanted->event));
	CHECK(slice_equal(message.ref, wanted->ref));
	CHECK(slice_equal(message.payload, wanted->payload));
	phoenix_message_free(&message);
}

/* The same message, sent on in both versions. */
static void
check_push(const struct phoenix_message *message)
{
	char event[16 * PHOENIX_NAME_MAX + 1];

	if (memchr(message->event.data, '\0', message->event.length) != NULL)
		return;
	memcpy(event, message->event.data, message->event.length);
	event[message->event.length] = '\0';
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		struct frame *frame = phoenix_encode_push(version, message->join_ref, message->ref,
												  message->topic, event, message->payload);

		check_read(version, fuzz_payload(frame, FRAME_TEXT), message);
		frame_release(frame);
	}
}

static void
check_reply(const struct phoenix_message *message)
{
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		struct frame		  *frame = phoenix_encode_reply(version, message->join_ref, message->ref,
															message->topic, true, message->payload);
		struct phoenix_message reply;
		struct slice		   bytes = fuzz_payload(frame, FRAME_TEXT);

		CHECK(phoenix_decode_text(version, bytes, &reply) == NULL);
		CHECK(slice_equal(reply.ref, message->ref));
		CHECK(slice_equal(reply.topic, message->topic));
		CHECK(slice_equal(reply.event, SLICE("phx_reply")));
		phoenix_message_free(&reply);
		frame_release(frame);
	}
}

/* A client's own envelope goes out as it came; it must not throw at anybody. */
static void
check_broadcast(const struct phoenix_message *message)
{
	const struct phoenix_broadcast broadcast = {.payload = message->payload};
	struct phoenix_message		   wanted = *message;
	json_t						  *payload;
	json_t						  *event;

	if (phoenix_check_broadcast(message, session_state_is_event) != NULL)
		return;
	CHECK(phoenix_check_broadcast(message, NULL) == NULL);
	payload = fuzz_json(message->payload, NULL);
	event = json_object_get(payload, "event");
	CHECK(payload == NULL || json_is_object(payload));
	CHECK(json_object_get(payload, "ids") == NULL);
	CHECK(event == NULL || json_is_string(event));
	CHECK(event == NULL || !session_state_is_event(fuzz_string(event)));
	json_decref(payload);

	wanted.ref = SLICE("null");
	wanted.event = SLICE("broadcast");
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		struct frame *frame = phoenix_encode_broadcast(version, message->topic, &broadcast);

		check_read(version, fuzz_payload(frame, FRAME_TEXT), &wanted);
		frame_release(frame);
	}
}

/* A string, a number or null, as it came or as the default. */
static void
check_ref(struct slice ref, struct slice bytes, struct slice decoded)
{
	json_t *value = fuzz_json(ref, NULL);

	CHECK(json_scan_valid(ref));
	CHECK(value == NULL || json_is_string(value) || json_is_number(value) || json_is_null(value));
	CHECK(fuzz_is_inside(ref, bytes) || fuzz_is_inside(ref, decoded) || phoenix_is_null(ref));
	json_decref(value);
}

/* The same parts by another parser.  In an object it also knows escaped keys. */
static void
check_parts(enum phoenix_version version, struct slice bytes,
			const struct phoenix_message *message)
{
	json_t		*whole = fuzz_json(bytes, NULL);
	const bool	 is_array = version == PHOENIX_V2;
	json_t		*topic = is_array ? json_array_get(whole, 2) : json_object_get(whole, "topic");
	json_t		*event = is_array ? json_array_get(whole, 3) : json_object_get(whole, "event");
	json_t		*payload = is_array ? json_array_get(whole, 4) : json_object_get(whole, "payload");
	json_t		*found = fuzz_json(message->payload, NULL);
	struct slice decoded = buffer_slice(&message->decoded);

	CHECK(fuzz_is_inside(message->topic, bytes) || fuzz_is_inside(message->topic, decoded));
	CHECK(fuzz_is_inside(message->event, bytes) || fuzz_is_inside(message->event, decoded));
	CHECK(fuzz_is_inside(message->payload, bytes) || slice_equal(message->payload, SLICE("{}")));
	if (whole != NULL && (is_array || memchr(bytes.data, '\\', bytes.length) == NULL))
	{
		CHECK(slice_equal(message->topic, fuzz_string(topic)));
		CHECK(slice_equal(message->event, fuzz_string(event)));
		CHECK(payload == NULL || json_equal(payload, found));
	}
	json_decref(found);
	json_decref(whole);
}

static void
test_text(enum phoenix_version version, struct slice bytes)
{
	struct phoenix_message message;

	if (phoenix_decode_text(version, bytes, &message) == NULL)
	{
		CHECK(utf8_valid(bytes));
		CHECK(message.user_event.data == NULL && !message.opaque);
		check_ref(message.join_ref, bytes, (struct slice){0});
		check_ref(message.ref, bytes, (struct slice){0});
		check_parts(version, bytes, &message);
		check_push(&message);
		check_reply(&message);
		check_broadcast(&message);
	}
	phoenix_message_free(&message);
}

/* Kind 4, taken apart as realtime-js does it. */
static void
check_kind_4(struct slice bytes, const struct phoenix_message *message)
{
	const unsigned char *header = (const unsigned char *) bytes.data;
	const size_t		 topic = header[1];
	const size_t		 event = header[2];

	CHECK(bytes.length == 5 + topic + event + message->payload.length);
	CHECK(header[0] == 4 && header[3] == 0 && header[4] == 0);
	CHECK(slice_equal(slice_of(bytes.data + 5, topic), message->topic));
	CHECK(slice_equal(slice_of(bytes.data + 5 + topic, event), message->user_event));
	CHECK(slice_equal(slice_of(bytes.data + 5 + topic + event, message->payload.length),
					  message->payload));
}

/* JSON goes out as text, with the event and the payload in an envelope. */
static void
check_envelope(struct slice bytes, const struct phoenix_message *message)
{
	struct phoenix_message read;
	json_t				  *envelope;

	CHECK(phoenix_decode_text(PHOENIX_V2, bytes, &read) == NULL);
	CHECK(slice_equal(read.topic, message->topic));
	envelope = fuzz_json(read.payload, NULL);
	if (envelope != NULL)
	{
		json_t *payload = fuzz_json(message->payload, NULL);

		CHECK(slice_equal(fuzz_string(json_object_get(envelope, "event")), message->user_event));
		CHECK(json_equal(json_object_get(envelope, "payload"), payload));
		json_decref(payload);
	}
	json_decref(envelope);
	phoenix_message_free(&read);
}

static void
test_binary(struct slice bytes)
{
	struct phoenix_message	 message;
	struct phoenix_broadcast broadcast;
	struct frame			*frame;

	if (phoenix_decode_binary(bytes, &message) == NULL)
	{
		check_ref(message.join_ref, bytes, buffer_slice(&message.decoded));
		check_ref(message.ref, bytes, buffer_slice(&message.decoded));
		CHECK(fuzz_is_inside(message.topic, bytes) && utf8_valid(message.topic));
		CHECK(fuzz_is_inside(message.user_event, bytes) && utf8_valid(message.user_event));
		CHECK(fuzz_is_inside(message.payload, bytes));
		CHECK(message.payload.data + message.payload.length == bytes.data + bytes.length);
		broadcast = (struct phoenix_broadcast){
			.event = message.user_event, .payload = message.payload, .opaque = message.opaque};
		frame = phoenix_encode_broadcast(PHOENIX_V2, message.topic, &broadcast);
		if (message.opaque)
			check_kind_4(fuzz_payload(frame, FRAME_BINARY), &message);
		else
			check_envelope(fuzz_payload(frame, FRAME_TEXT), &message);
		frame_release(frame);
	}
	phoenix_message_free(&message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes;

	if (size < 2)
		return -1;
	bytes = slice_of((const char *) data + 1, size - 1);
	if (*data == '1')
		test_text(PHOENIX_V1, bytes);
	else if (*data == '2')
		test_text(PHOENIX_V2, bytes);
	else if (*data == 'b')
		test_binary(bytes);
	else
		return -1;
	return 0;
}
