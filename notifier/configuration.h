/*
 * configuration.h
 *		The options, and what the files that they name hold.
 */
#ifndef HARTHIO_CONFIGURATION_H
#define HARTHIO_CONFIGURATION_H

#include <stdatomic.h>

#include "auth.h"
#include "options.h"
#include "tls.h"

struct configuration
{
	struct options options;
	struct auth	  *auth;	   /* verifies tokens */
	struct tls	  *tls;		   /* NULL: connections are not encrypted */
	atomic_uint	   references; /* loops that go by it, if it is shared */
};

/* Read all of it; an exit code, and the reason is in the log.  Free it. */
int	 configuration_load(struct configuration	  *configuration,
						const struct option_flags *flags);
void configuration_free(struct configuration *configuration);

/* One that several loops go by is from malloc(), and freed by the last of them. */
void configuration_retain(struct configuration *configuration);
void configuration_release(struct configuration *configuration);

#endif
