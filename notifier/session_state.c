/*
 * session_state.c
 *		The whole current truth of one session, as the database tells it.
 */
#include "session_state.h"

#include <errno.h>
#include <stdlib.h>

#include "json_scan.h"
#include "memory.h"

#define INTEGER_MAX_BYTES 20

bool
session_id_valid(struct slice id)
{
	if (id.length < 1 || id.length > SESSION_ID_MAX)
		return false;
	for (size_t i = 0; i < id.length; i++)
	{
		char c = id.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return true;
}

enum
{
	EVENT_SELECTED,
	EVENT_RECOVERY,
	EVENT_ENDED,
	EVENT_QUALITY,
	EVENT_COUNT
};

static const char *const event_names[EVENT_COUNT] = {
	[EVENT_SELECTED] = "provider-selected",
	[EVENT_RECOVERY] = "coordinated-recovery",
	[EVENT_ENDED] = "session-ended",
	[EVENT_QUALITY] = "quality-changed",
};

bool
session_state_is_event(struct slice event)
{
	for (int i = 0; i < EVENT_COUNT; i++)
	{
		if (slice_equal(event, slice_text(event_names[i])))
			return true;
	}
	return false;
}

/* The members of a state that mean something to us. */
enum member
{
	MEMBER_SESSION_ID,
	MEMBER_GENERATION,
	MEMBER_EPOCH,
	MEMBER_VERSION,
	MEMBER_RUNG,
	MEMBER_PROVIDER,
	MEMBER_FAILED_PROVIDER,
	MEMBERS
};

static const struct slice member_names[MEMBERS] = {
	[MEMBER_SESSION_ID] = {"\"sessionId\"", 11},
	[MEMBER_GENERATION] = {"\"generation\"", 12},
	[MEMBER_EPOCH] = {"\"epoch\"", 7},
	[MEMBER_VERSION] = {"\"version\"", 9},
	[MEMBER_RUNG] = {"\"rung\"", 6},
	[MEMBER_PROVIDER] = {"\"provider\"", 10},
	[MEMBER_FAILED_PROVIDER] = {"\"failedProvider\"", 16},
};

/* The last of several members of one name counts, as everywhere. */
static bool
find_members(struct slice json, struct slice members[MEMBERS])
{
	struct json_scan scan = json_scan_start(json);
	struct slice	 key;
	struct slice	 value;
	bool			 first = true;

	if (!json_scan_accept(&scan, '{'))
		return false;
	while (json_scan_member(&scan, &first, &key, &value))
	{
		for (int member = 0; member < MEMBERS; member++)
		{
			if (slice_equal(key, member_names[member]))
				members[member] = value;
		}
	}
	return scan.at != NULL && json_scan_finished(&scan);
}

static bool
is_string(struct slice json)
{
	return json.length > 0 && *json.data == '"';
}

/* Neither a fraction nor more than fits. */
static bool
read_integer(struct slice json, int64_t *value)
{
	char  text[INTEGER_MAX_BYTES + 1] = "";
	char *end;

	if (json.length < 1 || json.length > INTEGER_MAX_BYTES)
		return false;
	memcpy(text, json.data, json.length);
	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end == text + json.length;
}

/* A session without a provider has ended; failedProvider marks a switch. */
static const char *
event_of(const struct slice members[MEMBERS])
{
	if (!is_string(members[MEMBER_PROVIDER]))
		return event_names[EVENT_ENDED];
	if (is_string(members[MEMBER_FAILED_PROVIDER]))
		return event_names[EVENT_RECOVERY];
	return event_names[EVENT_SELECTED];
}

bool
session_state_parse(struct slice json, struct session_state *state)
{
	struct slice members[MEMBERS] = {{0}};
	struct slice id;

	*state = (struct session_state){.json = json};
	if (!find_members(json, members) || !is_string(members[MEMBER_SESSION_ID]))
		return false;
	id = members[MEMBER_SESSION_ID];
	state->session_id = slice_of(id.data + 1, id.length - 2);
	state->version_text = members[MEMBER_VERSION];
	if (!read_integer(members[MEMBER_RUNG], &state->rung))
		state->rung = -1;
	state->event = event_of(members);
	return session_id_valid(state->session_id) &&
		   read_integer(members[MEMBER_GENERATION], &state->generation) &&
		   read_integer(members[MEMBER_EPOCH], &state->epoch) &&
		   read_integer(members[MEMBER_VERSION], &state->version);
}

/* The same part of a text that was copied. */
static struct slice
moved(struct slice part, const char *from, const char *to)
{
	return slice_of(to + (part.data - from), part.length);
}

void
session_state_keep(struct session_state *kept, const struct session_state *state)
{
	const char *from = state->json.data;
	const char *to = memory_copy(from, state->json.length);

	session_state_free(kept);
	*kept = *state;
	kept->json.data = to;
	kept->session_id = moved(state->session_id, from, to);
	kept->version_text = moved(state->version_text, from, to);
}

void
session_state_free(struct session_state *kept)
{
	free((char *) kept->json.data);
	*kept = (struct session_state){0};
}

bool
session_state_newer(const struct session_state *a, const struct session_state *b)
{
	if (a->generation != b->generation)
		return a->generation > b->generation;
	if (a->epoch != b->epoch)
		return a->epoch > b->epoch;
	return a->version > b->version;
}

const char *
session_state_event(const struct session_state *state,
					const struct session_state *before)
{
	const bool same_epoch = state->generation == before->generation &&
							state->epoch == before->epoch;

	return same_epoch && state->rung != before->rung ? event_names[EVENT_QUALITY] : state->event;
}

/* What the text says before the version, and after it. */
static struct slice
before_version(const struct session_state *state)
{
	return slice_of(state->json.data, (size_t) (state->version_text.data - state->json.data));
}

static struct slice
after_version(const struct session_state *state)
{
	const char *after = state->version_text.data + state->version_text.length;

	return slice_of(after, (size_t) (state->json.data + state->json.length - after));
}

bool
session_state_same(const struct session_state *a, const struct session_state *b)
{
	return slice_equal(before_version(a), before_version(b)) &&
		   slice_equal(after_version(a), after_version(b));
}
