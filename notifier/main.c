/*
 * main.c
 *		harthio-notifier: turns what PostgreSQL notifies into messages of the
 *		Supabase Realtime protocol.
 */
#include <signal.h>

#include "log.h"
#include "loop.h"
#include "options.h"

int
main(int argc, char **argv)
{
	struct options options;
	int			   exit_code;

	if (options_read(&options, argc, argv, &exit_code))
	{
		/* A peer that is gone is an error of a write, not of the process. */
		signal(SIGPIPE, SIG_IGN);
		log_set_level(options.log_level);
		log_info("main", "event=started version=" HARTHIO_VERSION);
		exit_code = loop_run(&options);
	}
	options_free(&options);
	return exit_code;
}
