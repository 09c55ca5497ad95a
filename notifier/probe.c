/*
 * probe.c
 *		Health checks of the providers, by one notifier at a time.
 *
 * A round begins with the question who is to be checked, which gets the lock, or
 * nothing.  To take the lock again only counts.  A provider whose last check is
 * still under way is left out.
 */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "memory.h"
#include "probe_check.h"

static const char list_probes[] =
	"SELECT provider, probe FROM harthio.probes()"
	" WHERE (SELECT pg_try_advisory_lock(pg_catalog.hashtextextended('harthio.probes', 0)))";

struct probe
{
	struct probe	   *next;	  /* in the prober */
	struct prober	   *prober;	  /* whose */
	char			   *provider; /* its name */
	struct probe_check *check;	  /* under way; always there */
};

struct prober
{
	uv_loop_t	 *uv;		/* where it runs */
	struct pool	 *pool;		/* asks the database */
	SSL_CTX		 *tls;		/* for all checks */
	uint64_t	  interval; /* between two rounds, milliseconds; 0: never */
	uint64_t	  timeout;	/* of one check, milliseconds */
	uint64_t	  next_at;	/* loop time of the next round */
	struct probe *probes;	/* those under way */
};

struct prober *
prober_new(uv_loop_t *uv, struct pool *pool, uint64_t interval_ms, uint64_t timeout_ms)
{
	struct prober *prober = memory_new(sizeof(*prober));

	prober->uv = uv;
	prober->pool = pool;
	prober->interval = interval_ms;
	prober->timeout = timeout_ms;
	prober->tls = SSL_CTX_new(TLS_client_method());
	if (prober->tls == NULL || SSL_CTX_set_default_verify_paths(prober->tls) != 1)
		log_warning("probe", "event=no_certificates");
	else
		SSL_CTX_set_verify(prober->tls, SSL_VERIFY_PEER, NULL);
	return prober;
}

static void
free_probe(struct probe *probe)
{
	free(probe->provider);
	free(probe);
}

void
prober_stop(struct prober *prober)
{
	while (prober->probes != NULL)
	{
		struct probe *probe = prober->probes;

		prober->probes = probe->next;
		probe_check_stop(probe->check);
		free_probe(probe);
	}
}

void
prober_free(struct prober *prober)
{
	if (prober == NULL)
		return;
	SSL_CTX_free(prober->tls);
	free(prober);
}

static void
log_failure(const char *event, enum pool_verdict verdict, const PGresult *result)
{
	const char *message = "no answer";

	if (verdict == POOL_ANSWERED)
		message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	log_warning("probe", "event=%s message=%s", event, log_text(message != NULL ? message : ""));
}

static void
on_reported(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	(void) owner;
	if (verdict != POOL_ANSWERED || PQresultStatus(result) != PGRES_TUPLES_OK)
		log_failure("not_reported", verdict, result);
}

static void
report(struct prober *prober, const char *provider, bool good, unsigned latency_ms)
{
	char						latency[16];
	const struct pool_statement statement = {
		.before = "SELECT ",
		.after = ".harthio_report_probe($1, $2::boolean, $3::integer)",
		.values = {provider, good ? "true" : "false", latency},
		.value_count = 3};

	snprintf(latency, sizeof(latency), "%u", latency_ms);
	if (pool_ask(prober->pool, &statement, 1, on_reported, NULL) == NULL)
		log_warning("probe", "event=not_reported message=%s", log_text("too much waits"));
}

static void
on_checked(void *owner, const char *wrong, unsigned latency_ms)
{
	struct probe  *probe = owner;
	struct probe **place = &probe->prober->probes;

	while (*place != probe)
		place = &(*place)->next;
	*place = probe->next;
	log_debug("probe", "event=checked provider=%s wrong=%s latency_ms=%u",
			  log_text(probe->provider), log_text(wrong != NULL ? wrong : ""), latency_ms);
	report(probe->prober, probe->provider, wrong == NULL, latency_ms);
	free_probe(probe);
}

static bool
is_under_way(const struct prober *prober, const char *provider)
{
	const struct probe *probe = prober->probes;

	while (probe != NULL && strcmp(probe->provider, provider) != 0)
		probe = probe->next;
	return probe != NULL;
}

static void
check(struct prober *prober, const char *provider, const char *url)
{
	struct probe_target target;
	struct probe	   *probe;

	if (is_under_way(prober, provider))
		return;
	if (!probe_target_parse(url, &target))
	{
		log_warning("probe", "event=not_understood provider=%s probe=%s", log_text(provider),
					log_text(url));
		return;
	}
	probe = memory_new(sizeof(*probe));
	probe->prober = prober;
	probe->provider = memory_copy(provider, strlen(provider));
	probe->next = prober->probes;
	prober->probes = probe;
	probe->check = probe_check_start(prober->uv, &target, prober->tls, prober->timeout,
									 on_checked, probe);
}

static void
on_listed(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	struct prober *prober = owner;

	if (verdict != POOL_ANSWERED || PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		log_failure("not_listed", verdict, result);
		return;
	}
	for (int row = 0; row < PQntuples(result); row++)
		check(prober, PQgetvalue(result, row, 0), PQgetvalue(result, row, 1));
}

void
prober_tick(struct prober *prober)
{
	const struct pool_statement statement = {.before = list_probes};

	if (prober->interval == 0 || uv_now(prober->uv) < prober->next_at)
		return;
	prober->next_at = uv_now(prober->uv) + prober->interval;
	pool_ask(prober->pool, &statement, 1, on_listed, prober);
}
