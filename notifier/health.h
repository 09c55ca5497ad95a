/*
 * health.h
 *		How we are: ready or not, and the gauges.
 *
 * Ready means that clients should be sent here: we hear what is notified, can
 * ask whether they may join, and the publisher tells of changes soon enough.
 */
#ifndef HARTHIO_HEALTH_H
#define HARTHIO_HEALTH_H

#include "buffer.h"

struct loop;

/* What keeps this loop, or any of all, from being ready?  NULL: nothing. */
const char *health_problem(const struct loop *loop);
const char *health_problem_of_all(const struct loop *loop);

/* Bring the loop's gauges up to date. */
void health_measure(struct loop *loop);

/* Append all metrics; the gauges of other loops are as of their last tick. */
void health_print(struct loop *loop, struct buffer *text);

#endif
