/*
 * json_plain.h
 *		Skips the bytes that stand for themselves in a JSON string.
 *
 * Nearly all do, so eight are looked at together: seen as eight numbers in one
 * word, those that are special leave their highest bit set (Mycroft's trick).
 */
#ifndef HARTHIO_JSON_PLAIN_H
#define HARTHIO_JSON_PLAIN_H

#include <endian.h>
#include <stdint.h>

#include "slice.h"

#define JSON_PLAIN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The quote, the backslash, control characters and what is not ASCII. */
static inline bool
json_plain_is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

/* A borrow may mark bytes after the first special one, but none before it. */
static inline uint64_t
json_plain_marks(uint64_t word)
{
	return (word | (word - JSON_PLAIN_EACH(0x20)) |
			((word ^ JSON_PLAIN_EACH('"')) - JSON_PLAIN_EACH(1)) |
			((word ^ JSON_PLAIN_EACH('\\')) - JSON_PLAIN_EACH(1))) &
		   JSON_PLAIN_EACH(0x80);
}

/* The first special byte, or the end. */
static inline const char *
json_plain_skip(const char *at, const char *end)
{
	while (end - at >= 8)
	{
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		word = json_plain_marks(le64toh(word));
		if (word != 0)
			return at + __builtin_ctzll(word) / 8;
		at += 8;
	}
	while (at < end && !json_plain_is_special((unsigned char) *at))
		at++;
	return at;
}

#endif
