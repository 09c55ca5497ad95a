/*
 * unit_json_scan.c
 *		Does the scanner take what JSON is, and nothing else?
 *
 * jansson is the judge: some thousand texts, good ones and damaged ones, must
 * be judged alike.
 */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_plain.h"
#include "json_scan.h"

static const char *const good[] = {
	"{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "10.5e-3", "1E+9", "\"\"",
	"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"\xc3\xa9\"}",
	"[[[[[]]]]]", "\"\xf0\x9f\x8e\xa5\"", "\t{\r\n \"k\" : [ 1 , 2 ] }\n",
	"[\"\xed\x9f\xbf\", \"\xee\x80\x80\", \"\xf4\x8f\xbf\xbf\"]"};

static const char *const bad[] = {
	"", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
	"{a:1}", "{\"a\":1 \"b\":2}", "nul", "nulll", "truE", "01", "-", "1.", ".5", "1e", "+1",
	"\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "'a'", "[1]]", "1 2", "\"\xff\"",
	"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\x80\"", "\"\xe0\x80\x80\"",
	"\"\xf0\x80\x80\x80\"", "\xef\xbb\xbf{}", "NaN", "/**/1"};

static bool
valid(const char *text)
{
	return json_scan_valid(slice_text(text));
}

static bool
jansson_takes(const char *text, size_t length)
{
	json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

	json_decref(value);
	return value != NULL;
}

/*
 * jansson is stricter with escaped surrogates and with numbers that do not fit
 * into a double; nothing that it takes may be refused.
 */
static bool
judged_alike(const char *text, size_t length)
{
	const bool ours = json_scan_valid(slice_of(text, length));
	const bool theirs = jansson_takes(text, length);

	if (ours == theirs)
		return true;
	return ours && (memmem(text, length, "\\u", 2) != NULL ||
					memchr(text, 'e', length) != NULL || memchr(text, 'E', length) != NULL);
}

static void
test_damaged(void)
{
	unsigned different = 0;

	srandom(1);
	for (unsigned round = 0; round < 20000; round++)
	{
		const char *text = good[(size_t) random() % (sizeof(good) / sizeof(good[0]))];
		size_t		length = slice_text(text).length;
		char	   *copy;

		if (length == 0)
			continue;
		/* exact, so that ASan sees every step too far */
		copy = malloc(length);
		memcpy(copy, text, length);
		for (long i = random() % 3; i >= 0; i--)
			copy[(size_t) random() % length] = (char) (random() % 4 ? "{}[],:\"\\0-.e n"[random() % 14] : random());
		different += !judged_alike(copy, length);
		free(copy);
	}
	CHECK(different == 0);
}

static void
test_depth(void)
{
	char text[2 * JSON_SCAN_MAX_DEPTH + 3];

	memset(text, '[', JSON_SCAN_MAX_DEPTH);
	memset(text + JSON_SCAN_MAX_DEPTH, ']', JSON_SCAN_MAX_DEPTH);
	CHECK(json_scan_valid(slice_of(text, (size_t) 2 * JSON_SCAN_MAX_DEPTH)));
	memset(text, '[', JSON_SCAN_MAX_DEPTH + 1);
	memset(text + JSON_SCAN_MAX_DEPTH + 1, ']', JSON_SCAN_MAX_DEPTH + 1);
	CHECK(!json_scan_valid(slice_of(text, (size_t) 2 * JSON_SCAN_MAX_DEPTH + 2)));
}

/* Whatever byte is where: is the first special one found, and no other? */
static void
test_plain(void)
{
	unsigned wrong = 0;

	for (unsigned byte = 0; byte < 256; byte++)
	{
		for (size_t place = 0; place < 24; place++)
		{
			char		text[24];
			const bool	special = byte < 0x20 || byte >= 0x80 || strchr("\"\\", (int) byte) != NULL;
			const char *end = text + sizeof(text);

			memset(text, place % 2 ? ' ' : 0x7f, sizeof(text));
			text[sizeof(text) - 1] = '\n';
			text[place] = (char) byte;
			wrong += json_plain_skip(text, text + place) != text + place;
			wrong += json_plain_skip(text, end) != (special || place == sizeof(text) - 1 ? text + place + !special : end - 1);
		}
	}
	CHECK(wrong == 0);
}

void
test_json_scan(void)
{
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(valid(good[i]) && jansson_takes(good[i], strlen(good[i])));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!valid(bad[i]) && !jansson_takes(bad[i], strlen(bad[i])));
	test_plain();
	test_depth();
	test_damaged();
	CHECK(utf8_valid(SLICE("")) && utf8_valid(SLICE("a\0\xc3\xa9")) && !utf8_valid(SLICE("a\xc3")));
}
