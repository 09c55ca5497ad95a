/*
 * pages.c
 *		Files of a directory that the operator names, for browsers.
 *
 * libwebsockets reads and sends the file; which one it may be is decided here.
 * The connection then ends: libwebsockets 4.1 loses the beginning of a request
 * that came while it sent a file.
 */
#include "pages.h"

#include <libwebsockets.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "slice.h"

#define INDEX		 "index.html"
#define UNKNOWN_TYPE "application/octet-stream"

/* libwebsockets looks for "cache-control" in just these letters. */
#define COMMON_HEADERS                    \
	"connection: close\r\n"               \
	"cache-control: no-cache\r\n"         \
	"x-content-type-options: nosniff\r\n" \
	"referrer-policy: no-referrer\r\n"    \
	"content-security-policy: "
#define COMMON_POLICY " base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'\r\n"

static const char *const headers[] = {
	[PAGES_OF_CLIENTS] = COMMON_HEADERS
	"default-src 'self'; connect-src 'self' http: https: ws: wss:; img-src 'self' data: blob:; media-src 'self' data: blob:;" COMMON_POLICY,
	[PAGES_OF_OPERATOR] = COMMON_HEADERS
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';" COMMON_POLICY};

/* Text is UTF-8; libwebsockets does not know the first one, nor says so of the others. */
static const struct lws_protocol_vhost_options types[] = {
	{&types[1], NULL, ".mjs", "text/javascript; charset=utf-8"},
	{&types[2], NULL, ".js", "text/javascript; charset=utf-8"},
	{&types[3], NULL, ".html", "text/html; charset=utf-8"},
	{&types[4], NULL, ".css", "text/css; charset=utf-8"},
	{&types[5], NULL, ".txt", "text/plain; charset=utf-8"},
	{&types[6], NULL, ".webmanifest", "application/manifest+json"},
	{NULL, NULL, "*", UNKNOWN_TYPE}};
static const struct lws_http_mount known_types = {.extra_mimetypes = types};

/* What a name of ours never has in it. */
static bool
is_suspicious(const char *path)
{
	if (path[0] != '/' || strstr(path, "//") != NULL || strstr(path, "/.") != NULL)
		return true;
	for (const char *c = path; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == '\\' || *c == 127)
			return true;
	}
	return false;
}

bool
pages_find(const char *directory, const char *path, char *file, unsigned size)
{
	char		 wanted[PATH_MAX];
	char		 real[PATH_MAX];
	struct stat	 status;
	struct slice rest;
	int			 length;
	const bool	 is_directory = *path != '\0' && path[strlen(path) - 1] == '/';

	if (is_suspicious(path))
		return false;
	length = snprintf(wanted, sizeof(wanted), "%s%s%s", directory, path, is_directory ? INDEX : "");
	if (length < 0 || (size_t) length >= sizeof(wanted) || realpath(wanted, real) == NULL)
		return false;
	/* No symbolic link leads out, or to what is hidden. */
	if (!slice_after(slice_text(real), slice_text(directory), &rest) || rest.data[0] != '/' ||
		strstr(rest.data, "/.") != NULL)
		return false;
	if (stat(real, &status) != 0 || !S_ISREG(status.st_mode) || access(real, R_OK) != 0)
		return false;
	return (unsigned) snprintf(file, size, "%s", real) < size;
}

bool
pages_serve(struct lws *wsi, const char *directory, enum pages_policy policy,
			const char *path, int *result)
{
	char file[PATH_MAX];
	int	 sent;

	if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0 &&
		lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) <= 0)
		return false;
	if (directory == NULL || !pages_find(directory, path, file, sizeof(file)))
		return false;
	sent = lws_serve_http_file(wsi, file, lws_get_mimetype(file, &known_types),
							   headers[policy], (int) strlen(headers[policy]));
	/* More than zero: it could not be opened after all, and that was said. */
	*result = sent == 0 ? 0 : -1;
	return true;
}
