/*-------------------------------------------------------------------------
 *
 * provider_stats.c
 *	  The providers as operators see them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "harthio.h"
#include "provider.h"
#include "score.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_providers);
PG_FUNCTION_INFO_V1(harthio_provider_scores);

static Datum
time_or_null(TimestampTz time, bool *isnull)
{
	*isnull = TIMESTAMP_IS_NOBEGIN(time);
	return TimestampTzGetDatum(time);
}

/* What all sessions together taught of a provider; zeroes for nothing. */
static ScoreReport
find_report(const ScoreReport *reports, int count, const char *provider)
{
	ScoreReport none = {.last_success_at = DT_NOBEGIN, .last_failure_at = DT_NOBEGIN};

	for (int i = 0; i < count; i++)
	{
		if (reports[i].scope[0] == '\0' && strcmp(reports[i].provider, provider) == 0)
			return reports[i];
	}
	return none;
}

/*
 * One row for each provider: what the operator set, and what was learnt.
 */
Datum
harthio_providers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ScoreReport	  *reports;
	int			   count;
	ListCell	  *cell;

	harthio_require_ready();
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	score_ensure_loaded();
	count = score_report(&reports);
	foreach (cell, provider_read_all())
	{
		const Provider *provider = lfirst(cell);
		ScoreReport		report = find_report(reports, count, provider->name);
		double			score = score_read("", provider->name, provider->base_score);
		Datum			values[8];
		bool			nulls[8] = {0};

		values[0] = CStringGetTextDatum(provider->name);
		values[1] = Float8GetDatum(score);
		values[2] = CStringGetTextDatum(score_band(score));
		values[3] = BoolGetDatum(provider->enabled);
		values[4] = Int32GetDatum(provider->priority);
		values[5] = Int64GetDatum(report.successes);
		values[6] = Int64GetDatum(report.failures);
		values[7] = time_or_null(Max(report.last_success_at, report.last_failure_at), &nulls[7]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();

	return (Datum) 0;
}

static void
put_report(ReturnSetInfo *result, const ScoreReport *report)
{
	Datum values[16];
	bool  nulls[16] = {0};

	values[0] = CStringGetTextDatum(report->scope);
	values[1] = CStringGetTextDatum(report->provider);
	values[2] = Float8GetDatum(report->score);
	values[3] = Float8GetDatum(report->evidence);
	values[4] = Int64GetDatum(report->successes);
	values[5] = Int64GetDatum(report->failures);
	values[6] = time_or_null(report->last_success_at, &nulls[6]);
	values[7] = time_or_null(report->last_failure_at, &nulls[7]);
	values[8] = CStringGetTextDatum(report->breaker);
	values[9] = text_or_null(report->reason, &nulls[9]);
	values[10] = time_or_null(report->open_until, &nulls[10]);
	values[11] = Int64GetDatum(report->sessions);
	values[12] = Float8GetDatum(report->sessions_per_minute);
	values[13] = BoolGetDatum(report->probe_ok);
	values[14] = Int32GetDatum(report->probe_latency_ms);
	values[15] = time_or_null(report->probed_at, &nulls[15]);
	nulls[13] = !report->probed;
	nulls[14] = !report->probed || report->probe_latency_ms < 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * One row for each provider in each scope of which something is known.
 */
Datum
harthio_provider_scores(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ScoreReport	  *reports;
	int			   count;

	harthio_require_ready();
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	score_ensure_loaded();
	SPI_finish();

	count = score_report(&reports);
	for (int i = 0; i < count; i++)
		put_report(result, &reports[i]);

	return (Datum) 0;
}
