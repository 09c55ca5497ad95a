/*-------------------------------------------------------------------------
 *
 * check.h
 *	  What is checked, and how much of it was right.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static int passed = 0;
static int failed = 0;

#define CHECK(condition) check((condition), #condition, __func__, __LINE__)
#define CHECK_NEAR(value, wanted, tolerance) \
	check_near((value), (wanted), (tolerance), #value, __func__, __LINE__)

static inline void
check(bool ok, const char *what, const char *where, int line)
{
	if (ok)
	{
		passed++;
		return;
	}
	failed++;
	printf("not ok - %s, line %d: %s\n", where, line, what);
}

static inline void
check_near(double value, double wanted, double tolerance, const char *what, const char *where, int line)
{
	const bool ok = fabs(value - wanted) <= tolerance;

	check(ok, what, where, line);
	if (!ok)
		printf("         is %g, not %g\n", value, wanted);
}

/* The last line of each program; returns its exit code. */
static inline int
check_summary(void)
{
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}

/* splitmix64: random numbers that are the same on every machine. */
static inline uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 <= result < 1 */
static inline double
next_uniform(uint64_t *state)
{
	return (double) (next_random(state) >> 11) / (double) (UINT64_C(1) << 53);
}

#endif
