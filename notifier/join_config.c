/*
 * join_config.c
 *		What a phx_join asks for, as its payload says it.
 */
#include "join_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

#include "memory.h"
#include "presence.h"

#define UUID_LENGTH 36

/* The most that a join may ask for, and what it gets if it does not say. */
#define REPLAY_MAX 25
#define SINCE_MAX  253402300799999 /* the end of the year 9999 */

/* Other SDKs send booleans as text. */
static bool
is_true(json_t *value)
{
	if (json_is_string(value))
		return strcasecmp(json_string_value(value), "true") == 0;
	return json_is_true(value);
}

struct slice
join_config_text(json_t *value)
{
	if (!json_is_string(value))
		return (struct slice){0};
	return slice_of(json_string_value(value), json_string_length(value));
}

/*
 * Repeat the row changes that are asked for, in their order and each with an
 * id: a client compares them with its own and fails the channel otherwise.
 */
static void
read_bindings(struct channel *channel, json_t *wanted)
{
	static const char *const keys[] = {"event", "schema", "table", "filter"};
	json_t					*bindings = json_array();
	json_t					*binding;
	size_t					 i;
	char					*text;

	json_array_foreach(wanted, i, binding)
	{
		json_t *repeated;

		if (!json_is_object(binding))
			continue;
		repeated = json_pack("{s:I}", "id", (json_int_t) i + 1);
		for (unsigned k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			json_object_set(repeated, keys[k], json_object_get(binding, keys[k]));
		json_array_append_new(bindings, repeated);
	}
	channel->wants_rows = json_array_size(bindings) > 0;
	text = json_dumps(bindings, JSON_COMPACT);
	buffer_append_text(&channel->bindings, text != NULL ? text : "[]");
	free(text);
	json_decref(bindings);
}

struct slice
join_config_new_key(void)
{
	unsigned char bytes[16];
	char		  text[UUID_LENGTH + 1];
	size_t		  used = 0;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
		abort();
	bytes[6] = (unsigned char) ((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char) ((bytes[8] & 0x3f) | 0x80);
	for (unsigned i = 0; i < sizeof(bytes); i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[used++] = '-';
		snprintf(text + used, 3, "%02x", bytes[i]);
		used += 2;
	}
	return slice_of(memory_copy(text, used), used);
}

/* No data: it gives none. */
static struct slice
read_key(json_t *key)
{
	struct slice text = join_config_text(key);
	char		 number[32];

	if (json_is_integer(key))
	{
		snprintf(number, sizeof(number), "%lld", (long long) json_integer_value(key));
		text = slice_text(number);
	}
	if (text.length == 0)
		return (struct slice){0};
	return slice_of(memory_copy(text.data, text.length), text.length);
}

/*
 * Clients up to supabase-js 2.53 want presence and do not say so: only who says
 * that it does not want it goes without.
 */
static void
read_presence(struct channel *channel, json_t *presence)
{
	json_t *enabled = json_object_get(presence, "enabled");

	channel->presence = json_is_object(presence) &&
						(enabled == NULL || is_true(enabled));
	channel->key = read_key(json_object_get(presence, "key"));
}

/* NULL, or what is wrong. */
static const char *
read_replay(struct channel *channel, json_t *replay)
{
	json_t	  *since = json_object_get(replay, "since");
	json_t	  *limit = json_object_get(replay, "limit");
	json_int_t count = json_is_integer(limit) ? json_integer_value(limit) : REPLAY_MAX;

	if (!json_is_object(replay))
		return NULL;
	if (channel->session != NULL)
		return "UnableToReplayMessages: Replay is not offered for sessions";
	if (!channel->private)
		return "UnableToReplayMessages: Replay is not allowed for public channels";
	if (!json_is_integer(since) || json_integer_value(since) < 0 ||
		json_integer_value(since) > SINCE_MAX ||
		(limit != NULL && !json_is_integer(limit) && !json_is_null(limit)))
		return "UnableToReplayMessages: Replay params are not valid";
	channel->replay.since = json_integer_value(since);
	channel->replay.limit = count < 1 ? 1 : count > REPLAY_MAX ? REPLAY_MAX
															   : (int) count;
	return NULL;
}

const char *
join_config_read(struct channel *channel, json_t *config)
{
	json_t *broadcast = json_object_get(config, "broadcast");

	channel->ack = is_true(json_object_get(broadcast, "ack"));
	channel->self = is_true(json_object_get(broadcast, "self"));
	channel->awaits_feed = is_true(json_object_get(broadcast, "replication_ready"));
	channel->connection->awaits_feed |= channel->awaits_feed;
	channel->private = channel->session == NULL &&
					   is_true(json_object_get(config, "private"));
	read_presence(channel, json_object_get(config, "presence"));
	read_bindings(channel, json_object_get(config, "postgres_changes"));
	if (!presence_key_valid(channel->key))
		return "PresenceKeyInvalid: A presence key must not be longer than 255 bytes "
			   "and not be \"ids\" or the name of a property that every object has";
	return read_replay(channel, json_object_get(broadcast, "replay"));
}
