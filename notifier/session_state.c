/*
 * session_state.c
 *		The whole current truth of one session, as the database tells it.
 */
#include "session_state.h"

#include <jansson.h>
#include <stdlib.h>

#include "memory.h"

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

/* A session without a provider has ended; failedProvider marks a switch. */
static const char *
event_of(json_t *object)
{
	if (!json_is_string(json_object_get(object, "provider")))
		return event_names[EVENT_ENDED];
	if (json_is_string(json_object_get(object, "failedProvider")))
		return event_names[EVENT_RECOVERY];
	return event_names[EVENT_SELECTED];
}

static bool
read_state(json_t *object, struct session_state *state)
{
	json_t *id = json_object_get(object, "sessionId");
	json_t *generation = json_object_get(object, "generation");
	json_t *epoch = json_object_get(object, "epoch");
	json_t *version = json_object_get(object, "version");
	json_t *rung = json_object_get(object, "rung");

	if (!json_is_integer(generation) || !json_is_integer(epoch) ||
		!json_is_integer(version) || !json_is_string(id) ||
		!session_id_valid(slice_text(json_string_value(id))))
		return false;
	state->session_id = memory_copy(json_string_value(id), json_string_length(id));
	state->generation = json_integer_value(generation);
	state->epoch = json_integer_value(epoch);
	state->version = json_integer_value(version);
	state->rung = json_is_integer(rung) ? json_integer_value(rung) : -1;
	state->event = event_of(object);
	return true;
}

bool
session_state_parse(struct slice json, struct session_state *state)
{
	json_t *object = json_loadb(json.data, json.length, 0, NULL);
	bool	good = false;

	*state = (struct session_state){0};
	if (json_is_object(object) && read_state(object, state))
	{
		state->json = memory_copy(json.data, json.length);
		json_object_del(object, "version");
		state->content = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
		good = state->content != NULL;
	}
	if (!good)
		session_state_free(state);
	json_decref(object);
	return good;
}

void
session_state_free(struct session_state *state)
{
	free(state->session_id);
	free(state->json);
	free(state->content);
	*state = (struct session_state){0};
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

bool
session_state_same(const struct session_state *a, const struct session_state *b)
{
	return strcmp(a->content, b->content) == 0;
}
