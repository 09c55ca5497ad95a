/*-------------------------------------------------------------------------
 *
 * search_path.h
 *	  Names are looked up where callers cannot put objects.
 *
 * We run with the rights of the extension's owner and the search_path of
 * whoever calls.  Whatever looks up a name, or runs what others wrote, does
 * so between these two calls.  Most functions have the path set by their
 * definition as well, which makes the calls cost nothing; for claims and
 * reports, which seldom look up a name, it would be a twelfth of their work.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SEARCH_PATH_H
#define HARTHIO_SEARCH_PATH_H

/* Instead of a nest level of settings: nothing to restore. */
#define SEARCH_PATH_KEPT 0

/*
 * Make it "pg_catalog, pg_temp"; returns what search_path_restore() wants.
 * An error restores it as part of the abort.
 */
extern int	search_path_pin(void);
extern void search_path_restore(int pinned);

#endif /* HARTHIO_SEARCH_PATH_H */
