/*
 * health.c
 *		How we are: ready or not, and the gauges.
 */
#include "health.h"

#include <math.h>

#include "connection.h"
#include "log.h"
#include "loop.h"
#include "loops.h"
#include "reload.h"

const char *
health_problem(const struct loop *loop)
{
	if (loop->stopping)
		return "stopping";
	if (!listener_is_live(loop->listener))
		return "not listening to the database";
	if (!database_ready(loop->database))
		return "the database cannot be asked";
	if (isnan(listener_lag(loop->listener)))
		return "the publisher's lag is not known yet";
	if (listener_lag(loop->listener) * 1000 > (double) reload_current(loop)->options.max_lag_ms)
		return "the publisher is behind";
	return NULL;
}

const char *
health_problem_of_all(const struct loop *loop)
{
	const struct loops *loops = loop->loops;
	const char		   *problem = health_problem(loop);

	for (unsigned i = 0; i < loops->count && problem == NULL; i++)
	{
		if (i != loop->index)
			problem = atomic_load(&loops->all[i]->problem);
	}
	return problem;
}

/* Several loops may be in a topic. */
static size_t
count_rooms(const struct loop *loop)
{
	return loop->loops->registry != NULL ? registry_count(loop->loops->registry)
										 : loop->hub.rooms.count;
}

static void
measure_connections(struct loop *loop)
{
	double channels = 0;
	double messages = 0;
	double bytes = 0;
	size_t longest = 0;

	for (struct connection *connection = loop->connections; connection != NULL;
		 connection = connection->next)
	{
		channels += (double) connection->channels.count;
		messages += (double) connection->queue_count;
		bytes += (double) connection->queue_bytes;
		if (connection->queue_count > longest)
			longest = connection->queue_count;
	}
	metrics_set(&loop->metrics, METRIC_CONNECTIONS, (double) loop->connection_count);
	metrics_set(&loop->metrics, METRIC_CHANNELS, channels);
	metrics_set(&loop->metrics, METRIC_QUEUE_MESSAGES, messages);
	metrics_set(&loop->metrics, METRIC_QUEUE_BYTES, bytes);
	metrics_set(&loop->metrics, METRIC_QUEUE_LONGEST, (double) longest);
}

void
health_measure(struct loop *loop)
{
	measure_connections(loop);
	metrics_set_limited(&loop->metrics, loop->limiter.refused);
	metrics_set(&loop->metrics, METRIC_ROOMS, (double) count_rooms(loop));
	metrics_set(&loop->metrics, METRIC_RPC_WAITING,
				loop->rpc != NULL ? (double) rpc_waiting(loop->rpc) : 0);
	metrics_set(&loop->metrics, METRIC_SESSIONS, (double) loop->hub.sessions.count);
	metrics_set(&loop->metrics, METRIC_STATES, (double) loop->hub.states);
	metrics_set(&loop->metrics, METRIC_PUBLISHER_LAG, listener_lag(loop->listener));
	metrics_set(&loop->metrics, METRIC_READY, health_problem(loop) == NULL);
	metrics_set(&loop->metrics, METRIC_LOG_SUPPRESSED, (double) log_suppressed());
}

void
health_print(struct loop *loop, struct buffer *text)
{
	const struct loops	 *loops = loop->loops;
	const struct metrics *metrics[LOOPS_MAX];

	health_measure(loop);
	for (unsigned i = 0; i < loops->count; i++)
		metrics[i] = &loops->all[i]->metrics;
	metrics_print(metrics, loops->count, text);
}
