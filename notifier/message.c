/*
 * message.c
 *		What a client's messages do.
 *
 * A message belongs to the join that its join_ref names: one of an earlier join
 * that comes late is ignored, or it would end a channel that was just opened.
 */
#include "message.h"

#include <jansson.h>

#include "admission.h"
#include "channel.h"
#include "clock.h"
#include "join.h"
#include "json_scan.h"
#include "log.h"
#include "loop.h"
#include "presence_call.h"
#include "session_state.h"

/* So many malformed messages of a connection are logged; all are counted. */
#define MALFORMED_LOGGED 5

/* Longer ones cannot be tokens: they did not fit into a join either. */
#define TOKEN_PAYLOAD_MAX 65536

static void
reply(struct connection *connection, const struct phoenix_message *message,
	  struct slice join_ref, bool ok, struct slice response)
{
	connection_send_take(connection,
						 phoenix_encode_reply(connection->version, join_ref,
											  message->ref, message->topic,
											  ok, response));
}

void
message_reply_error(struct connection *connection, const struct phoenix_message *message,
					struct slice join_ref, const char *reason)
{
	struct buffer response = {0};

	/* Who gives no ref does not wait for an answer. */
	if (phoenix_is_null(message->ref))
		return;
	buffer_append_text(&response, "{\"reason\":");
	buffer_append_json_string(&response, slice_text(reason));
	buffer_append_text(&response, "}");
	reply(connection, message, join_ref, false, buffer_slice(&response));
	buffer_free(&response);
}

static bool
is_event(const struct phoenix_message *message, const char *event)
{
	return slice_equal(message->event, slice_text(event));
}

static bool
is_stale(const struct channel *channel, const struct phoenix_message *message)
{
	return !phoenix_is_null(message->join_ref) &&
		   !slice_equal(message->join_ref, channel->join_ref);
}

/* Leaving what one is not in is fine: the client only wants to be out. */
static void
receive_leave(struct connection *connection, struct channel *channel,
			  const struct phoenix_message *message)
{
	reply(connection, message, message->join_ref, true, SLICE("{}"));
	if (channel != NULL)
		channel_end(channel);
}

/* Nothing changes for "sb_" keys, for null and for the token in force. */
static void
receive_token(struct channel *channel, struct slice token)
{
	struct loop		   *loop = channel->connection->loop;
	uint64_t			hash = hash_bytes(&loop->hash_key, token);
	struct auth_refusal refusal;
	struct slice		rest;
	struct identity	   *identity;

	if (token.length == 0 || hash == channel->token_hash ||
		slice_after(token, SLICE("sb_"), &rest))
		return;
	identity = identity_verify(&loop->identities, loop->auth, token, clock_now(), &refusal);
	if (identity == NULL)
	{
		channel_fail(channel, CHANNEL_CODE_TOKEN, refusal.message);
		return;
	}
	channel->token_hash = hash;
	identity_release(channel->new_identity);
	channel->new_identity = identity;
	admission_ask(channel);
}

static void
receive_access_token(struct channel *channel, const struct phoenix_message *message)
{
	json_t *payload;
	json_t *token;

	if (message->payload.length > TOKEN_PAYLOAD_MAX)
		return;
	payload = json_loadb(message->payload.data, message->payload.length, 0, NULL);
	token = json_object_get(payload, "access_token");
	if (json_is_string(token))
		receive_token(channel, slice_of(json_string_value(token),
										json_string_length(token)));
	json_decref(payload);
}

/*
 * Tell who sent a broadcast that it was sent, if he wants to know, or that it
 * was sent and not stored, which only a client that wants it to be asks about.
 */
static void
acknowledge(struct channel *channel, const struct phoenix_message *message)
{
	struct connection *connection = channel->connection;

	if (message->persist && !phoenix_is_null(message->ref))
		reply(connection, message, channel->join_ref, false,
			  SLICE("{\"error\":\"Messages are not stored by this server\"}"));
	else if (channel->ack)
		reply(connection, message, channel->join_ref, true, SLICE("{}"));
}

/* Supabase's answer is a string here, not an object. */
static void
refuse_size(struct channel *channel, const struct phoenix_message *message)
{
	connection_refuse(channel->connection, LIMIT_PAYLOAD_BYTES);
	if (!phoenix_is_null(message->ref))
		reply(channel->connection, message, channel->join_ref, false,
			  SLICE("\"payload_size_exceeded\""));
}

static void
receive_broadcast(struct channel *channel, const struct phoenix_message *message)
{
	const struct limits		*limits = &channel->connection->loop->limiter.limits;
	struct phoenix_broadcast broadcast = {
		.event = message->user_event,
		.payload = message->payload,
		.opaque = message->opaque,
	};
	const char *wrong;

	if (message->payload.length > limits->payload_bytes)
	{
		refuse_size(channel, message);
		return;
	}
	/* in a session some events are the server's */
	wrong = phoenix_check_broadcast(message, channel->session != NULL ? session_state_is_event : NULL);
	if (wrong != NULL)
	{
		message_reply_error(channel->connection, message, channel->join_ref, wrong);
		return;
	}
	if (!channel->rights.broadcasts)
	{
		message_reply_error(channel->connection, message, channel->join_ref,
							"Unauthorized: You do not have permissions to write to this "
							"Channel topic");
		return;
	}
	metrics_add(&channel->connection->loop->metrics, METRIC_BROADCASTS, 1);
	hub_publish(&channel->connection->loop->hub, &channel->member, channel->self, &broadcast);
	acknowledge(channel, message);
}

static void
receive_in_channel(struct channel *channel, const struct phoenix_message *message)
{
	if (is_event(message, "access_token"))
		receive_access_token(channel, message);
	else if (!channel->joined)
		message_reply_error(channel->connection, message, channel->join_ref,
							"channel is not joined yet");
	else if (is_event(message, "broadcast"))
		receive_broadcast(channel, message);
	else if (is_event(message, "presence"))
		presence_call_receive(channel, message);
	else
		message_reply_error(channel->connection, message, channel->join_ref,
							"unknown event");
}

static void
dispatch(struct connection *connection, const struct phoenix_message *message)
{
	struct channel *channel;

	if (is_event(message, "heartbeat") &&
		slice_equal(message->topic, SLICE("phoenix")))
	{
		reply(connection, message, message->join_ref, true, SLICE("{}"));
		return;
	}
	if (is_event(message, "phx_join"))
	{
		join_receive(connection, message);
		return;
	}
	channel = channel_find(connection, message->topic);
	if (channel != NULL && is_stale(channel, message))
		return;
	if (is_event(message, "phx_leave"))
		receive_leave(connection, channel, message);
	else if (!connection_take(connection, RATE_MESSAGES))
		message_reply_error(connection, message, message->join_ref,
							"Too many messages per second");
	else if (channel == NULL)
		message_reply_error(connection, message, SLICE("null"), "unmatched topic");
	else
		receive_in_channel(channel, message);
}

static void
log_malformed(struct connection *connection, const char *wrong, size_t length)
{
	metrics_add(&connection->loop->metrics, METRIC_MALFORMED, 1);
	if (++connection->malformed > MALFORMED_LOGGED)
		return;
	log_client(LOG_LEVEL_INFO, "connection", "id=%llu event=malformed reason=%s bytes=%zu",
			   (unsigned long long) connection->id, log_text(wrong), length);
}

void
message_receive(struct connection *connection, struct slice bytes, bool binary)
{
	struct phoenix_message message;
	const char			  *wrong;

	if (binary)
		wrong = phoenix_decode_binary(bytes, &message);
	else
		wrong = phoenix_decode_text(connection->version, bytes, &message);
	if (wrong != NULL)
	{
		log_malformed(connection, wrong, bytes.length);
		/* RFC 6455 section 8.1 */
		if (!binary && !utf8_valid(bytes))
			connection_close(connection, CLOSE_NOT_TEXT, "text is not valid UTF-8");
	}
	else
	{
		if (binary)
			connection->realtime_js = true;
		dispatch(connection, &message);
	}
	phoenix_message_free(&message);
}
