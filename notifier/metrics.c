/*
 * metrics.c
 *		What is counted, for Prometheus.
 *
 * A double counts exactly up to 2^53, and it is what Prometheus keeps anyway.
 */
#include "metrics.h"

#include <math.h>
#include <stdio.h>

#define PREFIX "harthio_notifier_"

#define LABELLED_REFUSED "joins_refused_total"
#define LABELLED_CLOSED	 "connections_closed_total"

struct description
{
	const char *name; /* without the prefix */
	const char *type; /* Prometheus' word */
	const char *help;
};

#define COUNTER "counter"
#define GAUGE	"gauge"

static const struct description descriptions[METRIC_COUNT] = {
#define METRIC_ROW(name, kind, published, help) [METRIC_##name] = {published, kind, help},
	METRICS(METRIC_ROW)
#undef METRIC_ROW
};

static const struct description refused = {
	LABELLED_REFUSED, COUNTER, "Joins that were refused, by the code in the reason"};
static const struct description closed = {
	LABELLED_CLOSED, COUNTER, "Websockets that ended, by close code; none: without a close frame"};
static const struct description limited = {
	"limited_total", COUNTER, "What limits refused, by limit"};
static const struct description loop_connections = {
	"loop_connections", GAUGE, "Websockets that are open, by event loop"};
static const struct description loop_ready = {
	"loop_ready", GAUGE, "1 if the event loop could serve clients, by event loop"};
static const struct description build = {
	"build_info", GAUGE, "1; the label says which version runs"};

static const char *const refusals[] = {
#define REFUSAL_CODE(code, advice) code,
	REFUSALS(REFUSAL_CODE)
#undef REFUSAL_CODE
};

#define REFUSAL_COUNT (sizeof(refusals) / sizeof(refusals[0]))

/* The first and the last stand for none and for all others. */
static const unsigned close_codes[] = {
	0, 1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, UINT32_MAX};

#define CLOSE_CODE_COUNT (sizeof(close_codes) / sizeof(close_codes[0]))

_Static_assert(REFUSAL_COUNT <= REFUSAL_MAX, "there is room for all refusals");
_Static_assert(CLOSE_CODE_COUNT <= REFUSAL_MAX, "there is room for all close codes");

static void
count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
						  memory_order_relaxed);
}

void
metrics_count_refusal(struct metrics *metrics, const char *reason)
{
	const struct slice code = slice_of(reason, strcspn(reason, ":"));
	size_t			   place = 0;

	while (place < REFUSAL_COUNT - 1 && !slice_equal(code, slice_text(refusals[place])))
		place++;
	count(&metrics->refused[place]);
}

void
metrics_count_close(struct metrics *metrics, unsigned code)
{
	size_t place = 0;

	while (place < CLOSE_CODE_COUNT - 1 && close_codes[place] != code)
		place++;
	count(&metrics->closed[place]);
}

void
metrics_set_limited(struct metrics *metrics, const uint64_t limit_refused[LIMIT_COUNT])
{
	for (int limit = 0; limit < LIMIT_COUNT; limit++)
		atomic_store_explicit(&metrics->limited[limit], limit_refused[limit], memory_order_relaxed);
}

/* What two loops make together. */
static double
combine(enum metric metric, double a, double b)
{
	if (isnan(a) || isnan(b))
		return NAN;
	switch (metric)
	{
		case METRIC_READY:
			return fmin(a, b);
		case METRIC_ROOMS:
		case METRIC_QUEUE_LONGEST:
		case METRIC_PUBLISHER_LAG:
		case METRIC_CERTIFICATE_EXPIRY:
			return fmax(a, b);
		default:
			return a + b;
	}
}

static void
add_counts(_Atomic uint64_t *sum, const _Atomic uint64_t *counts, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum[i] += atomic_load_explicit(&counts[i], memory_order_relaxed);
}

static void
sum_up(struct metrics *sum, const struct metrics *const loops[], unsigned loop_count)
{
	for (unsigned loop = 0; loop < loop_count; loop++)
	{
		const struct metrics *one = loops[loop];

		for (int metric = 0; metric < METRIC_COUNT; metric++)
		{
			const double value = metrics_get(one, metric);

			metrics_set(sum, metric, loop == 0 ? value : combine(metric, metrics_get(sum, metric), value));
		}
		add_counts(sum->refused, one->refused, REFUSAL_COUNT);
		add_counts(sum->limited, one->limited, LIMIT_COUNT);
		add_counts(sum->closed, one->closed, CLOSE_CODE_COUNT);
	}
}

static void
print_head(struct buffer *text, const struct description *description)
{
	char line[512];

	snprintf(line, sizeof(line), "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n",
			 description->name, description->help, description->name, description->type);
	buffer_append_text(text, line);
}

static void
print_value(struct buffer *text, const struct description *description, double value)
{
	char line[256];

	print_head(text, description);
	if (isnan(value))
		snprintf(line, sizeof(line), PREFIX "%s NaN\n", description->name);
	else
		snprintf(line, sizeof(line), PREFIX "%s %.17g\n", description->name, value);
	buffer_append_text(text, line);
}

static void
print_labelled(struct buffer *text, const char *name, const char *label,
			   const char *value, uint64_t count)
{
	char line[256];

	snprintf(line, sizeof(line), PREFIX "%s{%s=\"%s\"} %llu\n", name, label, value,
			 (unsigned long long) count);
	buffer_append_text(text, line);
}

static void
print_closed(const struct metrics *metrics, struct buffer *text)
{
	print_head(text, &closed);
	for (size_t i = 0; i < CLOSE_CODE_COUNT; i++)
	{
		char code[16];

		snprintf(code, sizeof(code), "%u", close_codes[i]);
		print_labelled(text, closed.name, "code",
					   i == 0						  ? "none"
					   : close_codes[i] == UINT32_MAX ? "other"
													  : code,
					   metrics->closed[i]);
	}
}

static void
print_by_loop(struct buffer *text, const struct description *description, enum metric metric,
			  const struct metrics *const loops[], unsigned loop_count)
{
	print_head(text, description);
	for (unsigned loop = 0; loop < loop_count; loop++)
	{
		char number[16];

		snprintf(number, sizeof(number), "%u", loop);
		print_labelled(text, description->name, "loop", number,
					   (uint64_t) metrics_get(loops[loop], metric));
	}
}

static void
print_sums(const struct metrics *sum, struct buffer *text)
{
	for (size_t i = 0; i < METRIC_COUNT; i++)
		print_value(text, &descriptions[i], metrics_get(sum, i));
	print_head(text, &refused);
	for (size_t i = 0; i < REFUSAL_COUNT; i++)
		print_labelled(text, refused.name, "reason", refusals[i], sum->refused[i]);
	print_head(text, &limited);
	for (int i = 0; i < LIMIT_COUNT; i++)
		print_labelled(text, limited.name, "limit", limit_name((enum limit) i), sum->limited[i]);
	print_closed(sum, text);
}

void
metrics_print(const struct metrics *const loops[], unsigned loop_count, struct buffer *text)
{
	struct metrics sum = {0};

	sum_up(&sum, loops, loop_count);
	print_sums(&sum, text);
	print_by_loop(text, &loop_connections, METRIC_CONNECTIONS, loops, loop_count);
	print_by_loop(text, &loop_ready, METRIC_READY, loops, loop_count);
	print_head(text, &build);
	print_labelled(text, build.name, "version", HARTHIO_VERSION, 1);
}

static void
print_row(const struct description *description, const char *label)
{
	printf("| `" PREFIX "%s`%s | %s | %s |\n", description->name, label,
		   description->type, description->help);
}

void
metrics_print_docs(void)
{
	printf("| metric | type | |\n|---|---|---|\n");
	for (size_t i = 0; i < METRIC_COUNT; i++)
		print_row(&descriptions[i], "");
	print_row(&refused, " by `reason`");
	print_row(&limited, " by `limit`");
	print_row(&closed, " by `code`");
	print_row(&loop_connections, " by `loop`");
	print_row(&loop_ready, " by `loop`");
	print_row(&build, " by `version`");
	printf("\n| a join is refused with | |\n|---|---|\n");
#define PRINT_REFUSAL(code, advice) printf("| `%s` | %s |\n", code, advice);
	REFUSALS(PRINT_REFUSAL)
#undef PRINT_REFUSAL
}
