/*
 * options_table.h
 *		All options: the one table, and how a value of each type is read.
 */
#ifndef HARTHIO_OPTIONS_TABLE_H
#define HARTHIO_OPTIONS_TABLE_H

#include "file.h"
#include "options.h"

#define OPTION_NAME_MAX 48

enum option_type
{
	OPTION_ACTION,	  /* no value: does something instead of running */
	OPTION_TEXT,	  /* char *; empty: NULL */
	OPTION_DIRECTORY, /* char *: its path without symbolic links; empty: NULL */
	OPTION_CONNINFO,  /* char *: what libpq understands; may hold a password */
	OPTION_ADDRESS,	  /* struct address; empty: nowhere */
	OPTION_SECRET,	  /* struct slice: the value, or what is in "@FILE" */
	OPTION_CONTENT,	  /* struct slice: what is in the file of that name */
	OPTION_NUMBER,	  /* uint64_t, from lowest to highest */
	OPTION_SWITCH,	  /* bool: "on" or "off" */
	OPTION_LEVEL	  /* enum log_level */
};

struct option
{
	const char		*name;		 /* flag without dashes, and key in the file */
	const char		*value_name; /* for --help; NULL: takes none */
	const char		*standard;	 /* the default */
	const char		*help;		 /* one line */
	size_t			 offset;	 /* in struct options */
	uint64_t		 lowest;	 /* of a number */
	uint64_t		 highest;	 /* of a number */
	enum option_type type;
	bool			 reloadable; /* SIGHUP takes a new value */
	bool			 secret;	 /* must not be shown */
	bool			 hidden;	 /* not in --help */
};

extern const struct option options_table[];
extern const size_t		   options_table_size;

/* The name of the option's environment variable: jwt-secret's is HARTHIO_JWT_SECRET. */
void option_variable(const struct option *option, char variable[OPTION_NAME_MAX]);

/* The option of this name, and the one whose name is nearest to it. */
const struct option *option_find(struct slice name);
const char			*option_nearest(const char *name);

/* Put a value where it belongs; an exit code, and what is wrong. */
int	 option_apply(const struct option *option, struct options *options,
				  const char *text, char problem[PROBLEM_MAX_BYTES]);
void option_release(const struct option *option, struct options *options);

#endif
