/*
 * admission.c
 *		May this channel be here?  Asked when it joins and at each new token.
 */
#include "admission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "loop.h"
#include "memory.h"
#include "message_row.h"

#define REASON_MAX_BYTES 512

#define NO_DATABASE "Realtime was unable to connect to the project database"
#define NO_REPLAY	"UnableToReplayMessages: Realtime was unable to replay messages"

/* In channels that know no policies. */
static const struct database_rights all_rights = {true, true, true, true};

void
admission_refuse_join(struct connection *connection, struct slice join_ref,
					  struct slice ref, struct slice topic, const char *reason)
{
	struct buffer response = {0};

	metrics_count_refusal(&connection->loop->metrics, reason);
	log_client(LOG_LEVEL_INFO, "channel", "id=%llu event=refused topic=%s reason=%s",
			   (unsigned long long) connection->id, log_slice(topic),
			   log_text(reason));
	buffer_append_text(&response, "{\"reason\":");
	buffer_append_json_string(&response, slice_text(reason));
	buffer_append_text(&response, "}");
	connection_send_take(connection,
						 phoenix_encode_reply(connection->version, join_ref, ref,
											  topic, false,
											  buffer_slice(&response)));
	buffer_free(&response);
}

void
admission_refuse(struct channel *channel, const char *reason)
{
	admission_refuse_join(channel->connection, channel->join_ref,
						  channel->reply_ref, channel->topic, reason);
	channel_free(channel);
}

/* Whoever is in a session is attached to it. */
static void
tell_upkeep(const struct channel *channel)
{
	if (channel->session != NULL)
		upkeep_enter(channel->connection->loop->upkeep, hub_session_id(channel->session),
					 channel->member.participant);
}

/* Who waits is in already. */
static void
enter(struct channel *channel)
{
	if (channel->member.room == NULL)
		hub_enter(&channel->connection->loop->hub, &channel->member, channel->topic,
				  channel->private, channel->session);
	tell_upkeep(channel);
}

/*
 * Answer the join.  The row changes that were asked for are repeated, or the
 * client would give up the whole channel; then it is told that there are none.
 */
static void
admit_join(struct channel *channel)
{
	struct connection *connection = channel->connection;
	struct buffer	   response = {0};

	channel_renew(channel);
	channel->joined = true;
	metrics_add(&connection->loop->metrics, METRIC_JOINS, 1);
	buffer_append_text(&response, "{\"postgres_changes\":");
	buffer_append(&response, buffer_slice(&channel->bindings));
	buffer_append_text(&response, "}");
	connection_send_take(connection,
						 phoenix_encode_reply(connection->version,
											  channel->join_ref, channel->reply_ref,
											  channel->topic, true,
											  buffer_slice(&response)));
	buffer_free(&response);
	buffer_free(&channel->bindings);
	enter(channel);
	if (channel->presence && channel->rights.hears_presence)
		channel_send_presence_state(channel);
	if (channel->wants_rows)
		channel_send_system(channel, "postgres_changes", "error",
							"Row changes are not offered by this server");
	hub_send_state(&channel->member);
	log_debug("channel", "id=%llu event=joined topic=%s",
			  (unsigned long long) connection->id, log_slice(channel->topic));
}

static void
admit(struct channel *channel)
{
	if (channel->joined)
	{
		channel_renew(channel);
		tell_upkeep(channel);
	}
	else
		admit_join(channel);
}

/* A joined channel has lost its right; one that wants to join has none. */
static void
forbid(struct channel *channel, const char *message)
{
	char text[REASON_MAX_BYTES + 16];

	if (channel->joined)
	{
		channel_fail(channel, CHANNEL_CODE_FORBIDDEN, message);
		return;
	}
	snprintf(text, sizeof(text), "Unauthorized: %s", message);
	admission_refuse(channel, text);
}

static void
forbid_topic(struct channel *channel)
{
	char text[REASON_MAX_BYTES];

	snprintf(text, sizeof(text),
			 channel->joined
				 ? "You no longer have permission to read from this Channel topic: %.*s"
				 : "You do not have permissions to read from this Channel topic: %.*s",
			 (int) channel_subtopic(channel).length, channel_subtopic(channel).data);
	forbid(channel, text);
}

/*
 * The database cannot be asked.  Whoever is in stays in, by the token that was
 * good when it was asked: that one's end is still watched.
 */
static void
postpone(struct channel *channel)
{
	if (channel->joined)
	{
		identity_release(channel->new_identity);
		channel->new_identity = NULL;
		channel->token_hash = 0;
		return;
	}
	admission_refuse(channel, "UnableToConnectToProject: " NO_DATABASE);
}

static void
on_answer(void *owner, const struct database_answer *answer)
{
	struct channel *channel = owner;

	channel->request = NULL;
	if (answer->state.data != NULL)
		hub_state(&channel->connection->loop->hub, answer->state);
	switch (answer->verdict)
	{
		case DATABASE_ALLOWED:
			admit(channel);
			break;
		case DATABASE_DENIED:
			forbid_topic(channel);
			break;
		case DATABASE_OBJECTED:
			forbid(channel, answer->message);
			break;
		case DATABASE_UNAVAILABLE:
			postpone(channel);
			break;
	}
}

bool
admission_may_listen(const struct channel *channel, const struct database_rights *rights)
{
	return rights->hears_broadcasts || (channel->presence && rights->hears_presence);
}

/* Another token gives other rights: what is no longer allowed ends here. */
static void
take_rights(struct channel *channel, const struct database_rights *rights)
{
	struct hub_member *member = &channel->member;

	channel->rights = *rights;
	member->deaf = !rights->hears_broadcasts;
	if (!channel->joined)
		return;
	if (!rights->hears_presence)
		hub_ignore_presence(member);
	else if (channel->presence && !member->hears_presence)
		channel_send_presence_state(channel);
	if (!rights->shows_presence && member->presence != NULL)
		hub_untrack(&channel->connection->loop->hub, member, NULL);
}

/* What was replayed is remembered, as it may be what is just being sent live. */
static void
send_replay(struct channel *channel, const PGresult *messages)
{
	const uint64_t payload_max = channel->connection->loop->limiter.limits.payload_bytes;
	struct buffer  ids = {0};

	for (int row = 0; row < PQntuples(messages); row++)
	{
		struct message_row message;

		if (message_row_read(messages, row, true, payload_max, &message) == NULL)
		{
			hub_replay(&channel->member, &message.broadcast);
			buffer_append(&ids, message.broadcast.id);
		}
		message_row_free(&message);
	}
	channel->replayed = ids;
	channel->member.replayed = buffer_slice(&channel->replayed);
	hub_stop_waiting(&channel->member);
}

static void
on_policies(void *owner, const struct database_answer *answer)
{
	struct channel *channel = owner;
	const bool		wants_replay = channel->replay.limit > 0 && !channel->joined;

	channel->request = NULL;
	if (answer->verdict == DATABASE_UNAVAILABLE)
		postpone(channel);
	else if (answer->verdict != DATABASE_ALLOWED || !admission_may_listen(channel, &answer->rights))
		forbid_topic(channel);
	else if (wants_replay &&
			 (answer->replay == NULL || channel->member.kept_count == HUB_KEPT_MAX))
		admission_refuse(channel, NO_REPLAY);
	else
	{
		take_rights(channel, &answer->rights);
		admit(channel);
		if (wants_replay)
			send_replay(channel, answer->replay);
	}
}

static void
ask_policies(struct channel *channel)
{
	const struct database_replay none = {0};
	struct slice				 subtopic = channel_subtopic(channel);
	char						*topic = memory_copy(subtopic.data, subtopic.length);

	/* What comes between the replay and its answer must not be lost. */
	if (channel->replay.limit > 0 && !channel->joined)
	{
		channel->member.waits = true;
		enter(channel);
	}
	channel->request = database_ask_policies(channel->connection->loop->policies, topic,
											 channel->new_identity->claims.json,
											 channel->joined ? none : channel->replay,
											 on_policies, channel);
	free(topic);
}

static void
ask_database(struct channel *channel)
{
	channel->request = database_authorize(channel->connection->loop->database,
										  hub_session_id(channel->session),
										  channel->new_identity->claims.json,
										  on_answer, channel);
}

/*
 * The database decides about sessions, whether the client takes them for private
 * or not, and policies decide about other private channels.  No policy knows of
 * a topic that the database could not spell.
 */
void
admission_ask(struct channel *channel)
{
	if (channel->request != NULL)
		database_cancel(channel->request);
	channel->request = NULL;
	if (!channel->private)
		channel->rights = all_rights;
	if (channel->session != NULL)
		ask_database(channel);
	else if (channel->private && memchr(channel->topic.data, '\0', channel->topic.length) != NULL)
		forbid_topic(channel);
	else if (channel->private)
		ask_policies(channel);
	else if (!channel->connection->loop->public_channels)
		admission_refuse(channel, "PrivateOnly: This project only allows private channels");
	else
		admit(channel);
}
