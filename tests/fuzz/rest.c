/*
 * rest.c
 *		HTTP broadcasts: "b" and the body of a batch; or "s", a line with the
 *		names of the path, a line with the Content-Type, and the body of one.
 *
 * What is accepted can be sent to anybody, and says what the body said; what is
 * refused is answered in JSON.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "json_scan.h"
#include "memory.h"
#include "rest_message.h"
#include "topic.h"

#define PAYLOAD_MAX 256
#define COUNT_MAX	3

/* What those who are in the topic get. */
static void
check_frames(const struct rest_message *message)
{
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
	{
		struct slice		   topic = buffer_slice(&message->topic);
		struct frame		  *frame = phoenix_encode_broadcast(version, topic, &message->broadcast);
		struct phoenix_message read;
		const char			  *wrong;
		json_t				  *envelope;

		if (!message->broadcast.opaque)
		{
			wrong = phoenix_decode_text(version, fuzz_payload(frame, FRAME_TEXT), &read);
			CHECK(wrong == NULL);
			CHECK(slice_equal(read.topic, topic));
			CHECK(phoenix_check_broadcast(&read, NULL) == NULL);
			envelope = fuzz_json(read.payload, NULL);
			CHECK(envelope == NULL ||
				  slice_equal(fuzz_string(json_object_get(envelope, "event")), message->broadcast.event));
			json_decref(envelope);
			phoenix_message_free(&read);
		}
		frame_release(frame);
	}
}

static void
check_message(const struct rest_message *message, struct slice body)
{
	const struct phoenix_broadcast *broadcast = &message->broadcast;
	struct slice					topic = buffer_slice(&message->topic);

	CHECK(topic_check(topic) == NULL);
	CHECK(broadcast->event.length > 0 && broadcast->event.length <= PHOENIX_NAME_MAX);
	CHECK(utf8_valid(broadcast->event) && utf8_valid(topic));
	CHECK(fuzz_is_inside(broadcast->payload, body));
	CHECK(broadcast->payload.length <= PAYLOAD_MAX);
	CHECK(broadcast->opaque || json_scan_valid(broadcast->payload));
	CHECK(broadcast->meta.length <= PHOENIX_NAME_MAX);
	CHECK(broadcast->meta.data == NULL || json_scan_valid(broadcast->meta));
	check_frames(message);
}

/* The same by a parser that also knows escaped keys. */
static void
check_batch(const struct rest_messages *messages, struct slice body)
{
	json_t *whole = fuzz_json(body, NULL);
	json_t *array = json_object_get(whole, "messages");

	if (whole != NULL && memchr(body.data, '\\', body.length) == NULL)
	{
		CHECK(json_array_size(array) == messages->count);
		for (size_t i = 0; i < messages->count; i++)
		{
			const struct rest_message *message = &messages->items[i];
			json_t					  *object = json_array_get(array, i);
			json_t					  *payload = fuzz_json(message->broadcast.payload, NULL);
			struct slice			   subtopic;

			CHECK(slice_after(buffer_slice(&message->topic), SLICE(TOPIC_PREFIX), &subtopic));
			CHECK(slice_equal(subtopic, fuzz_string(json_object_get(object, "topic"))));
			CHECK(slice_equal(message->broadcast.event, fuzz_string(json_object_get(object, "event"))));
			CHECK(json_equal(payload, json_object_get(object, "payload")));
			json_decref(payload);
		}
	}
	json_decref(whole);
}

static void
check_answer(unsigned status, const struct rest_messages *messages,
			 const struct buffer *problem, struct slice body)
{
	if (status != 0)
	{
		CHECK(status == 400 || status == 404 || status == 415 || status == 422 || status == 429);
		CHECK(json_scan_valid(buffer_slice(problem)));
		return;
	}
	CHECK(messages->count > 0 && messages->count <= COUNT_MAX);
	for (size_t i = 0; i < messages->count; i++)
		check_message(&messages->items[i], body);
}

static void
test_batch(struct slice input)
{
	struct http_request	 request = {.length = input.length};
	struct rest_messages messages;
	struct buffer		 problem = {0};
	unsigned			 status;

	buffer_append(&request.body, input);
	status = rest_messages_read_batch(&request, PAYLOAD_MAX, COUNT_MAX, &messages, &problem);
	check_answer(status, &messages, &problem, buffer_slice(&request.body));
	if (status == 0)
		check_batch(&messages, buffer_slice(&request.body));
	rest_messages_free(&messages);
	buffer_free(&problem);
	buffer_free(&request.body);
}

static void
test_single(struct slice input)
{
	struct slice		 names = fuzz_take_line(&input);
	struct slice		 type = fuzz_take_line(&input);
	struct http_request	 request = {.length = input.length};
	struct rest_messages messages;
	struct buffer		 problem = {0};
	unsigned			 status;

	request.type = type.length > 0 ? memory_copy(type.data, type.length) : NULL;
	buffer_append(&request.body, input);
	status = rest_messages_read_single(&request, names, PAYLOAD_MAX, &messages, &problem);
	check_answer(status, &messages, &problem, buffer_slice(&request.body));
	rest_messages_free(&messages);
	buffer_free(&problem);
	buffer_free(&request.body);
	free(request.type);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input;

	if (size == 0)
		return -1;
	input = slice_of((const char *) data + 1, size - 1);
	if (*data == 'b')
		test_batch(input);
	else if (*data == 's')
		test_single(input);
	else
		return -1;
	return 0;
}
