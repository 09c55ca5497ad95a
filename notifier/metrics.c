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

void
metrics_count_refusal(struct metrics *metrics, const char *reason)
{
	const struct slice code = slice_of(reason, strcspn(reason, ":"));
	size_t			   place = 0;

	while (place < REFUSAL_COUNT - 1 && !slice_equal(code, slice_text(refusals[place])))
		place++;
	metrics->refused[place]++;
}

void
metrics_count_close(struct metrics *metrics, unsigned code)
{
	size_t place = 0;

	while (place < CLOSE_CODE_COUNT - 1 && close_codes[place] != code)
		place++;
	metrics->closed[place]++;
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

void
metrics_print(const struct metrics *metrics, struct buffer *text)
{
	for (size_t i = 0; i < METRIC_COUNT; i++)
		print_value(text, &descriptions[i], metrics->values[i]);
	print_head(text, &refused);
	for (size_t i = 0; i < REFUSAL_COUNT; i++)
		print_labelled(text, refused.name, "reason", refusals[i], metrics->refused[i]);
	print_head(text, &limited);
	for (int i = 0; i < LIMIT_COUNT; i++)
		print_labelled(text, limited.name, "limit", limit_name((enum limit) i), metrics->limited[i]);
	print_closed(metrics, text);
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
	print_row(&build, " by `version`");
	printf("\n| a join is refused with | |\n|---|---|\n");
#define PRINT_REFUSAL(code, advice) printf("| `%s` | %s |\n", code, advice);
	REFUSALS(PRINT_REFUSAL)
#undef PRINT_REFUSAL
}
