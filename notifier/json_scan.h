/*
 * json_scan.h
 *		Walks over JSON text without building anything.
 *
 * Most of what passes through a notifier is only forwarded.  It must be valid
 * JSON and valid UTF-8, or it would break whoever receives it, but nobody here
 * needs it as a tree: a value is checked, and kept as a slice of the message.
 * No allocation, and depth is bounded, whatever a client sends.
 */
#ifndef HARTHIO_JSON_SCAN_H
#define HARTHIO_JSON_SCAN_H

#include "slice.h"

#define JSON_SCAN_MAX_DEPTH 512

struct json_scan
{
	const char *at;	 /* next byte to look at */
	const char *end; /* first byte that is not ours */
};

struct json_scan json_scan_start(struct slice text);

/* Skip white space, then the byte "wanted" if it is next. */
bool json_scan_accept(struct json_scan *scan, char wanted);

/* Skip white space and one value, which is put into "value". */
bool json_scan_value(struct json_scan *scan, struct slice *value);

/* Is nothing but white space left? */
bool json_scan_finished(struct json_scan *scan);

/* Is the whole text one value? */
bool json_scan_valid(struct slice text);

/*
 * The next member of an object, once its '{' has been accepted.  False at the
 * closing brace and on an error; "scan->at" is NULL only on an error.
 */
bool json_scan_member(struct json_scan *scan, bool *first,
					  struct slice *key, struct slice *value);

bool utf8_valid(struct slice text);

#endif
