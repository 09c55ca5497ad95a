/*-------------------------------------------------------------------------
 *
 * quality_metrics.c
 *	  The metrics that a client sends, as JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "quality_metrics.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

/* The value of a key, or NULL if it is missing or null. */
static JsonbValue *
find(Jsonb *object, const char *key, JsonbValue *value)
{
	JsonbValue *found = getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), value);

	return found == NULL || found->type == jbvNull ? NULL : found;
}

static void
read_number(Jsonb *object, QualityMetric metric, QualityMetrics *metrics)
{
	const char *name = quality_metric_name(metric);
	JsonbValue	value;

	if (find(object, name, &value) == NULL)
		return;
	if (value.type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid quality metric \"%s\"", name),
				 errdetail("It is not a number."),
				 errhint("Leave out what was not measured.")));

	/* one that is too large becomes infinite, and is refused with the others */
	quality_set(metrics, metric,
				DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												   NumericGetDatum(value.val.numeric))));
}

static bool
read_flag(Jsonb *object, const char *name)
{
	JsonbValue value;

	if (find(object, name, &value) == NULL)
		return false;
	if (value.type != jbvBool)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid quality metric \"%s\"", name),
				 errdetail("It is not a boolean."),
				 errhint("Send true or false, or leave it out.")));
	return value.val.boolean;
}

static void
check(const QualityMetrics *metrics)
{
	QualityFault fault;

	if (!quality_check(metrics, &fault))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid quality metric \"%s\"", quality_metric_name(fault.metric)),
				 errdetail("It %s.", fault.reason),
				 errhint("Send a number from 0 to %.0f, or leave it out.", fault.maximum)));
}

QualityMetrics
quality_metrics_read(Datum datum)
{
	Jsonb		  *object = DatumGetJsonbP(datum);
	QualityMetrics metrics = {.present = 0};

	for (int i = 0; i < QUALITY_METRICS; i++)
		read_number(object, (QualityMetric) i, &metrics);
	metrics.fec = read_flag(object, "fec");
	metrics.muted = read_flag(object, "muted");
	metrics.cpu_limited = read_flag(object, "cpu_limited");
	metrics.screen_share = read_flag(object, "screen_share");
	check(&metrics);
	return metrics;
}
