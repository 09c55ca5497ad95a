/*
 * health.h
 *		How we are: ready or not, and the gauges.
 *
 * Ready means that clients should be sent here: we hear what is notified, can
 * ask whether they may join, and the publisher tells of changes soon enough.
 */
#ifndef HARTHIO_HEALTH_H
#define HARTHIO_HEALTH_H

struct loop;

/* What keeps us from being ready?  NULL: nothing. */
const char *health_problem(const struct loop *loop);

/* Bring the gauges up to date. */
void health_measure(struct loop *loop);

#endif
