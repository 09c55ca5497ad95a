/*
 * join.c
 *		phx_join: what is asked for, by whom, and whether it makes sense.
 *
 * Payloads are read leniently, as Supabase's server does: what is missing or
 * has another type than it should counts as not given.
 */
#include "join.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "admission.h"
#include "channel.h"
#include "clock.h"
#include "loop.h"
#include "session_state.h"

/* A join is kept while the database is asked, so it must not be huge. */
#define JOIN_PAYLOAD_MAX 65536
#define REASON_MAX_BYTES 512

/* Other SDKs send booleans as text. */
static bool
is_true(json_t *value)
{
	if (json_is_string(value))
		return strcasecmp(json_string_value(value), "true") == 0;
	return json_is_true(value);
}

static struct slice
text_of(json_t *value)
{
	if (!json_is_string(value))
		return (struct slice){0};
	return slice_of(json_string_value(value), json_string_length(value));
}

struct slice
join_pick_token(const struct connection *connection, struct slice given)
{
	struct slice rest;

	if (given.length == 0 || slice_after(given, SLICE("sb_"), &rest))
		return slice_text(connection->apikey);
	return given;
}

static struct slice
token_of(const struct connection *connection, json_t *payload)
{
	struct slice token = text_of(json_object_get(payload, "user_token"));

	if (token.length == 0)
		token = text_of(json_object_get(payload, "access_token"));
	return join_pick_token(connection, token);
}

/*
 * Repeat the row changes that are asked for, in their order and each with an
 * id: a client compares them with its own and fails the channel otherwise.
 */
static void
read_bindings(struct channel *channel, json_t *config)
{
	static const char *const keys[] = {"event", "schema", "table", "filter"};
	json_t					*wanted = json_object_get(config, "postgres_changes");
	json_t					*bindings = json_array();
	json_t					*binding;
	size_t					 i;
	char					*text;

	json_array_foreach(wanted, i, binding)
	{
		json_t *repeated;

		if (!json_is_object(binding))
			continue;
		repeated = json_pack("{s:I}", "id", (json_int_t) i + 1);
		for (unsigned k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			json_object_set(repeated, keys[k], json_object_get(binding, keys[k]));
		json_array_append_new(bindings, repeated);
	}
	channel->wants_rows = json_array_size(bindings) > 0;
	text = json_dumps(bindings, JSON_COMPACT);
	buffer_append_text(&channel->bindings, text != NULL ? text : "[]");
	free(text);
	json_decref(bindings);
}

/* realtime-js says so, or sends a config as nobody else does. */
static bool
is_realtime_js(json_t *payload)
{
	struct slice rest;

	return json_is_object(json_object_get(payload, "config")) ||
		   slice_after(text_of(json_object_get(payload, "version")),
					   SLICE("realtime-js/"), &rest);
}

/*
 * What is wrong with the topic, whoever asks?  NULL: nothing.
 */
static const char *
check_topic(struct slice topic)
{
	struct slice name;

	if (!slice_after(topic, SLICE(TOPIC_PREFIX), &name))
		return "unmatched topic";
	if (name.length == 0)
		return "TopicNameRequired: You must provide a topic name";
	if (topic.length > PHOENIX_NAME_MAX)
		return "TopicNameInvalid: A topic must not be longer than 255 bytes";
	if (channel_session_id(topic, &name) && !session_id_valid(name))
		return "TopicNameInvalid: A session id must have 1 to 128 characters "
			   "of A-Z, a-z, 0-9, _ and -";
	return NULL;
}

/* There are no policies for private topics yet, so nobody has a right to one. */
static bool
is_forbidden(struct slice topic, json_t *config, char *reason, size_t size)
{
	const size_t prefix = sizeof(TOPIC_PREFIX) - 1;
	struct slice id;

	if (channel_session_id(topic, &id) ||
		!is_true(json_object_get(config, "private")))
		return false;
	snprintf(reason, size, "Unauthorized: You do not have permissions to read "
						   "from this Channel topic: %.*s",
			 (int) (topic.length - prefix), topic.data + prefix);
	return true;
}

static bool
verify(const struct connection *connection, struct slice token,
	   struct claims *claims, char *reason, size_t size)
{
	struct auth_refusal refusal;

	if (auth_verify(connection->loop->auth, token, clock_now(), claims, &refusal))
		return true;
	snprintf(reason, size, "%s: %s", refusal.code, refusal.message);
	return false;
}

static void
refuse(struct connection *connection, const struct phoenix_message *message,
	   const char *reason)
{
	admission_refuse_join(connection, message->join_ref, message->ref,
						  message->topic, reason);
}

static void
open_channel(struct connection *connection, const struct phoenix_message *message,
			 struct claims *claims, json_t *payload)
{
	json_t		   *config = json_object_get(payload, "config");
	json_t		   *broadcast = json_object_get(config, "broadcast");
	struct channel *channel = channel_new(connection, message, claims);
	struct slice	id;

	channel->ack = is_true(json_object_get(broadcast, "ack"));
	channel->self = is_true(json_object_get(broadcast, "self"));
	channel->token_hash = hash_bytes(&connection->loop->hash_key,
									 token_of(connection, payload));
	read_bindings(channel, config);
	/* The hub must keep the session's states from before the snapshot on. */
	if (channel_session_id(channel->topic, &id))
		channel->session = hub_session_hold(&connection->loop->hub, id);
	admission_ask(channel);
}

static void
join_with(struct connection *connection, const struct phoenix_message *message,
		  json_t *payload)
{
	char		  reason[REASON_MAX_BYTES];
	struct claims claims;

	if (is_realtime_js(payload))
		connection->realtime_js = true;
	if (!verify(connection, token_of(connection, payload), &claims,
				reason, sizeof(reason)))
	{
		refuse(connection, message, reason);
		return;
	}
	if (is_forbidden(message->topic, json_object_get(payload, "config"),
					 reason, sizeof(reason)))
		refuse(connection, message, reason);
	else
		open_channel(connection, message, &claims, payload);
	claims_free(&claims);
}

void
join_receive(struct connection *connection, const struct phoenix_message *message)
{
	const char	   *wrong = check_topic(message->topic);
	struct channel *old;
	json_t		   *payload;

	if (wrong != NULL)
	{
		refuse(connection, message, wrong);
		return;
	}
	old = channel_find(connection, message->topic);
	if (old != NULL)
		channel_end(old);
	if (connection->channels.count >= CHANNELS_PER_CONNECTION)
	{
		refuse(connection, message, "ChannelRateLimitReached: Too many channels");
		return;
	}
	if (message->payload.length > JOIN_PAYLOAD_MAX)
	{
		refuse(connection, message, "PayloadTooLarge: A join must not be "
									"larger than 65536 bytes");
		return;
	}
	payload = json_loadb(message->payload.data, message->payload.length,
						 JSON_DECODE_ANY, NULL);
	join_with(connection, message, payload);
	json_decref(payload);
}
