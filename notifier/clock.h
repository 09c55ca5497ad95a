/*
 * clock.h
 *		The time of day, as tokens count it.
 */
#ifndef HARTHIO_CLOCK_H
#define HARTHIO_CLOCK_H

#include <time.h>

/* Seconds since the epoch, with fractions. */
static inline double
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

#endif
