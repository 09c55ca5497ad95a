/*
 * bare.c
 *		The limit: an epoll loop that does nothing but pass frames on.
 *
 *		bare PORT [batch | gather]
 *
 * It takes the number of the topic and whether it is a join from a message, puts
 * a header before the payload where it lies, and sends it to the topic's other
 * members: with one send() a frame, or, with "batch", all that a turn of the
 * loop has for a socket with one; with "gather" a turn is at most a millisecond, as
 * the notifier's is.  No token, no limits, no JSON.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "tally.h"

#define MAX_TOPICS		65536
#define MAX_CONNECTIONS 65536
#define READ_BYTES		262144
#define GATHER_READ		((size_t) 16384)
#define GATHER_US		1000
#define EVENTS			512
#define TOPIC_PREFIX	"realtime:t-"
#define HEADERS_END		"\r\n\r\n"
#define SWITCHING		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" \
				  "Connection: Upgrade\r\n\r\n"
#define JOIN_ANSWER	  "[\"1\",\"1\",\"\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]"
#define BEFORE_ANSWER 4

struct connection
{
	int			 fd;
	bool		 upgraded;
	bool		 dirty;	  /* in the list of those that have something to send */
	bool		 waiting; /* the socket takes nothing now */
	struct bytes in;	  /* the beginning of a frame */
	struct bytes out;	  /* what is to be sent */
};

struct topic
{
	struct connection **members;
	size_t				count;
	size_t				capacity;
};

static bool				  batching;
static bool				  gathering;
static int				  epoll;
static struct topic		  topics[MAX_TOPICS];
static struct connection *dirty[MAX_CONNECTIONS];
static struct connection  connections[MAX_CONNECTIONS]; /* by descriptor */
static size_t			  dirty_count;

static void
watch(struct connection *connection, int operation, unsigned events)
{
	struct epoll_event event = {.events = events, .data.ptr = connection};

	epoll_ctl(epoll, operation, connection->fd, &event);
}

/* What the socket does not take waits until it does. */
static void
send_now(struct connection *connection, const char *data, size_t length)
{
	ssize_t sent = 0;

	if (connection->out.length == 0)
	{
		sent = send(connection->fd, data, length, MSG_NOSIGNAL);
		if (sent == (ssize_t) length)
			return;
		if (sent < 0)
			sent = 0;
	}
	bytes_append(&connection->out, data + sent, length - (size_t) sent);
	if (!connection->waiting)
		watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	connection->waiting = true;
}

static void
flush(struct connection *connection)
{
	ssize_t	   sent = send(connection->fd, connection->out.data, connection->out.length,
						   MSG_NOSIGNAL);
	const bool all = sent == (ssize_t) connection->out.length;

	if (all)
		connection->out.length = 0; /* the memory is for the next turn */
	else if (sent > 0)
		bytes_drop(&connection->out, (size_t) sent);
	if (connection->waiting == all)
		watch(connection, EPOLL_CTL_MOD, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
	connection->waiting = !all;
}

static void
deliver(struct connection *connection, const char *data, size_t length)
{
	if (!batching)
	{
		send_now(connection, data, length);
		return;
	}
	bytes_append(&connection->out, data, length);
	if (connection->dirty || connection->waiting)
		return;
	connection->dirty = true;
	dirty[dirty_count++] = connection;
}

static void
flush_dirty(void)
{
	for (size_t i = 0; i < dirty_count; i++)
	{
		dirty[i]->dirty = false;
		flush(dirty[i]);
	}
	dirty_count = 0;
}

static void
join(struct connection *connection, struct topic *topic)
{
	char   answer[BEFORE_ANSWER + sizeof(JOIN_ANSWER)] = "    " JOIN_ANSWER;
	char  *payload = answer + BEFORE_ANSWER;
	size_t length = sizeof(JOIN_ANSWER) - 1;
	size_t header = frame_put_header(payload, length);

	if (topic->count == topic->capacity)
	{
		topic->capacity = topic->capacity * 2 + 4;
		topic->members = realloc(topic->members, topic->capacity * sizeof(void *));
		if (topic->members == NULL)
			fail("realloc");
	}
	topic->members[topic->count++] = connection;
	deliver(connection, payload - header, header + length);
}

static void
take_message(struct connection *connection, char *payload, size_t length)
{
	const size_t  prefix = sizeof(TOPIC_PREFIX) - 1;
	const char	 *name = memmem(payload, length, TOPIC_PREFIX, prefix);
	struct topic *topic;
	size_t		  header;

	if (name == NULL)
		return;
	topic = &topics[strtoul(name + prefix, NULL, 10) % MAX_TOPICS];
	if (memmem(name, 64, "phx_join", 8) != NULL)
	{
		join(connection, topic);
		return;
	}
	header = frame_put_header(payload, length);
	for (size_t i = 0; i < topic->count; i++)
	{
		if (topic->members[i] != connection)
			deliver(topic->members[i], payload - header, header + length);
	}
}

/* Returns how many of the bytes were used. */
static size_t
take_bytes(struct connection *connection, char *data, size_t length)
{
	size_t used = 0;
	size_t frame;
	size_t payload_length;
	char  *payload;

	if (!connection->upgraded)
	{
		const char *end = memmem(data, length, HEADERS_END, sizeof(HEADERS_END) - 1);

		if (end == NULL)
			return 0;
		connection->upgraded = true;
		send_now(connection, SWITCHING, sizeof(SWITCHING) - 1);
		used = (size_t) (end - data) + sizeof(HEADERS_END) - 1;
	}
	while ((frame = frame_take(data + used, length - used, &payload, &payload_length)) > 0)
	{
		take_message(connection, payload, payload_length);
		used += frame;
	}
	return used;
}

/* Members never leave: when clients go, the measurement is over. */
static void
receive(struct connection *connection)
{
	static char buffer[READ_BYTES + 64];
	size_t		held = connection->in.length;
	size_t		room = READ_BYTES - held;
	ssize_t		got;
	size_t		used;

	if (held > READ_BYTES / 2)
		fail("frame too long");
	if (held > 0)
		memcpy(buffer, connection->in.data, held);
	got = recv(connection->fd, buffer + held, gathering && room > GATHER_READ ? GATHER_READ : room, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
	{
		watch(connection, EPOLL_CTL_DEL, 0);
		close(connection->fd);
		connection->fd = -1;
		return;
	}
	held += (size_t) got;
	used = take_bytes(connection, buffer, held);
	connection->in.length = 0;
	if (used < held)
		bytes_append(&connection->in, buffer + used, held - used);
}

static void
take_connections(int listening)
{
	const int on = 1;
	int		  fd;

	while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		struct connection *connection = &connections[fd % MAX_CONNECTIONS];

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		*connection = (struct connection){.fd = fd};
		watch(connection, EPOLL_CTL_ADD, EPOLLIN);
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL};
	int				   listening;

	if (argc < 2)
		fail("bare PORT [batch]");
	batching = argc > 2;
	gathering = batching && strcmp(argv[2], "gather") == 0;
	listening = loopback_listen((int) strtol(argv[1], NULL, 10));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &accepting);
	for (;;)
	{
		int		 count = epoll_wait(epoll, events, EVENTS, -1);
		uint64_t since = now_us();

		for (int i = 0; i < count; i++)
		{
			struct connection *connection = events[i].data.ptr;

			if (connection == NULL)
				take_connections(listening);
			else if (events[i].events & EPOLLIN)
				receive(connection);
			else if (events[i].events & EPOLLOUT)
				flush(connection);
			if (gathering && now_us() - since >= GATHER_US)
			{
				flush_dirty();
				since = now_us();
			}
		}
		flush_dirty();
	}
}
