/*
 * connection.c
 *		One client: what it sends, what waits to be sent to it, how it ends.
 *
 * Writing is libwebsockets' business only in that it takes our bytes: frames
 * carry their own headers, so LWS_WRITE_RAW sends any number of them in one
 * system call.  Only whole frames are given to it, because it may put a ping or
 * a pong of its own between two writes.
 */
#include "connection.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "channel.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "message.h"

#define QUEUE_FIRST_CAPACITY 8
#define CLOSE_PATIENCE_MS	 3000
#define TRUSTED_BYTES		 4096

struct connection *
connection_new(struct loop *loop, struct lws *wsi, enum phoenix_version version)
{
	struct connection *connection = memory_new(sizeof(*connection));

	connection->loop = loop;
	connection->wsi = wsi;
	connection->version = version;
	connection->opened_at = uv_now(&loop->uv);
	connection->heard_at = connection->opened_at;
	connection->queue = &connection->queue_one;
	connection->queue_capacity = 1;
	hash_map_init(&connection->channels, &loop->hash_key);
	metrics_add(&loop->metrics, METRIC_CONNECTIONS_OPENED, 1);
	loop_add_connection(loop, connection);
	return connection;
}

static struct frame *
queue_pop(struct connection *connection)
{
	struct frame *frame = connection->queue[connection->queue_head];

	connection->queue_head = (connection->queue_head + 1) &
							 (connection->queue_capacity - 1);
	connection->queue_count--;
	connection->queue_bytes -= frame->length;
	return frame;
}

static void
queue_clear(struct connection *connection)
{
	while (connection->queue_count > 0)
		frame_release(queue_pop(connection));
	if (connection->queue != &connection->queue_one)
		free(connection->queue);
	connection->queue = &connection->queue_one;
	connection->queue_capacity = 1;
	connection->queue_head = 0;
}

static void
queue_grow(struct connection *connection)
{
	uint32_t	   old = connection->queue_capacity;
	uint32_t	   capacity = old == 1 ? QUEUE_FIRST_CAPACITY : old * 2;
	struct frame **queue = memory_resize(NULL, capacity, sizeof(void *));

	for (uint32_t i = 0; i < connection->queue_count; i++)
		queue[i] = connection->queue[(connection->queue_head + i) & (old - 1)];
	if (connection->queue != &connection->queue_one)
		free(connection->queue);
	connection->queue = queue;
	connection->queue_capacity = capacity;
	connection->queue_head = 0;
}

static void
log_closed(const struct connection *connection)
{
	const char *reason = connection->close_reason;

	if (reason == NULL)
		reason = connection->close_code != 0 ? "closed by the peer" : "connection lost";
	log_info("connection",
			 "id=%llu event=closed code=%u reason=%s age_ms=%llu "
			 "messages_in=%llu bytes_in=%llu messages_out=%llu bytes_out=%llu "
			 "malformed=%u refused=%u unsent=%u",
			 (unsigned long long) connection->id, connection->close_code,
			 log_text(reason),
			 (unsigned long long) (uv_now(&connection->loop->uv) -
								   connection->opened_at),
			 (unsigned long long) connection->messages_in,
			 (unsigned long long) connection->bytes_in,
			 (unsigned long long) connection->messages_out,
			 (unsigned long long) connection->bytes_out,
			 connection->malformed,
			 connection->refused, connection->queue_count);
}

void
connection_free(struct connection *connection)
{
	log_closed(connection);
	metrics_count_close(&connection->loop->metrics, connection->close_code);
	/* Nothing can be sent any more. */
	connection->state = CONNECTION_CLOSING;
	channel_free_all(connection);
	limiter_leave(&connection->loop->limiter, connection->place);
	tally_leave(&connection->loop->limiter.totals->subjects, connection->subject);
	hash_map_free(&connection->channels);
	queue_clear(connection);
	list_remove(&connection->unsent);
	list_remove(&connection->unread);
	list_remove(&connection->resting);
	buffer_free(&connection->incoming);
	shared_text_release(&connection->loop->apikeys, connection->apikey);
	loop_remove_connection(connection->loop, connection);
	free(connection);
}

void
connection_refuse(struct connection *connection, enum limit limit)
{
	connection->refused++;
	connection->loop->limiter.refused[limit]++;
	if (connection->limits_logged & 1U << limit)
		return;
	connection->limits_logged |= 1U << limit;
	log_client(LOG_LEVEL_INFO, "connection", "id=%llu event=refused limit=%s",
			   (unsigned long long) connection->id, limit_name(limit));
}

/*
 * To refuse costs nearly as much as to serve, so one who goes on asking for too
 * much would have the time of all others: the system keeps what he sends, and
 * then lets him send no more.
 */
static void
put_to_rest(struct connection *connection)
{
	struct loop *loop = connection->loop;

	if (connection->resting.place != NULL)
		return;
	metrics_add(&loop->metrics, METRIC_RESTS, 1);
	list_remove(&connection->unread);
	lws_rx_flow_control(connection->wsi, 0);
	loop_rest(loop, connection);
}

void
connection_wake(struct connection *connection)
{
	lws_rx_flow_control(connection->wsi, 1);
}

bool
connection_take(struct connection *connection, enum rate_kind kind)
{
	static const enum limit limits[RATE_COUNT] = {
		[RATE_JOINS] = LIMIT_JOINS,
		[RATE_MESSAGES] = LIMIT_MESSAGES,
		[RATE_PRESENCE_CALLS] = LIMIT_PRESENCE_CALLS,
	};
	struct loop	  *loop = connection->loop;
	const uint64_t now = uv_now(&loop->uv);

	if (limiter_take(&loop->limiter, connection->rates, kind, 1, now))
		return true;
	connection_refuse(connection, limits[kind]);
	if (!limiter_may_tell(&loop->limiter, connection->rates, &connection->refusals, kind, now))
		put_to_rest(connection);
	return false;
}

bool
connection_set_subject(struct connection *connection, const char *subject)
{
	struct limiter *limiter = &connection->loop->limiter;
	struct slice	name = slice_text(subject);
	struct tally   *tally;

	if (subject == NULL || (connection->subject != NULL &&
							slice_equal(connection->subject->entry.key, name)))
		return true;
	tally = tally_enter(&limiter->totals->subjects, name, limiter->limits.subject_connections);
	if (tally == NULL)
	{
		connection_refuse(connection, LIMIT_SUBJECT);
		return false;
	}
	tally_leave(&limiter->totals->subjects, connection->subject);
	connection->subject = tally;
	return true;
}

/*
 * Put the message together.  One that comes in one piece, as nearly all do, is
 * handled where it lies.
 */
void
connection_receive(struct connection *connection, struct slice bytes, size_t rest,
				   bool final, bool binary)
{
	struct buffer *incoming = &connection->incoming;
	const size_t   room = connection->loop->limiter.limits.message_bytes - incoming->length;

	if (connection->state != CONNECTION_OPEN)
		return;
	if (bytes.length > room || rest > room - bytes.length)
	{
		connection_refuse(connection, LIMIT_MESSAGE_BYTES);
		connection_close(connection, CLOSE_TOO_BIG, "message is too big");
		return;
	}
	if (!final || incoming->length > 0)
	{
		/* what is promised may never come, so no more than a little on trust */
		buffer_reserve(incoming, bytes.length + (rest < TRUSTED_BYTES ? rest : 0));
		buffer_append(incoming, bytes);
	}
	if (!final)
		return;
	if (incoming->length > 0)
		bytes = buffer_slice(incoming);
	connection->messages_in++;
	connection->bytes_in += bytes.length;
	metrics_add(&connection->loop->metrics, METRIC_FRAMES_IN, 1);
	metrics_add(&connection->loop->metrics, METRIC_BYTES_IN, bytes.length);
	message_receive(connection, bytes, binary);
	buffer_free(incoming);
}

void
connection_heard(struct connection *connection)
{
	connection->heard_at = uv_now(&connection->loop->uv);
	connection->pinged = false;
}

static void
ask_writeable(struct connection *connection)
{
	if (connection->writeable_asked)
		return;
	connection->writeable_asked = true;
	lws_callback_on_writable(connection->wsi);
}

/* It takes nothing any more: let libwebsockets find it dead. */
static void
cut(struct connection *connection)
{
	connection->state = CONNECTION_CLOSING;
	connection->close_deadline = UINT64_MAX;
	shutdown(lws_get_socket_fd(connection->wsi), SHUT_RDWR);
}

/*
 * A client that does not read cannot be allowed to fill our memory, and to drop
 * messages silently would be a lie: it is closed, comes back, and gets the
 * current state.
 */
static void
close_slow_reader(struct connection *connection)
{
	connection_refuse(connection, LIMIT_QUEUE);
	metrics_add(&connection->loop->metrics, METRIC_SLOW_READERS, 1);
	log_warning("connection", "id=%llu event=slow_reader frames=%u bytes=%zu so_far=%llu",
				(unsigned long long) connection->id, connection->queue_count,
				connection->queue_bytes,
				(unsigned long long) connection->loop->limiter.refused[LIMIT_QUEUE]);
	queue_clear(connection);
	connection_close(connection, CLOSE_TRY_LATER, "client reads too slowly");
}

static void
queue_push(struct connection *connection, struct frame *frame)
{
	size_t slot;

	if (connection->queue_count == connection->queue_capacity)
		queue_grow(connection);
	slot = (connection->queue_head + connection->queue_count) &
		   (connection->queue_capacity - 1);
	connection->queue[slot] = frame;
	connection->queue_count++;
	connection->queue_bytes += frame->length;
	list_add(&connection->loop->unsent, &connection->unsent);
}

void
connection_send(struct connection *connection, struct frame *frame)
{
	const struct limits *limits = &connection->loop->limiter.limits;

	if (connection->state != CONNECTION_OPEN)
		return;
	if (connection->queue_count >= limits->queue_messages ||
		connection->queue_bytes >= limits->queue_bytes)
		close_slow_reader(connection);
	else
		queue_push(connection, frame_retain(frame));
	/* As much as one write takes does not gain by waiting for more. */
	if (connection->queue_bytes >= CONNECTION_WRITE_BYTES)
		connection_flush(connection);
}

void
connection_send_take(struct connection *connection, struct frame *frame)
{
	connection_send(connection, frame);
	frame_release(frame);
}

static bool
write_bytes(struct connection *connection, unsigned char *bytes, size_t length)
{
	connection->bytes_out += length;
	metrics_add(&connection->loop->metrics, METRIC_BYTES_OUT, length);
	return lws_write(connection->wsi, bytes, length, LWS_WRITE_RAW) >= 0;
}

static void
count_sent(struct connection *connection)
{
	connection->messages_out++;
	metrics_add(&connection->loop->metrics, METRIC_FRAMES_OUT, 1);
}

/* A frame too large to be gathered goes alone, in memory of its own. */
static bool
write_large(struct connection *connection)
{
	struct frame  *frame = queue_pop(connection);
	unsigned char *bytes = memory_resize(NULL, LWS_PRE + frame->length, 1);
	bool		   good;

	memcpy(bytes + LWS_PRE, frame->bytes, frame->length);
	good = write_bytes(connection, bytes + LWS_PRE, frame->length);
	count_sent(connection);
	frame_release(frame);
	free(bytes);
	return good;
}

/* Gather whole frames and write them at once: libwebsockets allows one write. */
static bool
write_queue(struct connection *connection)
{
	unsigned char bytes[LWS_PRE + CONNECTION_WRITE_BYTES];
	size_t		  length = 0;

	while (connection->queue_count > 0)
	{
		struct frame *frame = connection->queue[connection->queue_head];

		if (frame->length > CONNECTION_WRITE_BYTES - length)
			break;
		memcpy(bytes + LWS_PRE + length, frame->bytes, frame->length);
		length += frame->length;
		count_sent(connection);
		frame_release(queue_pop(connection));
	}
	return length > 0 ? write_bytes(connection, bytes + LWS_PRE, length)
					  : write_large(connection);
}

/*
 * What the socket does not take at once libwebsockets keeps, and it calls back
 * when that is gone.
 */
void
connection_flush(struct connection *connection)
{
	while (connection->queue_count > 0 && !connection->writeable_asked)
	{
		if (!write_queue(connection))
		{
			queue_clear(connection);
			cut(connection);
		}
		else if (lws_partial_buffered(connection->wsi))
			ask_writeable(connection);
	}
	/* Most of the time nothing waits, and memory should not either. */
	if (connection->queue_count == 0)
		queue_clear(connection);
}

void
connection_writeable(struct connection *connection)
{
	connection->writeable_asked = false;
	connection_flush(connection);
}

/*
 * The close frame is our own and goes the way of all frames: libwebsockets on
 * libuv forgets the one that it promises to send.
 */
void
connection_close(struct connection *connection, unsigned code, const char *reason)
{
	if (connection->state == CONNECTION_CLOSING)
		return;
	if (code == CLOSE_RESTART)
		channel_announce_end(connection);
	connection->state = CONNECTION_CLOSING;
	connection->close_code = code;
	connection->close_reason = reason;
	connection->close_deadline = uv_now(&connection->loop->uv) + CLOSE_PATIENCE_MS;
	queue_push(connection, frame_new_close(code, reason));
}

void
connection_peer_closed(struct connection *connection, unsigned code)
{
	if (connection->state == CONNECTION_OPEN)
		connection->close_code = code;
}

/*
 * Browsers answer pings even where their timers sleep.  Of pongs libwebsockets
 * tells only when there is something in them.
 */
static void
check_alive(struct connection *connection)
{
	const struct limits *limits = &connection->loop->limiter.limits;
	const uint64_t		 now = uv_now(&connection->loop->uv);
	const uint64_t		 silence = now - connection->heard_at;

	if (silence < limits->ping_interval * 1000)
		return;
	if (!connection->pinged)
	{
		/* if it was we who slept it has its time to answer all the same */
		connection->heard_at = now - limits->ping_interval * 1000;
		connection->pinged = true;
		connection_send_take(connection, frame_new(FRAME_PING, SLICE("?")));
	}
	else if (silence >= (limits->ping_interval + limits->ping_timeout) * 1000)
	{
		connection->close_reason = "no answer to a ping";
		cut(connection);
	}
}

void
connection_tick(struct connection *connection)
{
	if (connection->state == CONNECTION_OPEN)
	{
		check_alive(connection);
		channel_expire_all(connection);
		if (connection->awaits_feed && listener_is_live(connection->loop->listener))
			channel_announce_feed(connection);
		return;
	}
	if (uv_now(&connection->loop->uv) < connection->close_deadline)
		return;
	/* It does not even take our farewell. */
	cut(connection);
}
