/*
 * channel.c
 *		A client's place in one topic: from phx_join until it leaves.
 */
#include "channel.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "topic.h"

struct slice
channel_subtopic(const struct channel *channel)
{
	const size_t prefix = sizeof(TOPIC_PREFIX) - 1;

	return slice_of(channel->topic.data + prefix, channel->topic.length - prefix);
}

struct channel *
channel_find(struct connection *connection, struct slice topic)
{
	struct hash_entry *entry = hash_map_find(&connection->channels, topic);

	return entry != NULL ? hash_holder(entry, struct channel, entry) : NULL;
}

/* Copy to where there is room, which is less by so much then. */
static struct slice
copy_to(char **room, struct slice bytes)
{
	char *copy = *room;

	if (bytes.length > 0)
		memcpy(copy, bytes.data, bytes.length);
	*room += bytes.length;
	return slice_of(copy, bytes.length);
}

struct channel *
channel_new(struct connection *connection, const struct phoenix_message *join,
			struct identity *identity)
{
	const size_t	length = join->topic.length + join->join_ref.length + join->ref.length;
	struct channel *channel = memory_new(sizeof(*channel) + length);
	char		   *room = channel->bytes;

	channel->connection = connection;
	channel->member.connection = connection;
	channel->topic = copy_to(&room, join->topic);
	channel->join_ref = copy_to(&room, join->join_ref);
	channel->reply_ref = copy_to(&room, join->ref);
	channel->new_identity = identity_hold(identity);
	hash_map_add(&connection->channels, &channel->entry, channel->topic);
	return channel;
}

void
channel_free(struct channel *channel)
{
	struct hub *hub = &channel->connection->loop->hub;

	if (channel->request != NULL)
		database_cancel(channel->request);
	hub_leave(hub, &channel->member);
	if (channel->joined && channel->session != NULL)
		upkeep_leave(channel->connection->loop->upkeep, hub_session_id(channel->session));
	if (channel->session != NULL)
		hub_session_drop(hub, channel->session);
	hash_map_remove(&channel->connection->channels, &channel->entry);
	identity_release(channel->identity);
	identity_release(channel->new_identity);
	buffer_free(&channel->bindings);
	buffer_free(&channel->replayed);
	free((char *) channel->key.data);
	free(channel);
}

void
channel_free_all(struct connection *connection)
{
	struct hash_entry *entry;

	while ((entry = hash_map_next(&connection->channels, NULL)) != NULL)
		channel_free(hash_holder(entry, struct channel, entry));
}

void
channel_renew(struct channel *channel)
{
	struct connection *connection = channel->connection;

	identity_release(channel->identity);
	channel->identity = channel->new_identity;
	channel->new_identity = NULL;
	channel->member.participant = channel->identity->subject;
	if (connection->next_expiry == 0 ||
		channel->identity->claims.expires < connection->next_expiry)
		connection->next_expiry = channel->identity->claims.expires;
}

static void
send_push(struct channel *channel, struct slice ref, const char *event,
		  struct slice payload)
{
	struct connection *connection = channel->connection;

	connection_send_take(connection,
						 phoenix_encode_push(connection->version,
											 channel->join_ref, ref,
											 channel->topic, event, payload));
}

void
channel_send_system(struct channel *channel, const char *extension,
					const char *status, const char *message)
{
	struct buffer payload = {0};

	buffer_append_text(&payload, "{\"extension\":");
	buffer_append_json_string(&payload, slice_text(extension));
	buffer_append_text(&payload, ",\"status\":");
	buffer_append_json_string(&payload, slice_text(status));
	buffer_append_text(&payload, ",\"message\":");
	buffer_append_json_string(&payload, slice_text(message));
	buffer_append_text(&payload, ",\"channel\":");
	buffer_append_json_string(&payload, channel_subtopic(channel));
	buffer_append_text(&payload, "}");
	send_push(channel, SLICE("null"), "system", buffer_slice(&payload));
	buffer_free(&payload);
}

void
channel_send_presence_state(struct channel *channel)
{
	struct slice state;

	if (hub_hear_presence(&channel->member, &state))
		send_push(channel, SLICE("null"), "presence_state", state);
}

void
channel_present(struct hub_member *member)
{
	channel_send_presence_state((struct channel *) ((char *) member - offsetof(struct channel, member)));
}

void
channel_announce_feed(struct connection *connection)
{
	struct hash_entry *entry = NULL;

	connection->awaits_feed = false;
	while ((entry = hash_map_next(&connection->channels, entry)) != NULL)
	{
		struct channel *channel = hash_holder(entry, struct channel, entry);

		if (channel->awaits_feed && channel->joined)
		{
			channel->awaits_feed = false;
			channel_send_system(channel, "system", "ok",
								"Replication connection established");
		}
		else if (channel->awaits_feed)
			connection->awaits_feed = true;
	}
}

void
channel_announce_end(struct connection *connection)
{
	struct hash_entry *entry = NULL;

	while ((entry = hash_map_next(&connection->channels, entry)) != NULL)
		channel_send_system(hash_holder(entry, struct channel, entry), "system", "ok",
							"Server requested disconnect");
}

void
channel_end(struct channel *channel)
{
	send_push(channel, channel->join_ref, "phx_close", SLICE("{}"));
	channel_free(channel);
}

/*
 * Supabase's server sends phx_close here, after which its clients never come
 * back.  They rejoin after phx_error, with the token that they have by then.
 */
void
channel_fail(struct channel *channel, unsigned code, const char *message)
{
	struct buffer payload = {0};
	char		  opening[32];

	log_client(LOG_LEVEL_INFO, "channel", "id=%llu event=failed topic=%s code=%u reason=%s",
			   (unsigned long long) channel->connection->id,
			   log_slice(channel->topic), code, log_text(message));
	channel_send_system(channel, "system", "error", message);
	snprintf(opening, sizeof(opening), "{\"code\":%u,\"reason\":", code);
	buffer_append_text(&payload, opening);
	buffer_append_json_string(&payload, slice_text(message));
	buffer_append_text(&payload, "}");
	send_push(channel, channel->join_ref, "phx_error", buffer_slice(&payload));
	buffer_free(&payload);
	channel_free(channel);
}

/* One channel whose token has run out, or NULL; also the next time to look. */
static struct channel *
find_expired(struct connection *connection, double now)
{
	struct hash_entry *entry = NULL;

	connection->next_expiry = 0;
	while ((entry = hash_map_next(&connection->channels, entry)) != NULL)
	{
		struct channel *channel = hash_holder(entry, struct channel, entry);

		if (!channel->joined)
			continue;
		if (channel->identity->claims.expires <= now)
			return channel;
		if (connection->next_expiry == 0 ||
			channel->identity->claims.expires < connection->next_expiry)
			connection->next_expiry = channel->identity->claims.expires;
	}
	return NULL;
}

void
channel_expire_all(struct connection *connection)
{
	double			now;
	struct channel *channel;

	if (connection->next_expiry == 0)
		return;
	now = clock_now();
	if (connection->next_expiry > now)
		return;
	while ((channel = find_expired(connection, now)) != NULL)
	{
		struct auth_refusal refusal;

		auth_expired(channel->identity->claims.expires, now, &refusal);
		channel_fail(channel, CHANNEL_CODE_TOKEN, refusal.message);
	}
}
