/*
 * tally.h
 *		What was delivered, how late, and what it cost the server.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdint.h>
#include <sys/types.h>

/* Wall-clock microseconds; in them latencies are counted. */
uint64_t now_us(void);

struct tally
{
	uint64_t  count;
	uint64_t  longest;
	uint32_t *histogram; /* deliveries by microseconds; the last: that and more */
};

void	 tally_clear(struct tally *tally);
void	 tally_add(struct tally *tally, uint64_t latency_us);
uint64_t tally_percentile(const struct tally *tally, double share);

/* CPU seconds that a process has used, and its memory in KB. */
double process_cpu(pid_t pid);
double process_pss_kb(pid_t pid);

#endif
