/*
 * slice.h
 *		Bytes that somebody else owns: a pointer and a length.
 *
 * What clients send is never NUL-terminated and may hold NUL, so nothing here
 * looks for one.
 */
#ifndef HARTHIO_SLICE_H
#define HARTHIO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice
{
	const char *data;	/* first byte; NULL only when there is none */
	size_t		length; /* bytes from there */
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice
slice_of(const char *data, size_t length)
{
	return (struct slice){data, length};
}

static inline struct slice
slice_text(const char *text)
{
	return (struct slice){text, text != NULL ? strlen(text) : 0};
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	return a.length == b.length &&
		   (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* If "whole" begins with "prefix", put what follows into "rest". */
static inline bool
slice_after(struct slice whole, struct slice prefix, struct slice *rest)
{
	if (whole.length < prefix.length ||
		memcmp(whole.data, prefix.data, prefix.length) != 0)
		return false;
	*rest = slice_of(whole.data + prefix.length, whole.length - prefix.length);
	return true;
}

#endif
