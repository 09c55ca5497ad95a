/*
 * tally.c
 *		What was delivered, how late, and what it cost the server.
 */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"

#define SLOTS 2000001

uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

void
tally_clear(struct tally *tally)
{
	uint32_t *histogram = tally->histogram;

	if (histogram == NULL)
		histogram = malloc(SLOTS * sizeof(*histogram));
	if (histogram == NULL)
		fail("malloc");
	memset(histogram, 0, SLOTS * sizeof(*histogram));
	*tally = (struct tally){.histogram = histogram};
}

void
tally_add(struct tally *tally, uint64_t latency_us)
{
	if ((int64_t) latency_us < 0)
		latency_us = 0; /* the clock was set */
	tally->count++;
	if (latency_us > tally->longest)
		tally->longest = latency_us;
	tally->histogram[latency_us < SLOTS ? latency_us : SLOTS - 1]++;
}

uint64_t
tally_percentile(const struct tally *tally, double share)
{
	uint64_t below = (uint64_t) (share * (double) tally->count);
	uint64_t slot = 0;

	for (uint64_t seen = 0; slot < SLOTS - 1; slot++)
	{
		seen += tally->histogram[slot];
		if (seen > below)
			break;
	}
	return slot;
}

static FILE *
open_process(pid_t pid, const char *file)
{
	char  path[64];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
	stream = fopen(path, "re");
	if (stream == NULL)
		fail(path);
	return stream;
}

/* utime and stime are the 12th and 13th fields after the name in brackets. */
double
process_cpu(pid_t pid)
{
	char  line[1024];
	FILE *stream = open_process(pid, "stat");
	char *at = fgets(line, sizeof(line), stream) != NULL ? strrchr(line, ')') : NULL;
	long  ticks = 0;

	fclose(stream);
	for (int field = 0; at != NULL && field < 13; field++)
	{
		at = strchr(at + 1, ' ');
		if (field >= 11 && at != NULL)
			ticks += strtol(at, NULL, 10);
	}
	return (double) ticks / (double) sysconf(_SC_CLK_TCK);
}

double
process_pss_kb(pid_t pid)
{
	char  line[256];
	FILE *stream = open_process(pid, "smaps_rollup");
	long  kb = 0;

	while (fgets(line, sizeof(line), stream) != NULL)
	{
		if (strncmp(line, "Pss:", 4) == 0)
			kb = strtol(line + 4, NULL, 10);
	}
	fclose(stream);
	return (double) kb;
}
