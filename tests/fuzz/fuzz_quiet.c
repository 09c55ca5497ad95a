/*
 * fuzz_quiet.c
 *		For targets whose parts log each thing that they refuse.
 */
#include "fuzz.h"
#include "log.h"

int
LLVMFuzzerInitialize(const int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}
