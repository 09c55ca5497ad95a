/*
 * pages.h
 *		Files of a directory that the operator names, for browsers.
 *
 * Names come from anybody: nothing outside of the directory, nothing hidden and
 * nothing but regular files is served.  A path that ends with a slash stands for
 * the index.html there.
 */
#ifndef HARTHIO_PAGES_H
#define HARTHIO_PAGES_H

#include <stdbool.h>

struct lws;

/* Who may do what in the browser, on top of what the page itself forbids. */
enum pages_policy
{
	PAGES_OF_CLIENTS, /* they call whom they like, with camera and microphone */
	PAGES_OF_OPERATOR /* they talk with us alone */
};

/*
 * The file of the path, into "file"; the directory's own path is without
 * symbolic links.  False: there is none that may be served.
 */
bool pages_find(const char *directory, const char *path, char *file, unsigned size);

/*
 * Serve a GET or HEAD.  False: it is neither, or there is no such page, and
 * nothing was sent; otherwise "result" is what the callback must return.
 */
bool pages_serve(struct lws *wsi, const char *directory, enum pages_policy policy,
				 const char *path, int *result);

#endif
