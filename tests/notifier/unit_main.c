/*
 * unit_main.c
 *		Do the parts of the notifier that need no network do what they say?
 *
 * Ends with "N passed, N failed".
 */
#include <stdio.h>

#include "unit.h"

static unsigned passed;
static unsigned failed;

void
unit_check(bool good, const char *what, const char *file, int line)
{
	if (good)
	{
		passed++;
		return;
	}
	failed++;
	printf("%s:%d: not so: %s\n", file, line, what);
}

int
main(void)
{
	test_auth();
	test_frame();
	test_hash_map();
	test_hub();
	test_identities();
	test_json_scan();
	test_limiter();
	test_metrics();
	test_options();
	test_phoenix();
	test_presence();
	test_probe();
	test_session_state();
	test_shared_text();
	test_threads();
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
