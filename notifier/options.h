/*
 * options.h
 *		What the operator decides: flags, environment, a file, defaults.
 *
 * One table (options_table.c) drives parsing, the environment, the file,
 * --help, --print-config and docs/reference.md.  A flag beats the environment,
 * which beats the file, which beats the default.
 *
 * The flags are kept, so that everything can be read once more on SIGHUP.
 */
#ifndef HARTHIO_OPTIONS_H
#define HARTHIO_OPTIONS_H

#include <stdint.h>

#include "limit_options.h"
#include "log.h"
#include "slice.h"

/* As many as there are bits in a word. */
#define LOOPS_MAX 64

/* Where to listen: a host and a port, or a path; all NULL: nowhere. */
struct address
{
	char *host; /* address or name */
	char *port; /* 0: any free one */
	char *path; /* of a unix socket */
};

/* The text that an option was given, and by whom. */
struct option_given
{
	char	   *text;	/* NULL: it has no value */
	const char *source; /* "flag", "default", or the variable or file */
};

struct options
{
	char		  *config;				/* the file of settings; NULL: none */
	char		  *database;			/* connection string for libpq */
	struct address listen;				/* for clients */
	struct address internal;			/* for metrics and health */
	char		  *tls_certificate;		/* file; NULL: no TLS */
	char		  *tls_key;				/* file */
	struct slice   jwt_secret;			/* what tokens are signed with */
	struct slice   jwt_secret_previous; /* what they were signed with before */
	struct slice   jwks;				/* JSON: keys that have names */
	struct slice   api_keys;			/* JSON: claims of "sb_" keys */
	char		  *jwt_issuer;			/* what "iss" must be; NULL: anything */
	char		  *jwt_audience;		/* what "aud" must name; NULL: anything */
	uint64_t	   jwt_leeway;			/* seconds that clocks may differ */
	char		  *pages;				/* directory of files for browsers; NULL: none */
	char		  *operator_role;		/* whose tokens may operate; NULL: nobody's */
	char		  *operator_pages;		/* the same, on the internal port */
	bool		   public_channels;		/* may topics other than sessions be joined? */
	struct limits  limits;				/* how much may be asked for */
	uint64_t	   threads;				/* event loops */
	uint64_t	   drain_seconds;		/* over which to close connections */
	uint64_t	   database_timeout_ms; /* for an answer of the database */
	uint64_t	   max_lag_ms;			/* of the publisher, to be ready */
	bool		   rpc;					/* can functions be called by HTTP? */
	char		  *rpc_functions;		/* others that can be; NULL: none */
	uint64_t	   rpc_connections;		/* how many run at the same time */
	uint64_t	   rpc_queue;			/* how many may wait */
	uint64_t	   rpc_wait_ms;			/* and for how long */
	uint64_t	   rpc_timeout_ms;		/* how long one may run */
	uint64_t	   rpc_max_bytes;		/* of a body */
	uint64_t	   probe_interval;		/* seconds between health checks; 0: none */
	uint64_t	   probe_timeout_ms;	/* of one */
	bool		   allow_superuser;		/* as the role of the database */
	enum log_level log_level;			/* how much to say */

	struct option_given *given; /* by place in the table */
};

/* What the command line said; by place in the table. */
struct option_flags
{
	char **values; /* NULL: not given */
};

/*
 * Sort the arguments, and hide the secrets among them from those who list the
 * processes.  False, and the user was told, if they make no sense.
 */
bool options_parse_arguments(struct option_flags *flags, int argc, char **argv);
void options_free_flags(struct option_flags *flags);

/* Was this one, which takes no value, given? */
bool options_asked(const struct option_flags *flags, const char *name);

/* Read all of them; an exit code, and the reason is in the log.  Free them. */
int	 options_read(struct options *options, const struct option_flags *flags);
void options_free(struct options *options);

/* Say which options differ though they cannot change while we run. */
void options_log_fixed(const struct options *before, const struct options *after);

/* What --help, --print-config and --print-docs print. */
void options_print_help(void);
void options_print(const struct options *options);
void options_print_docs(void);

#endif
