/*
 * rest_message.c
 *		What a POST wants to be broadcast, read and checked.
 *
 * Payloads stay slices of the body: they are checked to be JSON and sent on as
 * they came.
 */
#include "rest_message.h"

#include <stdlib.h>

#include "json_scan.h"
#include "memory.h"
#include "topic.h"

#define BLANK	 "can't be blank"
#define INVALID	 "is invalid"
#define TOO_BIG	 "Payload size exceeds tenant limit"
#define NOT_JSON "{\"message\":\"The body is not valid JSON\"}"

/* An object of a batch, in its raw parts. */
struct parts
{
	struct slice topic;
	struct slice event;
	struct slice payload;
	struct slice private;
	struct slice id;
};

static bool
is_absent(struct slice json)
{
	return json.data == NULL || phoenix_is_null(json);
}

/* Put the topic together with its prefix; false if nobody can be in there. */
static bool
take_topic(struct rest_message *message, struct slice subtopic)
{
	buffer_append(&message->topic, SLICE(TOPIC_PREFIX));
	buffer_append(&message->topic, subtopic);
	return topic_check(buffer_slice(&message->topic)) == NULL;
}

static const char *
read_topic(struct rest_message *message, struct slice json)
{
	struct buffer decoded = {0};
	struct slice  topic;
	const char	 *wrong = NULL;

	if (is_absent(json) || slice_equal(json, SLICE("\"\"")))
		return BLANK;
	if (!phoenix_decode_string(json, &decoded, &topic) || !take_topic(message, topic))
		wrong = INVALID;
	buffer_free(&decoded);
	return wrong;
}

static const char *
read_event(struct rest_message *message, struct slice json)
{
	if (is_absent(json) || slice_equal(json, SLICE("\"\"")))
		return BLANK;
	if (!phoenix_decode_string(json, &message->decoded, &message->broadcast.event) ||
		message->broadcast.event.length > PHOENIX_NAME_MAX)
		return INVALID;
	return NULL;
}

static const char *
read_payload(struct rest_message *message, struct slice json, uint64_t payload_max)
{
	if (is_absent(json))
		return BLANK;
	if (*json.data != '{')
		return INVALID;
	if (json.length > payload_max)
		return TOO_BIG;
	message->broadcast.payload = json;
	return NULL;
}

/* A short string, to be told as it came. */
static const char *
read_id(struct rest_message *message, struct slice json)
{
	if (is_absent(json))
		return NULL;
	if (*json.data != '"' || json.length > 128)
		return INVALID;
	buffer_append_text(&message->meta, "{\"id\":");
	buffer_append(&message->meta, json);
	buffer_append_byte(&message->meta, '}');
	message->broadcast.meta = buffer_slice(&message->meta);
	return NULL;
}

static struct parts
read_parts(struct slice object)
{
	struct json_scan scan = json_scan_start(object);
	struct parts	 parts = {0};
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	json_scan_accept(&scan, '{');
	while (json_scan_member(&scan, &first, &key, &value))
	{
		if (slice_equal(key, SLICE("\"topic\"")))
			parts.topic = value;
		else if (slice_equal(key, SLICE("\"event\"")))
			parts.event = value;
		else if (slice_equal(key, SLICE("\"payload\"")))
			parts.payload = value;
		else if (slice_equal(key, SLICE("\"private\"")))
			parts.private = value;
		else if (slice_equal(key, SLICE("\"id\"")))
			parts.id = value;
	}
	return parts;
}

static void
append_problem(struct buffer *problem, const char *field, const char *wrong, bool *good)
{
	if (wrong == NULL)
		return;
	buffer_append_text(problem, *good ? "\"" : ",\"");
	buffer_append_text(problem, field);
	buffer_append_text(problem, "\":[\"");
	buffer_append_text(problem, wrong);
	buffer_append_text(problem, "\"]");
	*good = false;
}

/* Read one of a batch; what is wrong with it goes into "problem", as an object. */
static bool
read_item(struct rest_message *message, struct slice object, uint64_t payload_max,
		  struct buffer *problem)
{
	struct parts parts;
	bool		 good = true;

	buffer_append_byte(problem, '{');
	parts = read_parts(object);
	append_problem(problem, "topic", read_topic(message, parts.topic), &good);
	append_problem(problem, "event", read_event(message, parts.event), &good);
	append_problem(problem, "payload",
				   read_payload(message, parts.payload, payload_max), &good);
	append_problem(problem, "id", read_id(message, parts.id), &good);
	buffer_append_byte(problem, '}');
	message->private = slice_equal(parts.private, SLICE("true")) ||
					   slice_equal(parts.private, SLICE("\"true\""));
	return good;
}

static struct rest_message *
add_message(struct rest_messages *messages)
{
	struct rest_message *message;

	/* Grows by doubling: at each power of two. */
	if ((messages->count & (messages->count - 1)) == 0)
		messages->items = memory_resize(messages->items,
										messages->count == 0 ? 1 : 2 * messages->count,
										sizeof(*messages->items));
	message = &messages->items[messages->count++];
	*message = (struct rest_message){0};
	return message;
}

void
rest_messages_free(struct rest_messages *messages)
{
	for (size_t i = 0; i < messages->count; i++)
	{
		buffer_free(&messages->items[i].topic);
		buffer_free(&messages->items[i].decoded);
		buffer_free(&messages->items[i].meta);
	}
	free(messages->items);
	*messages = (struct rest_messages){0};
}

/* The array of a batch; no data if there is none. */
static struct slice
find_array(struct slice body)
{
	struct json_scan scan = json_scan_start(body);
	struct slice	 array = {0};
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	if (!json_scan_accept(&scan, '{'))
		return array;
	while (json_scan_member(&scan, &first, &key, &value))
	{
		if (slice_equal(key, SLICE("\"messages\"")) && *value.data == '[')
			array = value;
	}
	return array;
}

/* Returns whether all are good. */
static bool
read_array(struct slice array, uint64_t payload_max, uint64_t count_max,
		   struct rest_messages *messages, struct buffer *problem)
{
	struct json_scan scan = json_scan_start(array);
	struct slice	 element;
	bool			 good = true;

	json_scan_accept(&scan, '[');
	while ((count_max == 0 || messages->count <= count_max) &&
		   json_scan_value(&scan, &element))
	{
		if (messages->count > 0)
			buffer_append_byte(problem, ',');
		good = read_item(add_message(messages), element, payload_max, problem) && good;
		json_scan_accept(&scan, ',');
	}
	return good;
}

static unsigned
complain(struct buffer *problem, unsigned status, const char *json)
{
	problem->length = 0;
	buffer_append_text(problem, json);
	return status;
}

unsigned
rest_messages_read_batch(const struct http_request *request, uint64_t payload_max,
						 uint64_t count_max, struct rest_messages *messages,
						 struct buffer *problem)
{
	struct slice body = buffer_slice(&request->body);
	bool		 good;

	*messages = (struct rest_messages){0};
	if (!json_scan_valid(body))
		return complain(problem, 400, NOT_JSON);
	buffer_append_text(problem, "{\"errors\":{\"messages\":[");
	good = read_array(find_array(body), payload_max, count_max, messages, problem);
	buffer_append_text(problem, "]}}");
	if (messages->count == 0)
		return complain(problem, 422, "{\"errors\":{\"messages\":[\"" BLANK "\"]}}");
	if (count_max != 0 && messages->count > count_max)
		return complain(problem, 429, "{\"message\":\"Too many messages to broadcast, "
									  "please reduce the batch size\"}");
	return good ? 0 : 422;
}

/* Like "application/json; charset=utf-8". */
static bool
is_type(const char *type, struct slice wanted)
{
	struct slice rest;

	return slice_after(slice_text(type), wanted, &rest) &&
		   (rest.length == 0 || *rest.data == ';' || *rest.data == ' ');
}

/* Names may hold anything, so the last separator is the one. */
static bool
split_names(struct slice names, struct slice *topic, struct slice *event)
{
	const struct slice separator = SLICE("/events/");

	for (size_t at = names.length; at-- > 0;)
	{
		struct slice tail = slice_of(names.data + at, names.length - at);

		if (!slice_after(tail, separator, event))
			continue;
		*topic = slice_of(names.data, at);
		return true;
	}
	return false;
}

unsigned
rest_messages_read_single(const struct http_request *request, struct slice names,
						  uint64_t payload_max, struct rest_messages *messages,
						  struct buffer *problem)
{
	struct slice		 body = buffer_slice(&request->body);
	struct rest_message *message;
	struct slice		 topic;
	struct slice		 event;

	*messages = (struct rest_messages){0};
	if (!split_names(names, &topic, &event))
		return complain(problem, 404, "{\"message\":\"Not Found\"}");
	message = add_message(messages);
	message->private = request->private;
	message->broadcast.event = event;
	message->broadcast.payload = body;
	message->broadcast.opaque = request->type != NULL &&
								is_type(request->type, SLICE("application/octet-stream"));
	if (request->type != NULL && !message->broadcast.opaque &&
		!is_type(request->type, SLICE("application/json")))
		return complain(problem, 415,
						"{\"error\":\"Unsupported Media Type. Use application/json "
						"or application/octet-stream\"}");
	if (!utf8_valid(names) || event.length == 0 || event.length > PHOENIX_NAME_MAX ||
		!take_topic(message, topic))
		return complain(problem, 422, "{\"message\":\"The topic or the event is invalid\"}");
	if (body.length > payload_max)
		return complain(problem, 422, "{\"errors\":{\"payload\":[\"" TOO_BIG "\"]}}");
	if (!message->broadcast.opaque && !json_scan_valid(body))
		return complain(problem, 400, NOT_JSON);
	return 0;
}
