/*-------------------------------------------------------------------------
 *
 * probe.c
 *	  Health checks of providers from outside.
 *
 * They cost no session anything: failed ones open a provider's breaker before
 * a call has met the fault, and good ones close it early (policy_breaker.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "change_ring.h"
#include "harthio.h"
#include "provider.h"
#include "score.h"
#include "statement.h"

PG_FUNCTION_INFO_V1(harthio_report_probe);

static const Provider *
require_provider(const char *name)
{
	const Provider *provider = provider_find(provider_read_all(), name);

	if (provider == NULL)
		provider_not_found(name);
	return provider;
}

Datum
harthio_report_probe(PG_FUNCTION_ARGS)
{
	ScoreNote		note = {.event = SCORE_PROBE, .latency_ms = -1};
	const Provider *provider;
	int32			latency_ms;

	harthio_require_ready();
	note.success = argument_bool(fcinfo, 1, "ok");
	if (argument_optional_ms(fcinfo, 2, "latency_ms", &latency_ms))
		note.latency_ms = latency_ms;

	SPI_connect();
	provider = require_provider(argument_text(fcinfo, 0, "provider"));
	score_ensure_loaded();
	strlcpy(note.provider, provider->name, sizeof(note.provider));
	note.base_score = provider->base_score;
	change_score(&note);
	SPI_finish();

	PG_RETURN_VOID();
}
