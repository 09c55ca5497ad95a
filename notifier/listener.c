/*
 * listener.c
 *		Hears from the database what changed, and tells the hub.
 *
 * Snapshots go through the listening connection itself: if it breaks, so do
 * they, and the next connect begins anew.
 */
#include "listener.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "feed.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#define CHANNEL_NAME   "harthio"
#define SNAPSHOT_CHUNK 500

/* The publisher's lag is asked this long after the last answer. */
#define LAG_INTERVAL_MS 1000

enum listener_state
{
	LISTENER_IDLE,		/* nothing was asked */
	LISTENER_LISTENING, /* LISTEN was sent */
	LISTENER_SNAPSHOT,	/* a chunk of snapshots was asked for */
	LISTENER_LAG,		/* the publisher's lag was asked for */
	LISTENER_FIND,		/* asked whether there are messages */
	LISTENER_READ,		/* and for those that are new */
	LISTENER_DELETE		/* and to delete the old ones */
};

struct listener
{
	struct database_link link;			/* the connection */
	struct hub			*hub;			/* whom we tell */
	enum listener_state	 state;			/* what the next result is of */
	bool				 resync_wanted; /* all snapshots, as soon as there is time */
	struct feed			 feed;			/* messages */
	bool				 find_wanted;	/* there may be some */
	bool				 read_wanted;	/* there are some, if there are any */
	char			   **ids;			/* sessions whose snapshot is to be taken */
	size_t				 id_count;		/* how many */
	size_t				 id_next;		/* first one that was not asked for */
	bool				 listening;		/* LISTEN is committed */
	double				 lag;			/* the publisher's, in seconds; NaN: not known */
	uint64_t			 lag_asked_at;	/* loop time */
	uint64_t			 lag_told_at;	/* loop time */
};

static void
forget_ids(struct listener *listener)
{
	for (size_t i = 0; i < listener->id_count; i++)
		free(listener->ids[i]);
	free(listener->ids);
	listener->ids = NULL;
	listener->id_count = 0;
	listener->id_next = 0;
}

/* Sessions may come and go while snapshots are taken, so keep their names. */
static void
collect_ids(struct listener *listener)
{
	struct hub_session *session = NULL;

	forget_ids(listener);
	listener->ids = memory_resize(NULL, listener->hub->sessions.count + 1,
								  sizeof(*listener->ids));
	while ((session = hub_session_next(listener->hub, session)) != NULL)
	{
		const char *id = hub_session_id(session);

		listener->ids[listener->id_count++] = memory_copy(id, strlen(id));
	}
	log_info("database", "link=listener event=resync sessions=%zu",
			 listener->id_count);
}

/* The next ids as the text of an array.  Ids need no escapes, only quotes. */
static void
append_chunk(struct listener *listener, struct buffer *array)
{
	size_t end = listener->id_next + SNAPSHOT_CHUNK;

	if (end > listener->id_count)
		end = listener->id_count;
	buffer_append_byte(array, '{');
	while (listener->id_next < end)
	{
		buffer_append_byte(array, '"');
		buffer_append_text(array, listener->ids[listener->id_next++]);
		buffer_append_text(array, listener->id_next < end ? "\"," : "\"");
	}
	buffer_append_byte(array, '}');
	buffer_append_byte(array, '\0');
}

static void
ask_chunk(struct listener *listener)
{
	struct buffer sql = {0};
	struct buffer array = {0};
	const char	 *value;
	int			  sent;

	buffer_append_text(&sql, "SELECT state FROM ");
	buffer_append_text(&sql, listener->link.schema);
	buffer_append_text(&sql, ".harthio_snapshot($1::text[])");
	buffer_append_byte(&sql, '\0');
	append_chunk(listener, &array);
	value = array.data;
	sent = PQsendQueryParams(listener->link.pg, sql.data, 1, NULL, &value,
							 NULL, NULL, 0);
	buffer_free(&sql);
	buffer_free(&array);
	listener->state = LISTENER_SNAPSHOT;
	if (sent == 1)
		database_link_flush(&listener->link);
	else
		database_link_lose(&listener->link, PQerrorMessage(listener->link.pg));
}

/*
 * It is asked on the connection that listens: the answer shows that this one is
 * alive, and that what was notified before has been heard.
 */
static void
ask_lag(struct listener *listener)
{
	listener->lag_asked_at = uv_now(listener->link.setup->uv);
	listener->state = LISTENER_LAG;
	if (PQsendQuery(listener->link.pg, "SELECT publisher_lag_ms FROM harthio.activity_now()") == 1)
		database_link_flush(&listener->link);
	else
		database_link_lose(&listener->link, PQerrorMessage(listener->link.pg));
}

/* Results of reading come row by row, however many there are, and in binary. */
static void
ask_feed(struct listener *listener, enum listener_state state, const char *sql)
{
	const char *const snapshot = listener->feed.snapshot;
	const bool		  reads = state == LISTENER_READ;
	bool			  sent;

	listener->state = state;
	sent = PQsendQueryParams(listener->link.pg, sql, reads ? 1 : 0, NULL, &snapshot, NULL,
							 NULL, reads ? 1 : 0) == 1 &&
		   (!reads || PQsetSingleRowMode(listener->link.pg) == 1);
	if (sent)
		database_link_flush(&listener->link);
	else
		database_link_lose(&listener->link, PQerrorMessage(listener->link.pg));
}

static void
ask_about_messages(struct listener *listener)
{
	if (listener->find_wanted)
	{
		listener->find_wanted = false;
		ask_feed(listener, LISTENER_FIND, feed_find);
	}
	else if (listener->read_wanted)
	{
		listener->read_wanted = false;
		ask_feed(listener, LISTENER_READ, feed_read);
	}
	else if (feed_delete_due(&listener->feed, uv_now(listener->link.setup->uv)))
		ask_feed(listener, LISTENER_DELETE, feed_delete);
}

/* Nothing is under way: is there anything to ask? */
static void
ask_next(struct listener *listener)
{
	listener->state = LISTENER_IDLE;
	if (listener->id_next == listener->id_count && listener->resync_wanted)
	{
		listener->resync_wanted = false;
		metrics_add(listener->link.setup->metrics, METRIC_RESYNCS, 1);
		collect_ids(listener);
	}
	if (listener->id_next < listener->id_count)
		ask_chunk(listener);
	else
	{
		forget_ids(listener);
		ask_about_messages(listener);
	}
}

static void
take_snapshot(struct listener *listener, const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++)
	{
		if (!PQgetisnull(result, row, 0))
			hub_state(listener->hub,
					  slice_of(PQgetvalue(result, row, 0),
							   (size_t) PQgetlength(result, row, 0)));
	}
}

static void
take_lag(struct listener *listener, const PGresult *result)
{
	listener->lag = strtod(PQgetvalue(result, 0, 0), NULL) / 1000;
	listener->lag_told_at = uv_now(listener->link.setup->uv);
}

static void
take_rows(struct listener *listener, const PGresult *result)
{
	switch (listener->state)
	{
		case LISTENER_LAG:
			take_lag(listener, result);
			break;
		case LISTENER_FIND:
			feed_take_find(&listener->feed, result);
			listener->read_wanted = listener->feed.here;
			break;
		case LISTENER_READ:
			feed_take_rows(&listener->feed, result);
			if (PQresultStatus(result) == PGRES_TUPLES_OK)
				feed_read_done(&listener->feed);
			break;
		case LISTENER_DELETE:
			feed_take_deleted(&listener->feed, result);
			break;
		default:
			take_snapshot(listener, result);
	}
}

/*
 * The table of messages is not ours: what is wrong with it is no reason to hear
 * nothing of sessions.
 */
static bool
take_error(struct listener *listener, const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (listener->state < LISTENER_FIND || message == NULL ||
		PQstatus(listener->link.pg) != CONNECTION_OK)
	{
		database_link_lose(&listener->link, PQresultErrorMessage(result));
		return false;
	}
	log_warning("database", "link=listener event=error message=%s", log_text(message));
	if (listener->state == LISTENER_READ)
		listener->feed.here = false;
	return true;
}

/* False if the link is lost. */
static bool
take_result(struct listener *listener, const PGresult *result)
{
	switch (PQresultStatus(result))
	{
		case PGRES_TUPLES_OK:
		case PGRES_SINGLE_TUPLE:
			take_rows(listener, result);
			return true;
		case PGRES_COMMAND_OK:
			listener->listening = true;
			listener->lag_told_at = uv_now(listener->link.setup->uv);
			return true;
		default:
			return take_error(listener, result);
	}
}

enum listener_order
listener_read_order(const char *payload)
{
	json_t			   *object = json_loads(payload, 0, NULL);
	enum listener_order order = LISTENER_NO_ORDER;

	if (json_is_true(json_object_get(object, "resync")))
		order = LISTENER_RESYNC;
	else if (json_is_true(json_object_get(object, "messages")))
		order = LISTENER_MESSAGES;
	json_decref(object);
	return order;
}

/* What is no state is an order. */
static void
take_notification(struct listener *listener, const char *payload)
{
	if (hub_try_state(listener->hub, slice_text(payload)))
		return;
	switch (listener_read_order(payload))
	{
		case LISTENER_RESYNC:
			listener->resync_wanted = true;
			listener->find_wanted = true;
			break;
		case LISTENER_MESSAGES:
			listener->read_wanted = listener->read_wanted || listener->feed.here;
			listener->find_wanted = listener->find_wanted || !listener->feed.here;
			break;
		default:
			log_warning("hub", "event=not_a_state bytes=%zu", strlen(payload));
	}
	if (listener->state == LISTENER_IDLE)
		ask_next(listener);
}

static void
take_notifications(struct listener *listener)
{
	PGnotify *notification;

	while (listener->link.state == LINK_READY &&
		   (notification = PQnotifies(listener->link.pg)) != NULL)
	{
		metrics_add(listener->link.setup->metrics, METRIC_NOTIFICATIONS, 1);
		take_notification(listener, notification->extra);
		PQfreemem(notification);
	}
}

static void
on_readable(void *owner)
{
	struct listener *listener = owner;

	while (listener->state != LISTENER_IDLE && !PQisBusy(listener->link.pg))
	{
		PGresult *result = PQgetResult(listener->link.pg);
		bool	  good;

		if (result == NULL)
		{
			ask_next(listener);
			if (listener->link.state != LINK_READY)
				return;
			continue;
		}
		good = take_result(listener, result);
		PQclear(result);
		if (!good)
			return;
	}
	take_notifications(listener);
}

static void
on_ready(void *owner)
{
	struct listener *listener = owner;

	forget_ids(listener);
	listener->resync_wanted = true;
	listener->find_wanted = true;
	listener->state = LISTENER_LISTENING;
	if (PQsendQuery(listener->link.pg, "LISTEN " CHANNEL_NAME) == 1)
		database_link_flush(&listener->link);
	else
		database_link_lose(&listener->link, PQerrorMessage(listener->link.pg));
}

static void
on_lost(void *owner)
{
	struct listener *listener = owner;

	listener->state = LISTENER_IDLE;
	listener->listening = false;
	listener->lag = NAN;
	forget_ids(listener);
}

static const struct link_events events = {
	.ready = on_ready,
	.readable = on_readable,
	.lost = on_lost,
};

struct listener *
listener_new(const struct link_setup *setup, struct hub *hub, const struct limits *limits)
{
	struct listener *listener = memory_new(sizeof(*listener));

	listener->hub = hub;
	listener->lag = NAN;
	listener->feed = (struct feed){.hub = hub, .limits = limits};
	listener->link = (struct database_link){
		.setup = setup,
		.name = "listener",
		.events = &events,
		.owner = listener,
	};
	database_link_start(&listener->link);
	return listener;
}

bool
listener_is_live(const struct listener *listener)
{
	return listener->listening;
}

double
listener_lag(const struct listener *listener)
{
	const uint64_t since = uv_now(listener->link.setup->uv) - listener->lag_told_at;
	double		   silence;

	if (!listener->listening || isnan(listener->lag))
		return NAN;
	if (since <= (uint64_t) 2 * LAG_INTERVAL_MS)
		return listener->lag;
	silence = (double) (since - LAG_INTERVAL_MS) / 1000;
	return silence > listener->lag ? silence : listener->lag;
}

void
listener_tick(struct listener *listener)
{
	const uint64_t now = uv_now(listener->link.setup->uv);

	if (listener->state == LISTENER_LAG &&
		now - listener->lag_asked_at >= 2 * listener->link.setup->answer_ms)
		database_link_lose(&listener->link, "no answer in time");
	else if (listener->state == LISTENER_IDLE && listener->listening &&
			 (isnan(listener->lag) || now - listener->lag_told_at >= LAG_INTERVAL_MS))
		ask_lag(listener);
}

void
listener_stop(struct listener *listener)
{
	database_link_stop(&listener->link);
	forget_ids(listener);
}

void
listener_free(struct listener *listener)
{
	if (listener != NULL)
		feed_free(&listener->feed);
	free(listener);
}
