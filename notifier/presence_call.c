/*
 * presence_call.c
 *		What a client's presence messages do: track and untrack.
 */
#include "presence_call.h"

#include <strings.h>

#include "join_config.h"
#include "json_scan.h"
#include "loop.h"
#include "message.h"

/* What a presence message says. */
struct call
{
	struct slice event;	  /* JSON; "null" if there is none */
	struct slice payload; /* JSON; "{}" if there is none */
};

static struct call
read_call(struct slice json)
{
	struct json_scan scan = json_scan_start(json);
	struct call		 call = {SLICE("null"), SLICE("{}")};
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	if (!json_scan_accept(&scan, '{'))
		return call;
	while (json_scan_member(&scan, &first, &key, &value))
	{
		if (slice_equal(key, SLICE("\"event\"")))
			call.event = value;
		else if (slice_equal(key, SLICE("\"payload\"")))
			call.payload = value;
	}
	return call;
}

/* Older clients write it in capitals. */
static bool
is_event(const struct call *call, struct slice name)
{
	return call->event.length == name.length &&
		   strncasecmp(call->event.data, name.data, name.length) == 0;
}

static void
refuse(struct channel *channel, const struct phoenix_message *message, enum limit limit,
	   const char *reason)
{
	connection_refuse(channel->connection, limit);
	message_reply_error(channel->connection, message, channel->join_ref, reason);
}

/* NULL if nobody waits for it. */
static struct frame *
encode_reply(const struct channel *channel, const struct phoenix_message *message, bool ok)
{
	if (phoenix_is_null(message->ref))
		return NULL;
	return phoenix_encode_reply(channel->connection->version, channel->join_ref,
								message->ref, message->topic, ok, SLICE("{}"));
}

static void
track(struct channel *channel, const struct phoenix_message *message,
	  struct slice payload)
{
	struct loop			*loop = channel->connection->loop;
	const struct limits *limits = &loop->limiter.limits;

	if (!channel->rights.shows_presence)
		message_reply_error(channel->connection, message, channel->join_ref,
							"Unauthorized: You do not have permissions to write to this "
							"Channel topic");
	else if (*payload.data != '{')
		message_reply_error(channel->connection, message, channel->join_ref,
							"Presence track payload must be a map");
	else if (payload.length > limits->presence_bytes)
		refuse(channel, message, LIMIT_PRESENCE_BYTES, "Track message size exceeded");
	else if (channel->member.presence == NULL && limits->presences != 0 &&
			 hub_presence_count(&channel->member) >= limits->presences)
		refuse(channel, message, LIMIT_PRESENCES, "Too many are present in this topic");
	else
	{
		/* Without a state a client would keep all that follows unread. */
		if (!channel->member.hears_presence && channel->rights.hears_presence)
			channel_send_presence_state(channel);
		if (channel->key.data == NULL)
			channel->key = join_config_new_key();
		hub_track(&loop->hub, &channel->member, channel->key, payload,
				  encode_reply(channel, message, true));
	}
}

void
presence_call_receive(struct channel *channel, const struct phoenix_message *message)
{
	struct connection *connection = channel->connection;
	struct call		   call = read_call(message->payload);
	struct frame	  *unknown;

	if (!connection_take(connection, RATE_PRESENCE_CALLS))
		message_reply_error(connection, message, channel->join_ref,
							"Client presence rate limit exceeded");
	else if (is_event(&call, SLICE("\"track\"")))
		track(channel, message, call.payload);
	else if (is_event(&call, SLICE("\"untrack\"")))
		hub_untrack(&connection->loop->hub, &channel->member,
					encode_reply(channel, message, true));
	else if ((unknown = encode_reply(channel, message, false)) != NULL)
		connection_send_take(connection, unknown);
}
