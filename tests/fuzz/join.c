/*
 * join.c
 *		Joins: a topic's name on the first line, then the payload of a phx_join.
 *
 * Whatever a client asks for, it is read leniently and means one thing; and what
 * it shows of itself reaches others as JSON, under a key that they can take.
 */
#include <stdlib.h>
#include <strings.h>

#include "fuzz.h"
#include "channel.h"
#include "join_config.h"
#include "json_scan.h"
#include "session_state.h"
#include "topic.h"

static void
check_topic(struct slice topic)
{
	struct slice id;

	if (topic_check(topic) != NULL)
		return;
	CHECK(topic.length > 9 && topic.length <= PHOENIX_NAME_MAX);
	CHECK(memcmp(topic.data, "realtime:", 9) == 0);
	if (topic_session_id(topic, &id))
		CHECK(fuzz_is_inside(id, topic) && session_id_valid(id));
}

/* The row changes come back in their order, each with the number of its place. */
static void
check_bindings(const struct channel *channel, json_t *wanted)
{
	json_t *bindings = fuzz_json(buffer_slice(&channel->bindings), NULL);
	size_t	objects = 0;
	size_t	i;
	json_t *binding;

	CHECK(json_is_array(bindings));
	CHECK(json_scan_valid(buffer_slice(&channel->bindings)));
	json_array_foreach(wanted, i, binding)
	{
		json_t *repeated = json_array_get(bindings, objects);

		if (!json_is_object(binding))
			continue;
		objects++;
		CHECK(json_integer_value(json_object_get(repeated, "id")) == (json_int_t) i + 1);
		CHECK(json_equal(json_object_get(repeated, "table"), json_object_get(binding, "table")) ||
			  json_object_get(binding, "table") == NULL);
	}
	CHECK(json_array_size(bindings) == objects);
	CHECK(channel->wants_rows == (objects > 0));
	json_decref(bindings);
}

/* The one meta that is shown under this key is the payload, and the server's name of it. */
static void
check_metas(struct slice json, struct slice key, json_t *payload)
{
	json_t *state = fuzz_json(json, NULL);
	json_t *metas = json_object_get(json_object_getn(state, key.data, key.length), "metas");
	json_t *meta = json_array_get(metas, 0);
	json_t *wanted = json_copy(payload);

	CHECK(json_object_size(state) == 1 && json_array_size(metas) == 1);
	CHECK(json_is_string(json_object_get(meta, "phx_ref")));
	json_object_del(meta, "phx_ref");
	json_object_del(wanted, "phx_ref");
	json_object_del(wanted, "phx_ref_prev");
	CHECK(json_equal(meta, wanted));
	json_decref(wanted);
	json_decref(state);
}

static bool
is_diff(struct presence_set *set)
{
	struct buffer diff = {0};
	const bool	  any = presence_diff(set, &diff);

	CHECK(any == (diff.length > 0));
	CHECK(!any || json_scan_valid(buffer_slice(&diff)));
	buffer_free(&diff);
	return any;
}

/* It tracks its payload, twice, and goes. */
static void
check_presence(struct slice key, struct slice text, json_t *payload)
{
	static const struct hash_key secret = {1, 2};
	struct presence_refs		 refs = {.instance = 7};
	struct presence_set			 set;
	struct presence				*presence;

	presence_init(&set, &refs, &secret);
	presence = presence_track(&set, NULL, key, text);
	CHECK(slice_equal(presence_state(&set), SLICE("{}")));
	CHECK(is_diff(&set));
	check_metas(presence_state(&set), key, payload);
	CHECK(presence_track(&set, presence, key, text) == presence);
	CHECK(!is_diff(&set));
	presence_untrack(&set, presence);
	CHECK(is_diff(&set) && set.count == 0);
	CHECK(slice_equal(presence_state(&set), SLICE("{}")));
	presence_free(&set);
}

static bool
is_true(const json_t *value)
{
	return json_is_true(value) ||
		   (json_is_string(value) && strcasecmp(json_string_value(value), "true") == 0);
}

static void
check_config(json_t *payload, struct slice text)
{
	struct connection connection = {.awaits_feed = false};
	struct channel	  channel = {.connection = &connection};
	json_t			 *config = json_object_get(payload, "config");
	json_t			 *presence = json_object_get(config, "presence");
	struct json_scan  scan = json_scan_start(text);
	struct slice	  object;
	const char		 *wrong = join_config_read(&channel, config);

	CHECK(channel.private == is_true(json_object_get(config, "private")));
	CHECK(channel.awaits_feed == connection.awaits_feed);
	CHECK(json_is_object(presence) || !channel.presence);
	CHECK(channel.key.data == NULL || channel.key.length > 0);
	if (channel.key.data == NULL)
		channel.key = join_config_new_key();
	CHECK(channel.key.length > 0 && utf8_valid(channel.key));
	check_bindings(&channel, json_object_get(config, "postgres_changes"));
	if (wrong == NULL)
	{
		CHECK(channel.key.length <= PHOENIX_NAME_MAX);
		CHECK(!slice_equal(channel.key, SLICE("ids")) && !slice_equal(channel.key, SLICE("__proto__")));
		if (json_is_object(payload) && json_scan_value(&scan, &object))
			check_presence(channel.key, object, payload);
	}
	buffer_free(&channel.bindings);
	free((char *) channel.key.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *) data, size);
	json_t		*payload;

	check_topic(fuzz_take_line(&text));
	payload = json_loadb(text.data, text.length, JSON_DECODE_ANY, NULL);
	check_config(payload, text);
	json_decref(payload);
	return 0;
}
