/*
 * topic.h
 *		What the name of a topic says.
 */
#ifndef HARTHIO_TOPIC_H
#define HARTHIO_TOPIC_H

#include "slice.h"

#define TOPIC_PREFIX "realtime:"

/* Is the topic about a session, and if so, about which one? */
bool topic_session_id(struct slice topic, struct slice *id);

/* What is wrong with the topic, whoever asks?  NULL: nothing. */
const char *topic_check(struct slice topic);

#endif
