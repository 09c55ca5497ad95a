/*
 * upkeep.c
 *		What a notifier does by itself: leases and health checks.
 */
#include "upkeep.h"

#include <stdlib.h>

#include "database_link.h"
#include "lease.h"
#include "memory.h"
#include "probe.h"

struct upkeep
{
	struct pool	  *pool;   /* of one connection */
	struct prober *prober; /* who of the providers is there */
	struct lease  *lease;  /* who is here */
};

static void
on_ready(void *owner)
{
	struct upkeep *upkeep = owner;

	lease_ready(upkeep->lease);
}

struct upkeep *
upkeep_new(const struct link_setup *setup, const struct options *options,
		   uint64_t probe_interval_ms, struct hub *hub, const struct hash_key *secret)
{
	struct upkeep			  *upkeep = memory_new(sizeof(*upkeep));
	const struct pool_settings settings = {
		.name = "upkeep",
		.program = "harthio-notifier upkeep",
		.connections = 1,
		.waiting_most = 256,
		.wait_ms = 5000,
		.run_ms = 10000,
		.ready = on_ready,
		.owner = upkeep,
	};

	upkeep->pool = pool_new(setup, &settings);
	upkeep->lease = lease_new(hub, upkeep->pool, setup->uv, secret);
	upkeep->prober = prober_new(setup->uv, upkeep->pool, probe_interval_ms,
								options->probe_timeout_ms);
	return upkeep;
}

void
upkeep_stop(struct upkeep *upkeep)
{
	prober_stop(upkeep->prober);
	pool_stop(upkeep->pool);
}

void
upkeep_free(struct upkeep *upkeep)
{
	if (upkeep == NULL)
		return;
	prober_free(upkeep->prober);
	lease_free(upkeep->lease);
	pool_free(upkeep->pool);
	free(upkeep);
}

void
upkeep_tick(struct upkeep *upkeep)
{
	pool_tick(upkeep->pool);
	lease_tick(upkeep->lease);
	prober_tick(upkeep->prober);
}

void
upkeep_enter(struct upkeep *upkeep, const char *session_id, const char *participant)
{
	lease_enter(upkeep->lease, session_id, participant);
}

void
upkeep_leave(struct upkeep *upkeep, const char *session_id)
{
	lease_leave(upkeep->lease, session_id);
}
