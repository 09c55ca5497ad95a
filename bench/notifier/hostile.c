/*
 * hostile.c
 *		Clients that nobody wants, beside those of the load.
 *
 *		hostile PORT TOKEN attack | slow
 *
 * "attack" floods over the limits of messages and of joins, connects and goes
 * away, and sends what is no message or no frame; "slow" joins topics of the load,
 * and one where much is said, and reads nothing of it.  Whoever is thrown out comes
 * back.  All of it is paced, each at its own moment, so that the server has more to
 * do than the clients.  It goes on until it is killed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialect.h"
#include "tally.h"

#define EVENTS		256
#define TURN_MS		1
#define BACK_US		50000  /* who was thrown out comes back within so long */
#define PATIENT_US	100000 /* for what is wrong to be answered */
#define SLOW_BYTES	4096
#define SLOW_TOPICS 20 /* of the load, each */
#define MUCH_BYTES	20000

enum role
{
	ROLE_MESSAGES,
	ROLE_JOINS,
	ROLE_COMINGS,
	ROLE_NONSENSE,
	ROLE_SLOW,
	ROLE_SPEAKER, /* gives the slow ones something to read */
	ROLES
};

struct attacker
{
	int		  fd; /* -1: none */
	enum role role;
	unsigned  number;
	unsigned  turn; /* so many times it did its thing */
	bool	  open; /* the upgrade was answered */
	bool	  did;	/* since then, something */
	uint64_t  born; /* its moments are counted from here */
	uint64_t  due;	/* when it does the next */
	uint64_t  said; /* when it last did */
	char	  topic[32];
};

/* How many, and how often each does its thing: some 50,000 messages a second. */
static const struct
{
	unsigned count;
	uint64_t pause_us;
} crowd[ROLES] = {
	[ROLE_MESSAGES] = {10, 5000},
	[ROLE_JOINS] = {10, 5000},
	[ROLE_COMINGS] = {20, 50000},
	[ROLE_NONSENSE] = {20, 50000},
	[ROLE_SLOW] = {10, 1000000},
	[ROLE_SPEAKER] = {1, 10000},
};

static const struct dialect *phoenix;
static int					 port;
static int					 epoll;
static uint64_t				 done[ROLES];
static uint64_t				 thrown_out;

/* The next of its moments, which are so far apart: those who were late together part again. */
static uint64_t
next_moment(const struct attacker *attacker, uint64_t pause)
{
	const uint64_t now = now_us();

	return now + pause - (now - attacker->born) % pause;
}

static void
go(struct attacker *attacker)
{
	if (attacker->fd >= 0)
		close(attacker->fd);
	attacker->fd = -1;
	attacker->due = next_moment(attacker, BACK_US);
}

/* What the socket does not take is lost: an attacker does not mind. */
static void
say(struct attacker *attacker, struct bytes *bytes)
{
	if (send(attacker->fd, bytes->data, bytes->length, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		go(attacker);
	bytes->length = 0;
}

static void
come(struct attacker *attacker)
{
	const int		   small = SLOW_BYTES;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = attacker};

	attacker->fd = loopback_connect(port);
	attacker->open = false;
	attacker->did = false;
	if (attacker->role == ROLE_SLOW)
		setsockopt(attacker->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	epoll_ctl(epoll, EPOLL_CTL_ADD, attacker->fd, &event);
}

/* It is connected: ask for the upgrade, and wait for the answer. */
static void
ask(struct attacker *attacker)
{
	static struct bytes bytes;
	struct epoll_event	event = {.events = EPOLLIN, .data.ptr = attacker};

	epoll_ctl(epoll, EPOLL_CTL_MOD, attacker->fd, &event);
	phoenix->open(&bytes, attacker->topic, false);
	say(attacker, &bytes);
}

/* Four times as many as it may. */
static void
flood(struct attacker *attacker)
{
	static struct bytes bytes;

	if (attacker->turn++ % 100 == 0)
		phoenix->join(&bytes, attacker->topic);
	for (int i = 0; i < 20; i++)
		phoenix->publish(&bytes, attacker->topic, "{}", 2);
	say(attacker, &bytes);
}

static void
flood_joins(struct attacker *attacker)
{
	static struct bytes bytes;

	for (int i = 0; i < 5; i++)
	{
		snprintf(attacker->topic, sizeof(attacker->topic), "j-%u-%u", attacker->number, attacker->turn++ % 200);
		phoenix->join(&bytes, attacker->topic);
	}
	say(attacker, &bytes);
}

/* Some is no message, and the connection lives; some is no frame. */
static void
talk_nonsense(struct attacker *attacker)
{
	static struct bytes bytes;
	static const char	deep[4000] = {0};
	static const char  *texts[] = {"", "[", "{\"a\":", "[1,2,3,4,5]", "[\"1\",\"1\",\"\\ud800\",\"phx_join\",{}]",
								   "\xff\xfe", "[null,null,\"realtime:x\",\"broadcast\",[[[[[[[["};
	const unsigned		which = attacker->turn++ % 10;

	if (which < 7)
		frame_append(&bytes, OPCODE_TEXT, texts[which], strlen(texts[which]));
	else if (which == 7)
		frame_append(&bytes, OPCODE_BINARY, deep, sizeof(deep));
	else
		bytes_append(&bytes, which == 8 ? "\xf1\xff\xff" : "\x8b\x80\0\0\0\0", which == 8 ? 3 : 6);
	say(attacker, &bytes);
	attacker->did = true;
	attacker->said = now_us();
}

static void
join_and_sleep(struct attacker *attacker)
{
	static struct bytes bytes;

	if (attacker->did)
		return;
	for (unsigned i = 0; i < SLOW_TOPICS; i++)
	{
		snprintf(attacker->topic, sizeof(attacker->topic), "t-%u", attacker->number * SLOW_TOPICS + i);
		phoenix->join(&bytes, attacker->topic);
	}
	phoenix->join(&bytes, "much");
	say(attacker, &bytes);
	attacker->did = true;
}

static void
speak(struct attacker *attacker)
{
	static struct bytes bytes;
	static char			text[MUCH_BYTES + 1];

	if (!attacker->did)
		phoenix->join(&bytes, "much");
	attacker->did = true;
	memset(text + snprintf(text, sizeof(text), "{\"a\":"), '1', MUCH_BYTES - 5);
	text[MUCH_BYTES - 1] = '}';
	phoenix->publish(&bytes, "much", text, MUCH_BYTES);
	say(attacker, &bytes);
}

static void
act(struct attacker *attacker)
{
	attacker->due = next_moment(attacker, crowd[attacker->role].pause_us);
	done[attacker->role]++;
	switch (attacker->role)
	{
		case ROLE_MESSAGES:
			flood(attacker);
			break;
		case ROLE_JOINS:
			flood_joins(attacker);
			break;
		case ROLE_COMINGS:
			go(attacker);
			break;
		case ROLE_NONSENSE:
			talk_nonsense(attacker);
			break;
		case ROLE_SLOW:
			join_and_sleep(attacker);
			break;
		default:
			speak(attacker);
	}
}

static void
turn(struct attacker *attacker)
{
	if (attacker->role == ROLE_NONSENSE && attacker->fd >= 0 && attacker->did &&
		now_us() - attacker->said > PATIENT_US)
		go(attacker);
	if (now_us() < attacker->due)
		return;
	if (attacker->fd < 0)
		come(attacker);
	else if (attacker->open)
		act(attacker);
}

/* Nobody looks at what comes, and who is slow lets it lie. */
static void
hear(struct attacker *attacker, unsigned events)
{
	static char		   buffer[65536];
	struct epoll_event none = {.events = 0, .data.ptr = attacker};
	ssize_t			   got;

	if (attacker->fd < 0)
		return;
	if (events & EPOLLOUT)
		ask(attacker);
	if (!(events & ~(unsigned) EPOLLOUT) || attacker->fd < 0)
		return;
	if (attacker->role == ROLE_SLOW && attacker->open)
	{
		/* only the end of the connection is told from now on */
		epoll_ctl(epoll, EPOLL_CTL_MOD, attacker->fd, &none);
		if (!(events & (EPOLLHUP | EPOLLERR)))
			return;
	}
	got = recv(attacker->fd, buffer, sizeof(buffer), 0);
	if (got > 0 || (got < 0 && errno == EAGAIN))
	{
		attacker->open = true;
		return;
	}
	thrown_out++;
	go(attacker);
}

static struct attacker *
make_attackers(enum role first, enum role last, unsigned *count)
{
	struct attacker *attackers;

	*count = 0;
	for (enum role role = first; role <= last; role++)
		*count += crowd[role].count;
	attackers = calloc(*count, sizeof(*attackers));
	if (attackers == NULL)
		fail("calloc");
	*count = 0;
	for (enum role role = first; role <= last; role++)
	{
		for (unsigned i = 0; i < crowd[role].count; i++)
		{
			struct attacker *attacker = &attackers[(*count)++];

			*attacker = (struct attacker){
				.fd = -1,
				.role = role,
				.number = i,
				.born = now_us() + crowd[role].pause_us * i / crowd[role].count,
			};
			attacker->due = attacker->born;
			snprintf(attacker->topic, sizeof(attacker->topic), "h-%u", i);
		}
	}
	return attackers;
}

static void
report(uint64_t since)
{
	const double seconds = (double) (now_us() - since) / 1e6;

	fprintf(stderr, "    each second: %.0f floods, %.0f joins, %.0f visits, %.0f times nonsense; %.0f thrown out\n",
			(double) done[ROLE_MESSAGES] * 20 / seconds, (double) done[ROLE_JOINS] * 5 / seconds,
			(double) done[ROLE_COMINGS] / seconds, (double) done[ROLE_NONSENSE] / seconds,
			(double) thrown_out / seconds);
}

int
main(int argc, char **argv)
{
	const bool		   slow = argc == 4 && strcmp(argv[3], "slow") == 0;
	const uint64_t	   since = now_us();
	struct epoll_event events[EVENTS];
	struct attacker	  *attackers;
	unsigned		   count;
	uint64_t		   said = since;

	if (argc != 4)
		fail("hostile PORT TOKEN attack | slow");
	port = (int) strtol(argv[1], NULL, 10);
	dialect_token = argv[2];
	phoenix = dialect_find("phoenix");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	attackers = slow ? make_attackers(ROLE_SLOW, ROLE_SPEAKER, &count)
					 : make_attackers(ROLE_MESSAGES, ROLE_NONSENSE, &count);
	for (;;)
	{
		int got = epoll_wait(epoll, events, EVENTS, TURN_MS);

		for (int i = 0; i < got; i++)
			hear(events[i].data.ptr, events[i].events);
		for (unsigned i = 0; i < count; i++)
			turn(&attackers[i]);
		if (now_us() - said > 5000000)
		{
			report(since);
			said = now_us();
		}
	}
}
