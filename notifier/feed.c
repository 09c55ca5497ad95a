/*
 * feed.c
 *		Broadcasts of the database: new rows of realtime.messages.
 */
#include "feed.h"

#include <stdlib.h>

#include "channel.h"
#include "log.h"
#include "memory.h"
#include "message_row.h"
#include "topic.h"

#define DELETE_INTERVAL_MS 60000

const char feed_find[] =
	"SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, EXISTS ("
	"SELECT FROM pg_catalog.pg_proc p"
	" JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
	" WHERE n.nspname = 'realtime' AND p.proname = 'harthio_new_messages'"
	" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
	" AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))";

const char feed_read[] = "SELECT " MESSAGE_COLUMNS
						 " FROM realtime.harthio_new_messages($1::pg_catalog.pg_snapshot) m";

const char feed_delete[] = "SELECT realtime.harthio_delete_messages()";

static void
replace(char **text, const char *value)
{
	free(*text);
	*text = value != NULL ? memory_copy(value, strlen(value)) : NULL;
}

void
feed_free(struct feed *feed)
{
	replace(&feed->snapshot, NULL);
	replace(&feed->next_snapshot, NULL);
}

void
feed_take_find(struct feed *feed, const PGresult *result)
{
	const bool here = strcmp(PQgetvalue(result, 0, 1), "t") == 0;

	if (feed->snapshot == NULL)
		replace(&feed->snapshot, PQgetvalue(result, 0, 0));
	if (here != feed->here)
		log_info("database", "link=listener event=feed messages=%s", here ? "here" : "gone");
	feed->here = here;
}

/* Sessions are told of by their states alone. */
static void
publish(const struct feed *feed, const struct message_row *message)
{
	char		 bytes[PHOENIX_NAME_MAX];
	const size_t prefix = sizeof(TOPIC_PREFIX) - 1;
	struct slice topic = slice_of(bytes, prefix + message->topic.length);
	struct slice id;

	if (topic.length > sizeof(bytes))
		return;
	memcpy(bytes, TOPIC_PREFIX, prefix);
	memcpy(bytes + prefix, message->topic.data, message->topic.length);
	if (!topic_session_id(topic, &id))
		hub_publish_here(feed->hub, topic, message->private, &message->broadcast);
}

/* One row has a snapshot instead of an id, and no topic. */
static void
take_row(struct feed *feed, const PGresult *result, int row)
{
	struct message_row message;
	const char		  *wrong;

	wrong = message_row_read(result, row, false, feed->limits->payload_bytes, &message);
	if (message.topic.data == NULL)
	{
		char *snapshot = memory_copy(message.broadcast.id.data, message.broadcast.id.length);

		replace(&feed->next_snapshot, snapshot);
		free(snapshot);
	}
	else if (wrong == NULL)
		publish(feed, &message);
	else
		log_client(LOG_LEVEL_WARNING, "hub", "event=message_dropped id=%s reason=%s",
				   log_slice(message.broadcast.id), log_text(wrong));
	message_row_free(&message);
}

void
feed_take_rows(struct feed *feed, const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++)
		take_row(feed, result, row);
}

void
feed_read_done(struct feed *feed)
{
	if (feed->next_snapshot == NULL)
		return;
	free(feed->snapshot);
	feed->snapshot = feed->next_snapshot;
	feed->next_snapshot = NULL;
}

bool
feed_delete_due(struct feed *feed, uint64_t now)
{
	if (!feed->here || (feed->deleted_all && now - feed->deleted_at < DELETE_INTERVAL_MS))
		return false;
	feed->deleted_at = now;
	feed->deleted_all = true;
	return true;
}

void
feed_take_deleted(struct feed *feed, const PGresult *result)
{
	feed->deleted_all = strcmp(PQgetvalue(result, 0, 0), "0") == 0;
}
