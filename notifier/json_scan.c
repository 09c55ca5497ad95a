/*
 * json_scan.c
 *		Walks over JSON text without building anything (RFC 8259, strictly).
 *
 * Every scan_ function takes the place where its thing begins and returns the
 * place after it, or NULL if it is not there.
 */
#include "json_scan.h"

#include "json_plain.h"

static const char *scan_any(const char *at, const char *end, int depth);

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/*
 * One character of UTF-8 that is not ASCII: no overlong forms, no surrogates,
 * nothing beyond U+10FFFF.
 */
static const char *
scan_multibyte(const char *at, const char *end)
{
	unsigned char lead = (unsigned char) *at;
	unsigned char lowest = 0x80;
	unsigned char highest = 0xbf;
	int			  more;

	if (lead >= 0xc2 && lead <= 0xdf)
		more = 1;
	else if (lead >= 0xe0 && lead <= 0xef)
		more = 2;
	else if (lead >= 0xf0 && lead <= 0xf4)
		more = 3;
	else
		return NULL;
	if (lead == 0xe0)
		lowest = 0xa0;
	else if (lead == 0xed)
		highest = 0x9f;
	else if (lead == 0xf0)
		lowest = 0x90;
	else if (lead == 0xf4)
		highest = 0x8f;
	if (end - at <= more)
		return NULL;
	for (int i = 1; i <= more; i++)
	{
		unsigned char c = (unsigned char) at[i];

		if (c < lowest || c > highest)
			return NULL;
		lowest = 0x80;
		highest = 0xbf;
	}
	return at + more + 1;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What follows a backslash. */
static const char *
scan_escape(const char *at, const char *end)
{
	if (at >= end)
		return NULL;
	if (*at != 'u')
		return strchr("\"\\/bfnrt", *at) != NULL && *at != '\0' ? at + 1 : NULL;
	if (end - at < 5)
		return NULL;
	for (int i = 1; i <= 4; i++)
	{
		if (!is_hex(at[i]))
			return NULL;
	}
	return at + 5;
}

static const char *
scan_string(const char *at, const char *end)
{
	at++;
	while (at != NULL && (at = json_plain_skip(at, end)) < end)
	{
		unsigned char c = (unsigned char) *at;

		if (c == '"')
			return at + 1;
		if (c == '\\')
			at = scan_escape(at + 1, end);
		else
			at = c >= 0x80 ? scan_multibyte(at, end) : NULL;
	}
	return NULL;
}

static const char *
scan_digits(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at > start ? at : NULL;
}

static const char *
scan_number(const char *at, const char *end)
{
	if (*at == '-')
		at++;
	if (at < end && *at == '0')
		at++;
	else if ((at = scan_digits(at, end)) == NULL)
		return NULL;
	if (at < end && *at == '.' && (at = scan_digits(at + 1, end)) == NULL)
		return NULL;
	if (at < end && (*at == 'e' || *at == 'E'))
	{
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		at = scan_digits(at, end);
	}
	return at;
}

static const char *
scan_word(const char *at, const char *end, struct slice word)
{
	if ((size_t) (end - at) < word.length || memcmp(at, word.data, word.length) != 0)
		return NULL;
	return at + word.length;
}

/* "key" and its colon, within an object. */
static const char *
scan_key(const char *at, const char *end)
{
	at = skip_space(at, end);
	if (at >= end || *at != '"' || (at = scan_string(at, end)) == NULL)
		return NULL;
	at = skip_space(at, end);
	return at < end && *at == ':' ? at + 1 : NULL;
}

/* An array or an object, from its opening bracket. */
static const char *
scan_container(const char *at, const char *end, int depth)
{
	const bool is_object = *at == '{';
	const char closing = is_object ? '}' : ']';

	if (depth >= JSON_SCAN_MAX_DEPTH)
		return NULL;
	at = skip_space(at + 1, end);
	if (at < end && *at == closing)
		return at + 1;
	for (;;)
	{
		if (is_object && (at = scan_key(at, end)) == NULL)
			return NULL;
		at = scan_any(at, end, depth + 1);
		if (at == NULL)
			return NULL;
		at = skip_space(at, end);
		if (at >= end)
			return NULL;
		if (*at == closing)
			return at + 1;
		if (*at != ',')
			return NULL;
		at++;
	}
}

static const char *
scan_any(const char *at, const char *end, int depth)
{
	at = skip_space(at, end);
	if (at >= end)
		return NULL;
	switch (*at)
	{
		case '{':
		case '[':
			return scan_container(at, end, depth);
		case '"':
			return scan_string(at, end);
		case 't':
			return scan_word(at, end, SLICE("true"));
		case 'f':
			return scan_word(at, end, SLICE("false"));
		case 'n':
			return scan_word(at, end, SLICE("null"));
		default:
			if (*at == '-' || (*at >= '0' && *at <= '9'))
				return scan_number(at, end);
			return NULL;
	}
}

struct json_scan
json_scan_start(struct slice text)
{
	/* NULL has no place after it, not even zero bytes on */
	return (struct json_scan){text.data, text.length > 0 ? text.data + text.length : text.data};
}

bool
json_scan_accept(struct json_scan *scan, char wanted)
{
	scan->at = skip_space(scan->at, scan->end);
	if (scan->at >= scan->end || *scan->at != wanted)
		return false;
	scan->at++;
	return true;
}

bool
json_scan_value(struct json_scan *scan, struct slice *value)
{
	const char *start = skip_space(scan->at, scan->end);
	const char *after = scan_any(start, scan->end, 0);

	if (after == NULL)
		return false;
	*value = slice_of(start, (size_t) (after - start));
	scan->at = after;
	return true;
}

bool
json_scan_finished(struct json_scan *scan)
{
	scan->at = skip_space(scan->at, scan->end);
	return scan->at == scan->end;
}

bool
json_scan_valid(struct slice text)
{
	struct json_scan scan = json_scan_start(text);
	struct slice	 value;

	return text.length > 0 && json_scan_value(&scan, &value) &&
		   json_scan_finished(&scan);
}

bool
json_scan_member(struct json_scan *scan, bool *first, struct slice *key,
				 struct slice *value)
{
	if (json_scan_accept(scan, '}'))
		return false;
	if ((*first || json_scan_accept(scan, ',')) &&
		json_scan_value(scan, key) && *key->data == '"' &&
		json_scan_accept(scan, ':') && json_scan_value(scan, value))
	{
		*first = false;
		return true;
	}
	scan->at = NULL;
	return false;
}

bool
utf8_valid(struct slice text)
{
	const char *at = text.data;
	const char *end;

	if (text.length == 0)
		return true;
	end = text.data + text.length;
	while (at != NULL && at < end)
		at = (unsigned char) *at < 0x80 ? at + 1 : scan_multibyte(at, end);
	return at != NULL;
}
