/*
 * unit_metrics.c
 *		Is what was counted printed as Prometheus reads it?
 */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "metrics.h"

static bool
has(const struct buffer *text, const char *line)
{
	return memmem(text->data, text->length, line, strlen(line)) != NULL;
}

void
test_metrics(void)
{
	struct metrics		  metrics = {0};
	const struct metrics *all = &metrics;
	struct buffer		  text = {0};

	metrics_add(&metrics, METRIC_JOINS, 2);
	metrics_add(&metrics, METRIC_BYTES_OUT, 9007199254740991);
	metrics_set(&metrics, METRIC_PUBLISHER_LAG, NAN);
	metrics_count_refusal(&metrics, "MalformedJWT: whatever");
	metrics_count_refusal(&metrics, "unmatched topic");
	metrics_count_refusal(&metrics, "");
	metrics_count_close(&metrics, 0);
	metrics_count_close(&metrics, 1012);
	metrics_count_close(&metrics, 4999);
	metrics_print(&all, 1, &text);
	CHECK(has(&text, "# TYPE harthio_notifier_joins_total counter\nharthio_notifier_joins_total 2\n"));
	CHECK(has(&text, "\nharthio_notifier_sent_bytes_total 9007199254740991\n"));
	CHECK(has(&text, "\nharthio_notifier_publisher_lag_seconds NaN\n"));
	CHECK(has(&text, "\nharthio_notifier_joins_refused_total{reason=\"MalformedJWT\"} 1\n"));
	CHECK(has(&text, "\nharthio_notifier_joins_refused_total{reason=\"other\"} 2\n"));
	CHECK(has(&text, "\nharthio_notifier_connections_closed_total{code=\"none\"} 1\n"));
	CHECK(has(&text, "\nharthio_notifier_connections_closed_total{code=\"1012\"} 1\n"));
	CHECK(has(&text, "\nharthio_notifier_connections_closed_total{code=\"other\"} 1\n"));
	buffer_free(&text);
}
