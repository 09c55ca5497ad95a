/*
 * unit_presence.c
 *		Does a state plus each diff make what is there now?
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "presence.h"

static const struct hash_key key = {1, 2};
static struct presence_refs	 refs;
static struct presence_set	 set;

/* The diff since the last one, with N for each reference; "" if there is none. */
static const char *
diff(void)
{
	static char	  text[1024];
	struct buffer buffer = {0};
	size_t		  used = 0;

	if (!presence_diff(&set, &buffer))
		buffer.length = 0;
	for (size_t i = 0; i < buffer.length && used < sizeof(text) - 1; i++)
	{
		text[used++] = buffer.data[i];
		/* 00000007-1f */
		if (i + 9 < buffer.length && memcmp(buffer.data + i, "\"00000007-", 10) == 0)
		{
			text[used++] = 'N';
			i += 9 + strcspn(buffer.data + i + 10, "\"");
		}
	}
	text[used] = '\0';
	buffer_free(&buffer);
	return text;
}

static bool
is(const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0)
		printf("%s\n", got);
	return strcmp(got, wanted) == 0;
}

static void
begin(void)
{
	refs = (struct presence_refs){.instance = 7};
	presence_init(&set, &refs, &key);
}

static void
test_one(void)
{
	struct presence *a;

	begin();
	CHECK(is(diff(), ""));
	a = presence_track(&set, NULL, SLICE("a"), SLICE("{\"n\": 1}"));
	CHECK(slice_equal(presence_state(&set), SLICE("{}")));
	CHECK(is(diff(), "{\"joins\":{\"a\":{\"metas\":[{\"n\":1,\"phx_ref\":\"N\"}]}},\"leaves\":{}}"));
	CHECK(is(diff(), ""));
	CHECK(presence_track(&set, a, SLICE("a"), SLICE("{\"n\":1}")) == a);
	CHECK(is(diff(), ""));
	presence_track(&set, a, SLICE("a"), SLICE("{}"));
	CHECK(is(diff(), "{\"joins\":{\"a\":{\"metas\":[{\"phx_ref\":\"N\",\"phx_ref_prev\":\"N\"}]}},"
					 "\"leaves\":{\"a\":{\"metas\":[{\"n\":1,\"phx_ref\":\"N\"}]}}}"));
	presence_untrack(&set, a);
	CHECK(is(diff(), "{\"joins\":{},\"leaves\":{\"a\":{\"metas\":[{\"phx_ref\":\"N\"}]}}}"));
	CHECK(set.count == 0);
	CHECK(slice_equal(presence_state(&set), SLICE("{}")));
	presence_free(&set);
}

/* Of what happened between two diffs only the outcome is told. */
static void
test_outcome(void)
{
	struct presence *a;

	begin();
	a = presence_track(&set, NULL, SLICE("a"), SLICE("{\"n\":1}"));
	presence_track(&set, a, SLICE("a"), SLICE("{\"n\":2}"));
	CHECK(is(diff(), "{\"joins\":{\"a\":{\"metas\":[{\"n\":2,\"phx_ref\":\"N\"}]}},\"leaves\":{}}"));
	presence_untrack(&set, a);
	presence_track(&set, NULL, SLICE("a"), SLICE("{\"n\":2}"));
	CHECK(is(diff(), "{\"joins\":{\"a\":{\"metas\":[{\"n\":2,\"phx_ref\":\"N\"}]}},"
					 "\"leaves\":{\"a\":{\"metas\":[{\"n\":2,\"phx_ref\":\"N\"}]}}}"));
	presence_untrack(&set, presence_track(&set, NULL, SLICE("b"), SLICE("{}")));
	CHECK(is(diff(), ""));
	CHECK(set.count == 1);
	presence_free(&set);
}

/* Metas under one key are one member of the object, or readers would lose some. */
static void
test_shared_key(void)
{
	struct presence *one;

	begin();
	one = presence_track(&set, NULL, SLICE("a"), SLICE("{\"n\":1}"));
	presence_track(&set, NULL, SLICE("a"), SLICE("{\"n\":2}"));
	presence_track(&set, NULL, SLICE("\"\n"), SLICE("{}"));
	CHECK(is(diff(), "{\"joins\":{\"\\\"\\u000a\":{\"metas\":[{\"phx_ref\":\"N\"}]},"
					 "\"a\":{\"metas\":[{\"n\":2,\"phx_ref\":\"N\"},{\"n\":1,\"phx_ref\":\"N\"}]}},\"leaves\":{}}"));
	presence_untrack(&set, one);
	CHECK(is(diff(), "{\"joins\":{},\"leaves\":{\"a\":{\"metas\":[{\"n\":1,\"phx_ref\":\"N\"}]}}}"));
	CHECK(set.count == 2);
	presence_free(&set);
}

static void
test_keys(void)
{
	CHECK(presence_key_valid(SLICE("alice")));
	CHECK(!presence_key_valid(SLICE("__proto__")));
	CHECK(!presence_key_valid(SLICE("ids")));
}

void
test_presence(void)
{
	test_one();
	test_outcome();
	test_shared_key();
	test_keys();
}
