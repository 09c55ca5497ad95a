/*
 * health.c
 *		How we are: ready or not, and the gauges.
 */
#include "health.h"

#include <math.h>

#include "connection.h"
#include "log.h"
#include "loop.h"
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
	memcpy(loop->metrics.limited, loop->limiter.refused, sizeof(loop->metrics.limited));
	metrics_set(&loop->metrics, METRIC_ROOMS, (double) loop->hub.rooms.count);
	metrics_set(&loop->metrics, METRIC_RPC_WAITING,
				loop->rpc != NULL ? (double) rpc_waiting(loop->rpc) : 0);
	metrics_set(&loop->metrics, METRIC_SESSIONS, (double) loop->hub.sessions.count);
	metrics_set(&loop->metrics, METRIC_STATES, (double) loop->hub.states);
	metrics_set(&loop->metrics, METRIC_PUBLISHER_LAG, listener_lag(loop->listener));
	metrics_set(&loop->metrics, METRIC_READY, health_problem(loop) == NULL);
	metrics_set(&loop->metrics, METRIC_LOG_SUPPRESSED, (double) log_suppressed());
}
