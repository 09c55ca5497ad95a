/*
 * state.c
 *		What the database notifies, a line each: states of one session or of
 *		another, orders to look again, or anything else.
 *
 * The order of states is a total one, and a hub keeps the newest of them,
 * whatever the order in which they come.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "hub.h"
#include "json_scan.h"
#include "listener.h"
#include "memory.h"
#include "session_state.h"

#define STATES_MAX 6

/* What clients are told of a state that they see first. */
static const char *
event_of(const json_t *object)
{
	if (!json_is_string(json_object_get(object, "provider")))
		return "session-ended";
	return json_is_string(json_object_get(object, "failedProvider")) ? "coordinated-recovery" : "provider-selected";
}

/*
 * What is said of a state is what is in it, as another parser sees it.  That one
 * knows escaped names and refuses some escaped text: then it has no say.
 */
static void
check_members(struct slice text, const struct session_state *state)
{
	json_t *object = memchr(text.data, '\\', text.length) == NULL ? fuzz_json(text, NULL) : NULL;

	if (object != NULL)
	{
		CHECK(slice_equal(state->session_id, fuzz_string(json_object_get(object, "sessionId"))));
		CHECK(state->generation == json_integer_value(json_object_get(object, "generation")));
		CHECK(state->epoch == json_integer_value(json_object_get(object, "epoch")));
		CHECK(state->version == json_integer_value(json_object_get(object, "version")));
		CHECK(strcmp(state->event, event_of(object)) == 0);
	}
	json_decref(object);
}

static void
check_state(struct slice text, const struct session_state *state)
{
	struct session_state kept = {0};

	CHECK(slice_equal(state->json, text) && json_scan_valid(text));
	CHECK(fuzz_is_inside(state->session_id, text) && fuzz_is_inside(state->version_text, text));
	CHECK(session_id_valid(state->session_id));
	CHECK(session_state_is_event(slice_text(state->event)));
	check_members(text, state);

	session_state_keep(&kept, state);
	CHECK(slice_equal(kept.json, text) && slice_equal(kept.session_id, state->session_id));
	CHECK(fuzz_is_inside(kept.session_id, kept.json) && fuzz_is_inside(kept.version_text, kept.json));
	CHECK(session_state_same(state, &kept) && session_state_same(&kept, state));
	CHECK(!session_state_newer(state, &kept));
	session_state_free(&kept);
}

/* Exactly one of "a is newer", "b is newer" and "they are of one moment". */
static void
check_pair(const struct session_state *a, const struct session_state *b)
{
	const bool equal = a->generation == b->generation && a->epoch == b->epoch &&
					   a->version == b->version;

	CHECK(session_state_newer(a, b) + session_state_newer(b, a) + equal == 1);
	CHECK(session_state_same(a, b) == session_state_same(b, a));
	CHECK(session_state_is_event(slice_text(session_state_event(a, b))));
}

static void
check_order(const struct session_state *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		for (size_t j = 0; j < count; j++)
		{
			check_pair(&states[i], &states[j]);
			for (size_t k = 0; k < count; k++)
				CHECK(!session_state_newer(&states[i], &states[j]) ||
					  !session_state_newer(&states[j], &states[k]) ||
					  session_state_newer(&states[i], &states[k]));
		}
	}
}

/* A hub in which somebody holds the first state's session. */
static void
check_hub(const struct session_state *states, size_t count)
{
	static const struct hash_key secret = {1, 2};
	const struct slice			 id = states[0].session_id;
	const struct session_state	*newest = NULL;
	struct hub_session			*session;
	struct hub					 hub;
	uint64_t					 news = 0;

	hub_init(&hub, &secret, fuzz_ignore, NULL);
	session = hub_session_hold(&hub, id);
	for (size_t i = 0; i < count; i++)
	{
		CHECK(hub_try_state(&hub, states[i].json));
		if (slice_equal(states[i].session_id, id) &&
			(newest == NULL || session_state_newer(&states[i], newest)))
		{
			news += newest == NULL || !session_state_same(&states[i], newest);
			newest = &states[i];
		}
		CHECK(hub.states == news);
	}
	hub_session_drop(&hub, session);
	hub_free(&hub);
}

/* The value that counts of a member: the last one of this name. */
static struct slice
member(struct slice text, struct slice name)
{
	struct json_scan scan = json_scan_start(text);
	struct slice	 found = {0};
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	if (json_scan_accept(&scan, '{'))
	{
		while (json_scan_member(&scan, &first, &key, &value))
			found = slice_equal(key, name) ? value : found;
	}
	return found;
}

/* An order is an object that says "true"; by a reader that knows no escaped keys. */
static void
check_order_of(const char *line)
{
	const struct slice		  text = slice_text(line);
	const enum listener_order order = listener_read_order(line);
	enum listener_order		  wanted = LISTENER_NO_ORDER;

	CHECK(order == LISTENER_NO_ORDER || json_scan_valid(text));
	if (memchr(text.data, '\\', text.length) != NULL)
		return;
	if (slice_equal(member(text, SLICE("\"resync\"")), SLICE("true")))
		wanted = LISTENER_RESYNC;
	else if (slice_equal(member(text, SLICE("\"messages\"")), SLICE("true")))
		wanted = LISTENER_MESSAGES;
	/* jansson refuses some numbers and depths that are JSON */
	CHECK(order == wanted || (order == LISTENER_NO_ORDER && fuzz_json(text, NULL) == NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_state states[STATES_MAX];
	struct slice		 input = slice_of((const char *) data, size);
	size_t				 count = 0;

	while (input.length > 0 && count < STATES_MAX)
	{
		struct slice line = fuzz_take_line(&input);

		/* libpq gives what ends at a NUL */
		line.length = strnlen(line.data, line.length);
		if (!session_state_parse(line, &states[count]))
		{
			char *text = memory_copy(line.data, line.length);

			check_order_of(text);
			free(text);
			continue;
		}
		check_state(line, &states[count]);
		count++;
	}
	check_order(states, count);
	if (count > 0)
		check_hub(states, count);
	return 0;
}
