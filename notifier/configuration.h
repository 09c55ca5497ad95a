/*
 * configuration.h
 *		The options, and what the files that they name hold.
 */
#ifndef HARTHIO_CONFIGURATION_H
#define HARTHIO_CONFIGURATION_H

#include "auth.h"
#include "options.h"
#include "tls.h"

struct configuration
{
	struct options options;
	struct auth	  *auth; /* verifies tokens */
	struct tls	  *tls;	 /* NULL: connections are not encrypted */
};

/* Read all of it; an exit code, and the reason is in the log.  Free it. */
int	 configuration_load(struct configuration	  *configuration,
						const struct option_flags *flags);
void configuration_free(struct configuration *configuration);

#endif
