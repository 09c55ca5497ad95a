/*-------------------------------------------------------------------------
 *
 * search_path.c
 *	  Names are looked up where callers cannot put objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "search_path.h"

#include "catalog/namespace.h"
#include "utils/guc.h"

#define PINNED_PATH "pg_catalog, pg_temp"

int
search_path_pin(void)
{
	int nest_level;

	if (strcmp(namespace_search_path, PINNED_PATH) == 0)
		return SEARCH_PATH_KEPT;

	nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_PATH, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

void
search_path_restore(int pinned)
{
	if (pinned != SEARCH_PATH_KEPT)
		AtEOXact_GUC(false, pinned);
}
