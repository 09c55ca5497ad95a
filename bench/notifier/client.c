/*
 * client.c
 *		The connections of the load: they open, join, publish and hear.
 *
 * Deliveries are found by looking for their stamp in what comes in, whatever is
 * around it: that is the same work for all servers, and little.
 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES	262144
#define EVENTS		1024
#define HEADERS_END "\r\n\r\n"
#define SWITCHING	"HTTP/1.1 101"

void
crowd_init(struct crowd *crowd)
{
	crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (crowd->epoll < 0)
		fail("epoll_create1");
	tally_clear(&crowd->tally);
}

static void
watch(struct crowd *crowd, struct client *client, int operation)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	if (client->waiting)
		event.events |= EPOLLOUT;
	if (epoll_ctl(crowd->epoll, operation, client->fd, &event) != 0)
		fail("epoll_ctl");
}

void
client_flush(struct crowd *crowd, struct client *client)
{
	const size_t length = client->out.length;
	const bool	 waited = client->waiting;
	ssize_t		 sent = 0;

	if (length > 0)
		sent = send(client->fd, client->out.data, length, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		fail("send");
	if (sent > 0)
		bytes_drop(&client->out, (size_t) sent);
	client->waiting = client->out.length > 0;
	if (client->waiting != waited)
		watch(crowd, client, EPOLL_CTL_MOD);
}

static void
set_ready(struct crowd *crowd, struct client *client)
{
	bytes_free(&client->in);
	crowd->ready++;
}

void
client_open(struct crowd *crowd, struct client *client)
{
	char topic[256];

	snprintf(topic, sizeof(topic), "%s%u", crowd->prefix, client->first_topic);
	client->fd = loopback_connect(crowd->port);
	crowd->dialect->open(&client->out, topic, client->publisher);
	client->waiting = client->out.length > 0;
	watch(crowd, client, EPOLL_CTL_ADD);
	crowd->opened++;
	if (client->waiting)
		return;
	client->joining = true; /* it speaks HTTP */
	set_ready(crowd, client);
}

void
client_publish(struct crowd *crowd, struct client *client, unsigned topic,
			   const char *text, size_t length)
{
	char name[256];

	snprintf(name, sizeof(name), "%s%u", crowd->prefix, topic);
	crowd->dialect->publish(&client->out, name, text, length);
}

static void
join(struct crowd *crowd, struct client *client)
{
	const struct dialect *dialect = crowd->dialect;
	char				  topic[256];

	client->joining = true;
	if (dialect->ready_length > 0 && (!client->publisher || dialect->publishers_join))
		client->joins_left = client->topics;
	for (unsigned i = 0; i < client->joins_left; i++)
	{
		snprintf(topic, sizeof(topic), "%s%u", crowd->prefix,
				 client->first_topic + i * client->topic_step);
		dialect->join(&client->out, topic);
	}
	client_flush(crowd, client);
}

/* Drop what came up to the end of these bytes; false: they are not there. */
static bool
take_answer(struct client *client, const char *answer, size_t length)
{
	struct bytes *in = &client->in;
	const char	 *found = in->length > 0 ? memmem(in->data, in->length, answer, length) : NULL;

	if (found == NULL)
		return false;
	bytes_drop(in, (size_t) (found - in->data) + length);
	return true;
}

static bool
take_upgrade(struct crowd *crowd, struct client *client)
{
	const size_t begin = sizeof(SWITCHING) - 1;

	if (client->in.length >= begin && memcmp(client->in.data, SWITCHING, begin) != 0)
	{
		fprintf(stderr, "no upgrade: %.*s\n", (int) client->in.length, client->in.data);
		exit(1);
	}
	client->upgraded = take_answer(client, HEADERS_END, sizeof(HEADERS_END) - 1);
	if (client->upgraded && crowd->dialect->greet != NULL)
	{
		crowd->dialect->greet(&client->out);
		client_flush(crowd, client);
	}
	return client->upgraded;
}

/* Until it is ready: the upgrade's answer, the greeting's, and one for each join. */
static void
take_answers(struct crowd *crowd, struct client *client, const char *data, size_t length)
{
	const struct dialect *dialect = crowd->dialect;
	const char			 *greeted = dialect->greeted;

	bytes_append(&client->in, data, length);
	if (!client->upgraded && !take_upgrade(crowd, client))
		return;
	if (!client->joining)
	{
		if (greeted != NULL && !take_answer(client, greeted, strlen(greeted)))
			return;
		join(crowd, client);
	}
	while (client->joins_left > 0 && take_answer(client, dialect->ready, dialect->ready_length))
		client->joins_left--;
	if (client->joins_left == 0)
		set_ready(crowd, client);
}

static uint64_t
read_digits(const char *digits, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value = value * 10 + (uint64_t) (digits[i] - '0');
	return value;
}

/* Count the stamps; what may be the beginning of one is kept for the next time. */
static void
take_deliveries(struct crowd *crowd, struct client *client, char *data, size_t length)
{
	const struct stamp *stamp = &crowd->stamp;
	const size_t		before = strlen(stamp->before);
	const size_t		whole = before + stamp->digits;
	const uint64_t		now = now_us();
	char			   *end = data + length;
	char			   *found;
	size_t				rest;

	while ((found = memmem(data, (size_t) (end - data), stamp->before, before)) != NULL &&
		   (size_t) (end - found) >= whole)
	{
		tally_add(&crowd->tally, now - read_digits(found + before, stamp->digits) * stamp->unit_us);
		crowd->delivered++;
		data = found + whole;
	}
	rest = (size_t) (end - data);
	client->tail_length = rest < whole ? rest : whole - 1;
	memcpy(client->tail, end - client->tail_length, client->tail_length);
}

static void
receive(struct crowd *crowd, struct client *client)
{
	static char buffer[STAMP_MAX + READ_BYTES];
	char	   *start = buffer + STAMP_MAX - client->tail_length;
	ssize_t		got = recv(client->fd, buffer + STAMP_MAX, READ_BYTES, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
	{
		fprintf(stderr, "the server closed a connection: %.*s\n",
				(int) client->tail_length, client->tail);
		exit(1);
	}
	if (!client->joining || client->joins_left > 0)
	{
		take_answers(crowd, client, buffer + STAMP_MAX, (size_t) got);
		return;
	}
	memcpy(start, client->tail, client->tail_length);
	take_deliveries(crowd, client, start, client->tail_length + (size_t) got);
}

void
crowd_turn(struct crowd *crowd, uint64_t timeout_us)
{
	const struct timespec timeout = {
		.tv_sec = (time_t) (timeout_us / 1000000),
		.tv_nsec = (long) (timeout_us % 1000000) * 1000,
	};
	struct epoll_event events[EVENTS];
	int				   count = epoll_pwait2(crowd->epoll, events, EVENTS, &timeout, NULL);

	for (int i = 0; i < count; i++)
	{
		struct client *client = events[i].data.ptr;

		if (events[i].events & EPOLLOUT)
			client_flush(crowd, client);
		if (events[i].events & ~(unsigned) EPOLLOUT)
			receive(crowd, client);
	}
}
