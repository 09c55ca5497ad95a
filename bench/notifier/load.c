/*
 * load.c
 *		Clients of a server, what they hear of it, and what that costs it.
 *
 *		load OPTION... deliver   publish at a rate, or as fast as it goes
 *		load OPTION... listen    hear what the database says; prints "ready" first
 *		load OPTION... idle      join, and be silent
 *		load OPTION... storm     join, as fast as it goes
 *
 * Each prints one line:
 *		deliver, listen   deliveries/s, CPU us a delivery, p50, p99 and longest us, lost
 *		idle              KB of PSS a connection, CPU seconds
 *		storm             joined/s, CPU us each
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"

#define OPENING		  64	 /* connections at a time */
#define WARM_UP_US	  500000 /* not counted */
#define DRAIN_US	  3000000
#define PATIENCE_US	  60000000
#define TURN_US		  1000
#define MESSAGE_BYTES 200
#define STAMP		  "^^"

struct plan
{
	int		 pid;		  /* whose CPU and memory */
	unsigned topics;	  /* how many */
	unsigned subscribers; /* of each topic */
	unsigned spread;	  /* topics of each subscriber */
	unsigned publishers;  /* connections that publish */
	unsigned rate;		  /* messages a second; 0: as fast as it goes */
	unsigned window;	  /* messages under way then, at most */
	unsigned seconds;	  /* how long */
	unsigned expect;	  /* deliveries to be heard of */
};

static struct plan	plan = {.topics = 1000, .subscribers = 2, .spread = 1, .publishers = 10, .window = 4000, .seconds = 5};
static struct crowd crowd = {.prefix = "t-", .stamp = {STAMP, 16, 1}};

static struct client *publishers;
static struct client *subscribers;
static unsigned		  subscriber_count;
static uint64_t		  sent; /* messages */

/* Open them, some at a time, until all are ready. */
static void
open_all(struct client *clients, unsigned count)
{
	const uint64_t before = crowd.ready;
	const uint64_t deadline = now_us() + PATIENCE_US;
	unsigned	   opened = 0;

	while (crowd.ready - before < count)
	{
		while (opened < count && opened - (crowd.ready - before) < OPENING)
			client_open(&crowd, &clients[opened++]);
		crowd_turn(&crowd, TURN_US);
		if (now_us() > deadline)
		{
			fprintf(stderr, "only %" PRIu64 " of %u are ready\n", crowd.ready - before, count);
			exit(1);
		}
	}
}

static struct client *
new_clients(unsigned count)
{
	struct client *clients = calloc(count, sizeof(*clients));

	if (clients == NULL)
		fail("calloc");
	return clients;
}

static void
make_clients(void)
{
	subscriber_count = plan.topics * plan.subscribers / plan.spread;
	subscribers = new_clients(subscriber_count);
	for (unsigned i = 0; i < subscriber_count; i++)
	{
		subscribers[i].first_topic = i * plan.spread % plan.topics;
		subscribers[i].topic_step = 1;
		subscribers[i].topics = plan.spread;
	}
	publishers = new_clients(plan.publishers);
	for (unsigned i = 0; i < plan.publishers; i++)
	{
		publishers[i].publisher = true;
		publishers[i].first_topic = i;
		publishers[i].topic_step = plan.publishers;
		publishers[i].topics = (plan.topics - i + plan.publishers - 1) / plan.publishers;
	}
}

static void
publish(void)
{
	static char	   text[MESSAGE_BYTES + 1];
	const unsigned topic = (unsigned) (sent++ % plan.topics);
	const int	   used = snprintf(text, sizeof(text), "{\"d\":\"" STAMP "%016" PRIu64, now_us());

	memset(text + used, 'x', MESSAGE_BYTES - 2 - (size_t) used);
	text[MESSAGE_BYTES - 2] = '"';
	text[MESSAGE_BYTES - 1] = '}';
	client_publish(&crowd, &publishers[topic % plan.publishers], topic, text, MESSAGE_BYTES);
}

/* What is due, or what fits into the window; returns when the next is due. */
static uint64_t
publish_due(uint64_t since)
{
	uint64_t wanted;

	if (plan.rate > 0)
		wanted = (now_us() - since) * plan.rate / 1000000;
	else
		wanted = crowd.delivered / plan.subscribers + plan.window;
	while (sent < wanted)
		publish();
	for (unsigned i = 0; i < plan.publishers; i++)
	{
		if (publishers[i].out.length > 0 && !publishers[i].waiting)
			client_flush(&crowd, &publishers[i]);
	}
	return plan.rate > 0 ? 1000000 / plan.rate : TURN_US;
}

static void
publish_until(uint64_t since, uint64_t end)
{
	while (now_us() < end)
		crowd_turn(&crowd, publish_due(since));
}

static void
hear_until(uint64_t count, uint64_t deadline)
{
	while (crowd.delivered < count && now_us() < deadline)
		crowd_turn(&crowd, TURN_US);
}

static void
report(double seconds, double cpu)
{
	const struct tally *tally = &crowd.tally;
	const double		count = tally->count > 0 ? (double) tally->count : 1;

	printf("%.0f %.2f %" PRIu64 " %" PRIu64 " %" PRIu64,
		   (double) tally->count / seconds, cpu * 1e6 / count,
		   tally_percentile(tally, 0.5), tally_percentile(tally, 0.99),
		   tally->longest);
}

/* The end of the line: what is on its way now is late, but not lost. */
static void
report_lost(uint64_t expected)
{
	hear_until(expected, now_us() + DRAIN_US);
	printf(" %" PRIu64 "\n", expected - crowd.delivered);
}

static void
deliver(void)
{
	uint64_t start;
	uint64_t counted_from;
	double	 cpu;

	open_all(subscribers, subscriber_count);
	open_all(publishers, plan.publishers);
	start = now_us();
	publish_until(start, start + WARM_UP_US);
	tally_clear(&crowd.tally);
	cpu = process_cpu(plan.pid);
	counted_from = now_us();
	publish_until(start, counted_from + plan.seconds * 1000000ULL);
	report((double) (now_us() - counted_from) / 1e6, process_cpu(plan.pid) - cpu);
	report_lost(sent * plan.subscribers);
}

/* From the first delivery to the last, or for so long. */
static void
listen_to_database(void)
{
	uint64_t start;
	double	 cpu;

	crowd.stamp = (struct stamp){"\"timestamp\":", 13, 1000};
	open_all(subscribers, subscriber_count);
	puts("ready");
	fflush(stdout);
	cpu = process_cpu(plan.pid);
	hear_until(1, now_us() + plan.seconds * 1000000ULL);
	start = now_us();
	hear_until(plan.expect, start + plan.seconds * 1000000ULL);
	report((double) (now_us() - start) / 1e6, process_cpu(plan.pid) - cpu);
	report_lost(plan.expect);
}

static void
idle(void)
{
	const double pss = process_pss_kb(plan.pid);
	double		 each;
	double		 cpu;

	open_all(subscribers, subscriber_count);
	each = (process_pss_kb(plan.pid) - pss) / subscriber_count;
	cpu = process_cpu(plan.pid);
	hear_until(1, now_us() + plan.seconds * 1000000ULL);
	printf("%.2f %.2f\n", each, process_cpu(plan.pid) - cpu);
}

static void
storm(void)
{
	const double   cpu = process_cpu(plan.pid);
	const uint64_t start = now_us();

	open_all(subscribers, subscriber_count);
	printf("%.0f %.1f\n", subscriber_count * 1e6 / (double) (now_us() - start),
		   (process_cpu(plan.pid) - cpu) * 1e6 / subscriber_count);
}

static const struct number
{
	const char *name;
	unsigned   *value;
} numbers[] = {
	{"pid", (unsigned *) &plan.pid},
	{"port", (unsigned *) &crowd.port},
	{"topics", &plan.topics},
	{"subscribers", &plan.subscribers},
	{"spread", &plan.spread},
	{"publishers", &plan.publishers},
	{"rate", &plan.rate},
	{"window", &plan.window},
	{"seconds", &plan.seconds},
	{"expect", &plan.expect},
};

static void
set_option(const char *name, const char *value)
{
	if (strcmp(name, "dialect") == 0)
		crowd.dialect = dialect_find(value);
	else if (strcmp(name, "token") == 0)
		dialect_token = value;
	else if (strcmp(name, "prefix") == 0)
		crowd.prefix = value;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		if (strcmp(name, numbers[i].name) == 0)
			*numbers[i].value = (unsigned) strtoul(value, NULL, 10);
	}
}

static void
allow_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	static const struct
	{
		const char *name;
		void (*run)(void);
	} modes[] = {{"deliver", deliver}, {"listen", listen_to_database}, {"idle", idle}, {"storm", storm}};

	for (int i = 1; i + 1 < argc; i += 2)
		set_option(argv[i] + 2, argv[i + 1]);
	if (crowd.dialect == NULL || crowd.port == 0 || plan.pid == 0)
	{
		fputs("load: which dialect, port and process?\n", stderr);
		return 1;
	}
	allow_files();
	crowd_init(&crowd);
	make_clients();
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
	{
		if (strcmp(argv[argc - 1], modes[i].name) == 0)
			modes[i].run();
	}
	return 0;
}
