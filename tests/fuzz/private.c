/*
 * private.c
 *		Joins of private channels: what the policies' answer was, and the config of
 *		a phx_join, a line each.
 *
 * Nothing is allowed that the answer does not say, letter by letter; and what of
 * the past is asked for is bounded.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "admission.h"
#include "join_config.h"
#include "memory.h"
#include "private.h"

#define REPLAY_MAX 25

static void
check_rights(const char *answer, const struct database_rights *rights)
{
	const size_t length = strlen(answer);

	CHECK(rights->hears_broadcasts == (length > 0 && answer[0] == 't'));
	CHECK(rights->hears_presence == (length > 1 && answer[1] == 't'));
	CHECK(rights->broadcasts == (length > 2 && answer[2] == 't'));
	CHECK(rights->shows_presence == (length > 3 && answer[3] == 't'));
}

/* Who hears nothing is not let in; presence is heard by those who want it. */
static void
check_admission(const struct channel *channel, json_t *config, const struct database_rights *rights)
{
	const bool wants_presence = json_is_object(json_object_get(config, "presence")) && channel->presence;
	const bool may_listen = admission_may_listen(channel, rights);

	CHECK(may_listen == (rights->hears_broadcasts || (rights->hears_presence && wants_presence)));
}

static void
check_replay(const struct channel *channel, json_t *config, const char *wrong)
{
	json_t *replay = json_object_get(json_object_get(config, "broadcast"), "replay");
	json_t *limit = json_object_get(replay, "limit");

	if (channel->replay.limit == 0)
	{
		CHECK(wrong != NULL || !json_is_object(replay));
		return;
	}
	CHECK(wrong == NULL && channel->private);
	CHECK(channel->replay.limit >= 1 && channel->replay.limit <= REPLAY_MAX);
	CHECK(channel->replay.since >= 0);
	CHECK(channel->replay.since == json_integer_value(json_object_get(replay, "since")));
	CHECK(!json_is_integer(limit) || channel->replay.limit <= json_integer_value(limit) ||
		  channel->replay.limit == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice		   text = slice_of((const char *) data, size);
	struct slice		   line = fuzz_take_line(&text);
	char				  *answer = memory_copy(line.data, line.length);
	struct database_rights rights = private_read_rights(answer);
	struct connection	   connection = {.awaits_feed = false};
	struct channel		   channel = {.connection = &connection};
	json_t				  *config = json_loadb(text.data, text.length, JSON_DECODE_ANY, NULL);
	const char			  *wrong = join_config_read(&channel, config);

	check_rights(answer, &rights);
	check_admission(&channel, config, &rights);
	check_replay(&channel, config, wrong);
	buffer_free(&channel.bindings);
	free((char *) channel.key.data);
	json_decref(config);
	free(answer);
	return 0;
}
