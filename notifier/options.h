/*
 * options.h
 *		What the operator decides: flags, environment, defaults.
 *
 * One table in options.c drives parsing, the environment and --help.  A flag
 * beats the environment, which beats the default.
 */
#ifndef HARTHIO_OPTIONS_H
#define HARTHIO_OPTIONS_H

#include "limit_options.h"
#include "log.h"
#include "slice.h"

struct options
{
	char		  *database;	/* connection string for libpq */
	char		  *listen_host; /* where to listen: address or name */
	char		  *listen_port; /* and the port; 0: any free one */
	struct slice   jwt_secret;	/* what tokens are signed with; ours */
	enum log_level log_level;	/* how much to say */

	bool		  public_channels; /* may topics other than sessions be joined? */
	struct limits limits;		   /* how much may be asked for */
};

/*
 * Read them all.  Returns true to go on; otherwise "exit_code" is how to end,
 * and whoever is to know has been told.  Free them in both cases.
 */
bool options_read(struct options *options, int argc, char **argv,
				  int *exit_code);
void options_free(struct options *options);

#endif
