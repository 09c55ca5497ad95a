/*
 * join.c
 *		phx_join: what is asked for, by whom, and whether it makes sense.
 */
#include "join.h"

#include <jansson.h>
#include <stdio.h>

#include "admission.h"
#include "channel.h"
#include "clock.h"
#include "join_config.h"
#include "loop.h"
#include "topic.h"

/* A join is kept while the database is asked, so it must not be huge. */
#define JOIN_PAYLOAD_MAX 65536
#define REASON_MAX_BYTES 512

struct slice
join_pick_token(const struct connection *connection, struct slice given)
{
	struct slice rest;

	if (given.length == 0 || slice_after(given, SLICE("sb_"), &rest))
		return shared_text_slice(connection->apikey);
	return given;
}

static struct slice
token_of(const struct connection *connection, json_t *payload)
{
	struct slice token = join_config_text(json_object_get(payload, "user_token"));

	if (token.length == 0)
		token = join_config_text(json_object_get(payload, "access_token"));
	return join_pick_token(connection, token);
}

/* realtime-js says so, or sends a config as nobody else does. */
static bool
is_realtime_js(json_t *payload)
{
	struct slice rest;

	return json_is_object(json_object_get(payload, "config")) ||
		   slice_after(join_config_text(json_object_get(payload, "version")),
					   SLICE("realtime-js/"), &rest);
}

static struct identity *
verify(const struct connection *connection, struct slice token, char *reason, size_t size)
{
	struct loop		   *loop = connection->loop;
	struct auth_refusal refusal;
	struct identity	   *identity = identity_verify(&loop->identities, loop->auth, token,
												   clock_now(), &refusal);

	if (identity == NULL)
		snprintf(reason, size, "%s: %s", refusal.code, refusal.message);
	return identity;
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
			 struct identity *identity, json_t *payload)
{
	struct channel *channel = channel_new(connection, message, identity);
	const char	   *wrong;
	struct slice	id;

	/* The hub must keep the session's states from before the snapshot on. */
	if (topic_session_id(channel->topic, &id))
		channel->session = hub_session_hold(&connection->loop->hub, id);
	wrong = join_config_read(channel, json_object_get(payload, "config"));
	if (wrong != NULL)
	{
		admission_refuse(channel, wrong);
		return;
	}
	channel->token_hash = hash_bytes(&connection->loop->hash_key,
									 token_of(connection, payload));
	admission_ask(channel);
}

static void
join_with(struct connection *connection, const struct phoenix_message *message,
		  json_t *payload)
{
	char			 reason[REASON_MAX_BYTES];
	struct identity *identity;

	if (is_realtime_js(payload))
		connection->realtime_js = true;
	identity = verify(connection, token_of(connection, payload), reason, sizeof(reason));
	if (identity == NULL)
	{
		refuse(connection, message, reason);
		return;
	}
	if (connection_set_subject(connection, identity->subject))
		open_channel(connection, message, identity, payload);
	else
		refuse(connection, message, "ConnectionRateLimitReached: Too many connected users");
	identity_release(identity);
}

/* Why may the connection not have one more channel, whatever it is? */
static const char *
check_limits(struct connection *connection, const struct phoenix_message *message)
{
	if (!connection_take(connection, RATE_JOINS))
		return "ClientJoinRateLimitReached: Too many joins per second";
	if (connection->channels.count >= connection->loop->limiter.limits.channels)
	{
		connection_refuse(connection, LIMIT_CHANNELS);
		return "ChannelRateLimitReached: Too many channels";
	}
	if (message->payload.length > JOIN_PAYLOAD_MAX)
		return "PayloadTooLarge: A join must not be larger than 65536 bytes";
	return NULL;
}

void
join_receive(struct connection *connection, const struct phoenix_message *message)
{
	struct channel *old = channel_find(connection, message->topic);
	const char	   *wrong = topic_check(message->topic);
	json_t		   *payload;

	if (old != NULL)
		channel_end(old);
	if (wrong == NULL)
		wrong = check_limits(connection, message);
	if (wrong != NULL)
	{
		refuse(connection, message, wrong);
		return;
	}
	payload = json_loadb(message->payload.data, message->payload.length,
						 JSON_DECODE_ANY, NULL);
	join_with(connection, message, payload);
	json_decref(payload);
}
