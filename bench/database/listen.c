/*
 * listen.c
 *		Hears what the publisher tells, until somebody notifies "bench_end".
 *
 * Prints: messages, resyncs, messages a second from the first to the last,
 * and p50, p99 and the longest of the milliseconds from a state's "timestamp"
 * (when its session was assigned: before the commit and its flush) to here.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_LAGS 10000000

static double lags[MAX_LAGS];
static size_t nlags;
static size_t nresyncs;
static double first_at;
static double last_at;

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static void
hear(const char *payload)
{
	static const char key[] = "\"timestamp\":";
	const char		 *at = strstr(payload, key);

	if (at == NULL)
	{
		nresyncs += strstr(payload, "\"resync\":") != NULL;
		return;
	}
	if (nlags == MAX_LAGS)
		return;

	last_at = now_ms();
	if (nlags == 0)
		first_at = last_at;
	lags[nlags++] = last_at - strtod(at + sizeof(key) - 1, NULL);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
percentile(double share)
{
	return nlags == 0 ? 0 : lags[(size_t) (share * (double) (nlags - 1))];
}

static void
fail(PGconn *connection)
{
	fprintf(stderr, "listen: %s", PQerrorMessage(connection));
	exit(1);
}

int
main(void)
{
	PGconn *connection = PQconnectdb("");
	bool	ended = false;

	PQclear(PQexec(connection, "LISTEN harthio; LISTEN by_hand; LISTEN bench_end"));
	if (PQstatus(connection) != CONNECTION_OK)
		fail(connection);
	puts("listening");
	fflush(stdout);

	while (!ended)
	{
		struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
		PGnotify	 *notify;

		poll(&socket, 1, -1);
		if (!PQconsumeInput(connection))
			fail(connection);
		while ((notify = PQnotifies(connection)) != NULL)
		{
			ended = ended || strcmp(notify->relname, "bench_end") == 0;
			hear(notify->extra);
			PQfreemem(notify);
		}
	}
	PQfinish(connection);

	qsort(lags, nlags, sizeof(*lags), compare);
	printf("%zu %zu %.0f %.1f %.1f %.1f\n", nlags, nresyncs,
		   nlags > 1 ? (double) (nlags - 1) / (last_at - first_at) * 1e3 : 0,
		   percentile(0.5), percentile(0.99), percentile(1));
	return 0;
}
