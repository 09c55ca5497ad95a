/*
 * main.c
 *		harthio-notifier: turns what PostgreSQL notifies into messages of the
 *		Supabase Realtime protocol.
 */
#include <signal.h>
#include <stdio.h>

#include "configuration.h"
#include "exit_codes.h"
#include "log.h"
#include "loops.h"
#include "options.h"

/* What needs no configuration, and is not running. */
static bool
show(const struct option_flags *flags)
{
	if (options_asked(flags, "help"))
		options_print_help();
	else if (options_asked(flags, "version"))
		printf("harthio-notifier %s\n", HARTHIO_VERSION);
	else if (options_asked(flags, "print-docs"))
		options_print_docs();
	else
		return false;
	return true;
}

static int
run(const struct configuration *configuration, const struct option_flags *flags)
{
	/* A peer that is gone is an error of a write, not of the process. */
	signal(SIGPIPE, SIG_IGN);
	log_set_level(configuration->options.log_level);
	log_info("main", "event=started version=" HARTHIO_VERSION);
	return loops_run(configuration, flags);
}

static int
load_and_run(const struct option_flags *flags)
{
	struct configuration configuration;
	int					 exit_code = configuration_load(&configuration, flags);

	if (exit_code == EXIT_CODE_OK)
	{
		if (options_asked(flags, "print-config"))
			options_print(&configuration.options);
		else if (options_asked(flags, "check-config"))
			printf("the configuration is good\n");
		else
			exit_code = run(&configuration, flags);
	}
	configuration_free(&configuration);
	return exit_code;
}

int
main(int argc, char **argv)
{
	struct option_flags flags;
	int					exit_code = EXIT_CODE_USAGE;

	if (options_parse_arguments(&flags, argc, argv))
		exit_code = show(&flags) ? EXIT_CODE_OK : load_and_run(&flags);
	options_free_flags(&flags);
	return exit_code;
}
