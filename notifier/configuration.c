/*
 * configuration.c
 *		The options, and what the files that they name hold.
 */
#include "configuration.h"

#include <stdlib.h>

#include "exit_codes.h"
#include "log.h"

static bool
load_auth(struct configuration *configuration)
{
	const struct options	  *options = &configuration->options;
	const struct auth_settings settings = {
		.secret = options->jwt_secret,
		.previous_secret = options->jwt_secret_previous,
		.jwks = options->jwks,
		.api_keys = options->api_keys,
		.issuer = options->jwt_issuer,
		.audience = options->jwt_audience,
		.leeway = options->jwt_leeway,
	};
	char problem[PROBLEM_MAX_BYTES];

	configuration->auth = auth_new(&settings, problem);
	if (configuration->auth == NULL)
		log_error("auth", "event=invalid reason=%s", log_text(problem));
	return configuration->auth != NULL;
}

static bool
load_tls(struct configuration *configuration)
{
	const struct options *options = &configuration->options;
	char				  problem[PROBLEM_MAX_BYTES];

	if (options->tls_certificate == NULL)
		return true;
	configuration->tls = tls_new(options->tls_certificate, options->tls_key, problem);
	if (configuration->tls == NULL)
		log_error("tls", "event=invalid reason=%s", log_text(problem));
	return configuration->tls != NULL;
}

int
configuration_load(struct configuration *configuration, const struct option_flags *flags)
{
	int exit_code;

	*configuration = (struct configuration){.references = 1};
	exit_code = options_read(&configuration->options, flags);
	if (exit_code != EXIT_CODE_OK)
		return exit_code;
	if (!load_auth(configuration) || !load_tls(configuration))
		return EXIT_CODE_CONFIGURATION;
	return EXIT_CODE_OK;
}

void
configuration_free(struct configuration *configuration)
{
	auth_free(configuration->auth);
	tls_free(configuration->tls);
	options_free(&configuration->options);
	*configuration = (struct configuration){0};
}

void
configuration_retain(struct configuration *configuration)
{
	atomic_fetch_add(&configuration->references, 1);
}

void
configuration_release(struct configuration *configuration)
{
	if (configuration == NULL || atomic_fetch_sub(&configuration->references, 1) > 1)
		return;
	configuration_free(configuration);
	free(configuration);
}
