/*
 * phoenix.c
 *		The wire: what Phoenix and Supabase Realtime clients say and hear.
 */
#include "phoenix.h"

#include <jansson.h>

#include "json_scan.h"

/* What all but topic, join_ref and payload takes in nearly any message. */
#define ENVELOPE_BYTES 128

#define KIND_USER_BROADCAST_PUSH 3
#define KIND_USER_BROADCAST		 4
#define KIND_3_HEADER			 7
#define ENCODING_OPAQUE			 0
#define ENCODING_JSON			 1

/* What comes before the payload, in the order of serializer 2.0.0. */
enum part
{
	PART_JOIN_REF,
	PART_REF,
	PART_TOPIC,
	PART_EVENT,
	PARTS
};

static const struct slice part_names[PARTS] = {
	[PART_JOIN_REF] = {"\"join_ref\"", 10},
	[PART_REF] = {"\"ref\"", 5},
	[PART_TOPIC] = {"\"topic\"", 7},
	[PART_EVENT] = {"\"event\"", 7},
};

bool
phoenix_is_null(struct slice json)
{
	return slice_equal(json, SLICE("null"));
}

/*
 * Is this usable as a ref?  Bounded, because a channel remembers its join_ref
 * and every reply carries them.
 */
static bool
is_ref(struct slice json)
{
	if (json.length > PHOENIX_NAME_MAX)
		return false;
	return *json.data == '"' || *json.data == '-' ||
		   (*json.data >= '0' && *json.data <= '9') || phoenix_is_null(json);
}

static bool
has_escape(struct slice json)
{
	return memchr(json.data, '\\', json.length) != NULL;
}

bool
phoenix_decode_string(struct slice json, struct buffer *decoded, struct slice *text)
{
	json_t *string;
	size_t	start = decoded->length;

	if (*json.data != '"')
		return false;
	if (!has_escape(json))
	{
		*text = slice_of(json.data + 1, json.length - 2);
		return true;
	}
	string = json_loadb(json.data, json.length,
						JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (string == NULL)
		return false;
	buffer_append(decoded, slice_of(json_string_value(string),
									json_string_length(string)));
	json_decref(string);
	*text = slice_of(decoded->data + start, decoded->length - start);
	return true;
}

/* A key of the payload and its value: is there anything that nobody else may be told? */
static void
note_member(struct phoenix_message *message, struct slice key, struct slice value)
{
	struct buffer decoded = {0};
	struct slice  name;

	if (!phoenix_decode_string(key, &decoded, &name))
		message->unfit = "broadcast payload has a key that is not text";
	else if (slice_equal(name, SLICE("ids")))
		message->unfit = "broadcast payload must not have the key ids";
	else if (slice_equal(name, SLICE("event")))
	{
		if (*value.data != '"')
			message->unfit = "event of a broadcast must be a string";
		else if (message->said_event.data != NULL)
			message->unfit = "broadcast payload has two events";
		message->said_event = value;
	}
	buffer_free(&decoded);
}

/*
 * The payload.  It is most of a message, so what a broadcast has to know of it is
 * found out while it is walked over for the first and only time.
 */
static bool
scan_payload(struct json_scan *scan, struct phoenix_message *message)
{
	struct slice key;
	struct slice value;
	const char	*start;
	bool		 first = true;

	if (!json_scan_accept(scan, '{'))
	{
		message->unfit = "broadcast payload must be an object";
		return json_scan_value(scan, &message->payload);
	}
	start = scan->at - 1;
	while (json_scan_member(scan, &first, &key, &value))
		note_member(message, key, value);
	if (scan->at == NULL)
		return false;
	message->payload = slice_of(start, (size_t) (scan->at - start));
	return true;
}

/* The raw parts are there: check them and make a message of them. */
static const char *
decode_parts(const struct slice parts[PARTS], struct phoenix_message *message)
{
	if (!is_ref(parts[PART_JOIN_REF]) || !is_ref(parts[PART_REF]))
		return "ref is not a short string, a number or null";
	message->join_ref = parts[PART_JOIN_REF];
	message->ref = parts[PART_REF];
	if (parts[PART_TOPIC].length + parts[PART_EVENT].length > 16 * PHOENIX_NAME_MAX)
		return "topic or event is too long";
	/* room for both, as the memory must not move */
	if (has_escape(parts[PART_TOPIC]) || has_escape(parts[PART_EVENT]))
		buffer_reserve(&message->decoded, parts[PART_TOPIC].length + parts[PART_EVENT].length);
	if (!phoenix_decode_string(parts[PART_TOPIC], &message->decoded, &message->topic))
		return "topic is not a string";
	if (!phoenix_decode_string(parts[PART_EVENT], &message->decoded, &message->event))
		return "event is not a string";
	return NULL;
}

static const char *
decode_v1(struct slice bytes, struct phoenix_message *message)
{
	struct json_scan scan = json_scan_start(bytes);
	struct slice	 payload = SLICE("{}");
	struct slice	 parts[PARTS] = {
			[PART_JOIN_REF] = SLICE("null"),
			[PART_REF] = SLICE("null"),
	};
	struct slice key;
	struct slice value;
	bool		 first = true;

	if (!json_scan_accept(&scan, '{'))
		return "not a JSON object";
	while (json_scan_member(&scan, &first, &key, &value))
	{
		for (int part = 0; part < PARTS; part++)
		{
			if (slice_equal(key, part_names[part]))
				parts[part] = value;
		}
		if (slice_equal(key, SLICE("\"payload\"")))
			payload = value;
	}
	if (scan.at == NULL || !json_scan_finished(&scan))
		return "not valid JSON";
	if (parts[PART_TOPIC].data == NULL || parts[PART_EVENT].data == NULL)
		return "topic or event is missing";
	/* a key may be there twice: only now it is known which payload counts */
	scan = json_scan_start(payload);
	scan_payload(&scan, message);
	return decode_parts(parts, message);
}

static const char *
decode_v2(struct slice bytes, struct phoenix_message *message)
{
	struct json_scan scan = json_scan_start(bytes);
	struct slice	 parts[PARTS];
	struct slice	 extra;

	if (!json_scan_accept(&scan, '['))
		return "not a JSON array";
	for (int part = 0; part < PARTS; part++)
	{
		if (!json_scan_value(&scan, &parts[part]))
			return "not valid JSON";
		if (!json_scan_accept(&scan, ','))
			return "fewer than five elements, or not valid JSON";
	}
	if (!scan_payload(&scan, message))
		return "not valid JSON";
	while (json_scan_accept(&scan, ','))
	{
		if (!json_scan_value(&scan, &extra))
			return "not valid JSON";
	}
	if (!json_scan_accept(&scan, ']') || !json_scan_finished(&scan))
		return "not valid JSON";
	return decode_parts(parts, message);
}

const char *
phoenix_decode_text(enum phoenix_version version, struct slice bytes,
					struct phoenix_message *message)
{
	*message = (struct phoenix_message){0};
	return version == PHOENIX_V1 ? decode_v1(bytes, message)
								 : decode_v2(bytes, message);
}

/* A ref of a binary frame as JSON; none is null. */
static struct slice
ref_to_json(struct buffer *decoded, struct slice ref)
{
	size_t start = decoded->length;

	if (ref.length == 0)
		return SLICE("null");
	buffer_append_json_string(decoded, ref);
	return slice_of(decoded->data + start, decoded->length - start);
}

/*
 * What is said about a broadcast beside it: nothing, or a JSON object, of which
 * only one member means something to us.
 */
static const char *
read_metadata(struct slice metadata, struct phoenix_message *message)
{
	struct json_scan scan = json_scan_start(metadata);
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	if (metadata.length == 0)
		return NULL;
	if (!json_scan_valid(metadata) || !json_scan_accept(&scan, '{'))
		return "metadata of binary frame is not a JSON object";
	while (json_scan_member(&scan, &first, &key, &value))
	{
		if (slice_equal(key, SLICE("\"persist\"")))
			message->persist = !slice_equal(value, SLICE("false")) &&
							   !phoenix_is_null(value);
	}
	return NULL;
}

const char *
phoenix_decode_binary(struct slice bytes, struct phoenix_message *message)
{
	const unsigned char *header = (const unsigned char *) bytes.data;
	struct slice		 parts[5]; /* join_ref, ref, topic, user event, metadata */
	size_t				 used = KIND_3_HEADER;

	*message = (struct phoenix_message){0};
	if (bytes.length < KIND_3_HEADER || header[0] != KIND_USER_BROADCAST_PUSH)
		return "not a binary frame of kind 3";
	for (int part = 0; part < 5; part++)
	{
		size_t length = header[1 + part];

		if (bytes.length - used < length)
			return "binary frame is shorter than its header says";
		parts[part] = slice_of(bytes.data + used, length);
		if (!utf8_valid(parts[part]))
			return "binary frame has a name that is not UTF-8";
		used += length;
	}
	if (header[6] != ENCODING_OPAQUE && header[6] != ENCODING_JSON)
		return "binary frame has an encoding other than 0 and 1";
	message->opaque = header[6] == ENCODING_OPAQUE;
	message->payload = slice_of(bytes.data + used, bytes.length - used);
	if (!message->opaque && !json_scan_valid(message->payload))
		return "payload of binary frame is not valid JSON";
	buffer_reserve(&message->decoded, 2 * (6 * PHOENIX_NAME_MAX + 2));
	message->join_ref = ref_to_json(&message->decoded, parts[0]);
	message->ref = ref_to_json(&message->decoded, parts[1]);
	message->topic = parts[2];
	message->event = SLICE("broadcast");
	message->user_event = parts[3];
	return read_metadata(parts[4], message);
}

void
phoenix_message_free(struct phoenix_message *message)
{
	buffer_free(&message->decoded);
}

const char *
phoenix_check_broadcast(const struct phoenix_message *message, bool (*is_reserved)(struct slice event))
{
	struct buffer decoded = {0};
	struct slice  event = message->user_event;
	const char	 *wrong = message->unfit;

	if (wrong != NULL || is_reserved == NULL)
		return wrong;
	if ((message->said_event.data != NULL &&
		 !phoenix_decode_string(message->said_event, &decoded, &event)) ||
		(event.data != NULL && is_reserved(event)))
		wrong = PHOENIX_EVENT_RESERVED;
	buffer_free(&decoded);
	return wrong;
}

/* Begin a frame with all that is before its payload, of which so much is expected. */
static void
open_envelope(struct buffer *out, enum phoenix_version version,
			  struct slice join_ref, struct slice ref, struct slice topic,
			  struct slice event, size_t expected)
{
	frame_begin(out, ENVELOPE_BYTES + join_ref.length + topic.length + expected);
	if (version == PHOENIX_V2)
	{
		buffer_append_byte(out, '[');
		buffer_append(out, join_ref);
		buffer_append_byte(out, ',');
		buffer_append(out, ref);
		buffer_append_byte(out, ',');
		buffer_append_json_string(out, topic);
		buffer_append_byte(out, ',');
		buffer_append_json_string(out, event);
		buffer_append_byte(out, ',');
		return;
	}
	buffer_append_text(out, "{\"ref\":");
	buffer_append(out, ref);
	buffer_append_text(out, ",\"topic\":");
	buffer_append_json_string(out, topic);
	buffer_append_text(out, ",\"event\":");
	buffer_append_json_string(out, event);
	buffer_append_text(out, ",\"payload\":");
}

/* Close what open_envelope() opened. */
static struct frame *
close_envelope(struct buffer *out, enum phoenix_version version)
{
	buffer_append_byte(out, version == PHOENIX_V2 ? ']' : '}');
	return frame_end(FRAME_TEXT, out);
}

struct frame *
phoenix_encode_push(enum phoenix_version version, struct slice join_ref,
					struct slice ref, struct slice topic, const char *event,
					struct slice payload)
{
	struct buffer out = {0};

	open_envelope(&out, version, join_ref, ref, topic, slice_text(event), payload.length);
	buffer_append(&out, payload);
	return close_envelope(&out, version);
}

struct frame *
phoenix_encode_reply(enum phoenix_version version, struct slice join_ref,
					 struct slice ref, struct slice topic, bool ok,
					 struct slice response)
{
	struct buffer out = {0};

	open_envelope(&out, version, join_ref, ref, topic, SLICE("phx_reply"), response.length);
	buffer_append_text(&out, ok ? "{\"status\":\"ok\",\"response\":"
								: "{\"status\":\"error\",\"response\":");
	buffer_append(&out, response);
	buffer_append_byte(&out, '}');
	return close_envelope(&out, version);
}

/* Kind 4.  Names and meta fit: whoever made them kept to PHOENIX_NAME_MAX. */
static struct frame *
encode_opaque(struct slice topic, const struct phoenix_broadcast *broadcast)
{
	struct buffer out = {0};

	frame_begin(&out, ENVELOPE_BYTES + topic.length + broadcast->payload.length);
	buffer_append_byte(&out, KIND_USER_BROADCAST);
	buffer_append_byte(&out, (unsigned char) topic.length);
	buffer_append_byte(&out, (unsigned char) broadcast->event.length);
	buffer_append_byte(&out, (unsigned char) broadcast->meta.length);
	buffer_append_byte(&out, ENCODING_OPAQUE);
	buffer_append(&out, topic);
	buffer_append(&out, broadcast->event);
	buffer_append(&out, broadcast->meta);
	buffer_append(&out, broadcast->payload);
	return frame_end(FRAME_BINARY, &out);
}

/*
 * JSON goes out as text whatever way it came in: realtime-js and phoenix decode
 * that alike, while phoenix dies of kind 4.
 */
struct frame *
phoenix_encode_broadcast(enum phoenix_version version, struct slice topic,
						 const struct phoenix_broadcast *broadcast)
{
	struct buffer out = {0};

	if (broadcast->opaque)
		return encode_opaque(topic, broadcast);
	open_envelope(&out, version, SLICE("null"), SLICE("null"), topic, SLICE("broadcast"),
				  broadcast->event.length + broadcast->payload.length);
	if (broadcast->event.data == NULL)
		buffer_append(&out, broadcast->payload);
	else
	{
		buffer_append_text(&out, "{\"type\":\"broadcast\",\"event\":");
		buffer_append_json_string(&out, broadcast->event);
		buffer_append_text(&out, ",\"payload\":");
		buffer_append(&out, broadcast->payload);
		if (broadcast->meta.data != NULL)
		{
			buffer_append_text(&out, ",\"meta\":");
			buffer_append(&out, broadcast->meta);
		}
		buffer_append_byte(&out, '}');
	}
	return close_envelope(&out, version);
}

void
phoenix_release(struct frame *const frames[PHOENIX_VERSIONS])
{
	for (int version = 0; version < PHOENIX_VERSIONS; version++)
		frame_release(frames[version]);
}
