/*
 * reload.c
 *		What the operator decided: taken at the start, and anew on SIGHUP.
 */
#include "reload.h"

#include "exit_codes.h"
#include "log.h"
#include "loop.h"
#include "loops.h"
#include "memory.h"

const struct configuration *
reload_current(const struct loop *loop)
{
	return loop->reloaded != NULL ? loop->reloaded : loop->started;
}

void
reload_take(struct loop *loop, const struct configuration *configuration)
{
	const struct options *options = &configuration->options;

	loop->auth = configuration->auth;
	identities_forget(&loop->identities);
	loop->limiter.limits = options->limits;
	loop->public_channels = options->public_channels;
	log_set_level(options->log_level);
	metrics_set(&loop->metrics, METRIC_CERTIFICATE_EXPIRY,
				configuration->tls != NULL ? tls_expires(configuration->tls) : 0);
}

/* Why it cannot be taken, though it is good in itself; NULL: it was taken. */
static const char *
try_configuration(struct loop *loop, const struct configuration *configuration)
{
	if ((configuration->tls == NULL) != (loop->started->tls == NULL))
		return "TLS cannot be turned on or off without a restart";
	if (configuration->tls != NULL && !server_use_tls(loop->server, configuration->tls))
		return "the certificate cannot be used";
	reload_take(loop, configuration);
	return NULL;
}

static void
keep(struct loop *loop, struct configuration *configuration)
{
	configuration_release(loop->reloaded);
	loop->reloaded = configuration;
}

void
reload_free(struct loop *loop)
{
	keep(loop, NULL);
}

struct configuration *
reload_configuration(struct loop *loop)
{
	struct configuration *fresh = memory_new(sizeof(*fresh));
	const char			 *reason = "see the lines above";

	if (configuration_load(fresh, loop->loops->flags) == EXIT_CODE_OK)
		reason = try_configuration(loop, fresh);
	if (reason != NULL)
	{
		log_error("loop", "event=reload_failed reason=%s hint=\"All settings are as they were.\"",
				  log_text(reason));
		configuration_release(fresh);
		return NULL;
	}
	options_log_fixed(&loop->started->options, &fresh->options);
	keep(loop, fresh);
	return fresh;
}

void
reload_follow(struct loop *loop, struct configuration *configuration)
{
	const char *reason = try_configuration(loop, configuration);

	if (reason != NULL)
		log_error("loop", "event=reload_failed loop=%u reason=%s", loop->index, log_text(reason));
	configuration_retain(configuration);
	keep(loop, configuration);
}
