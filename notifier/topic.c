/*
 * topic.c
 *		What the name of a topic says.
 */
#include "topic.h"

#include "phoenix.h"
#include "session_state.h"

/* The topics that are about a session; the last two are older names. */
static const struct slice session_prefixes[] = {
	{TOPIC_PREFIX "session:", sizeof(TOPIC_PREFIX "session:") - 1},
	{TOPIC_PREFIX "provider-coord-", sizeof(TOPIC_PREFIX "provider-coord-") - 1},
	{TOPIC_PREFIX "p2p-session-", sizeof(TOPIC_PREFIX "p2p-session-") - 1},
};

bool
topic_session_id(struct slice topic, struct slice *id)
{
	for (unsigned i = 0; i < sizeof(session_prefixes) / sizeof(session_prefixes[0]); i++)
	{
		if (slice_after(topic, session_prefixes[i], id))
			return true;
	}
	return false;
}

const char *
topic_check(struct slice topic)
{
	struct slice name;

	if (!slice_after(topic, SLICE(TOPIC_PREFIX), &name))
		return "unmatched topic";
	if (name.length == 0)
		return "TopicNameRequired: You must provide a topic name";
	if (topic.length > PHOENIX_NAME_MAX)
		return "TopicNameInvalid: A topic must not be longer than 255 bytes";
	if (topic_session_id(topic, &name) && !session_id_valid(name))
		return "TopicNameInvalid: A session id must have 1 to 128 characters "
			   "of A-Z, a-z, 0-9, _ and -";
	return NULL;
}
