/*
 * json.c
 *		Our walk over JSON against a parser that is not ours.
 *
 * Both accept the same texts, but for what jansson cannot hold (half of a
 * surrogate pair, a number out of range, a NUL in a key) and for depth, which
 * we bound lower; and both find the same members in an object.
 */
#include "fuzz.h"
#include "buffer.h"
#include "json_scan.h"
#include "phoenix.h"

static int
depth_of(json_t *value)
{
	int			deepest = 0;
	size_t		i;
	const char *key;
	json_t	   *inner;

	json_array_foreach(value, i, inner)
	{
		const int depth = depth_of(inner);

		deepest = depth > deepest ? depth : deepest;
	}
	json_object_foreach(value, key, inner)
	{
		const int depth = depth_of(inner);

		deepest = depth > deepest ? depth : deepest;
	}
	return json_is_array(value) || json_is_object(value) ? deepest + 1 : 0;
}

/* Is it valid JSON that jansson cannot hold? */
static bool
is_beyond_jansson(const json_error_t *error)
{
	return json_error_code(error) == json_error_numeric_overflow ||
		   json_error_code(error) == json_error_null_byte_in_key ||
		   strncmp(error->text, "invalid Unicode '", 17) == 0;
}

/* Each member that we find is there; of two with one key the last one counts. */
static void
check_members(struct slice text, json_t *object)
{
	struct json_scan scan = json_scan_start(text);
	struct slice	 key;
	struct slice	 value;
	json_t			*found = json_object();
	bool			 first = true;

	CHECK(json_scan_accept(&scan, '{'));
	while (json_scan_member(&scan, &first, &key, &value))
	{
		json_t *name = fuzz_json(key, NULL);

		CHECK(fuzz_is_inside(key, text) && fuzz_is_inside(value, text));
		json_object_set_new(found, json_string_value(name), fuzz_json(value, NULL));
		json_decref(name);
	}
	CHECK(scan.at != NULL && json_scan_finished(&scan));
	CHECK(json_equal(found, object));
	json_decref(found);
}

/* What we decode is what it says, and what we encode says it again. */
static void
check_string(struct slice text, json_t *string)
{
	struct buffer	 decoded = {0};
	struct buffer	 encoded = {0};
	struct slice	 name;
	struct slice	 trimmed;
	struct json_scan scan = json_scan_start(text);
	json_t			*again;

	CHECK(json_scan_value(&scan, &trimmed));
	CHECK(phoenix_decode_string(trimmed, &decoded, &name));
	CHECK(slice_equal(name, fuzz_string(string)));
	buffer_append_json_string(&encoded, name);
	CHECK(json_scan_valid(buffer_slice(&encoded)));
	again = fuzz_json(buffer_slice(&encoded), NULL);
	CHECK(slice_equal(name, fuzz_string(again)));
	json_decref(again);
	buffer_free(&encoded);
	buffer_free(&decoded);
}

/* As a string's content, any UTF-8 is JSON, and nothing else. */
static void
check_utf8(struct slice text)
{
	struct buffer encoded = {0};
	json_t		 *string;

	buffer_append_json_string(&encoded, text);
	string = fuzz_json(buffer_slice(&encoded), NULL);
	CHECK(utf8_valid(text) == (string != NULL));
	CHECK(utf8_valid(text) == json_scan_valid(buffer_slice(&encoded)));
	json_decref(string);
	buffer_free(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *) data, size);
	json_error_t error;
	json_t		*value;
	const bool	 valid = json_scan_valid(text);

	value = fuzz_json(text, &error);
	if (valid)
		CHECK(value != NULL || is_beyond_jansson(&error));
	else
		CHECK(value == NULL || depth_of(value) > JSON_SCAN_MAX_DEPTH);
	if (valid && json_is_object(value))
		check_members(text, value);
	if (valid && json_is_string(value))
		check_string(text, value);
	check_utf8(text);
	json_decref(value);
	return 0;
}
