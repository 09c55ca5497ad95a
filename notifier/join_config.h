/*
 * join_config.h
 *		What a phx_join asks for, as its payload says it.
 *
 * Payloads are read leniently, as Supabase's server does: what is missing or
 * has another type than it should counts as not given.
 */
#ifndef HARTHIO_JOIN_CONFIG_H
#define HARTHIO_JOIN_CONFIG_H

#include <jansson.h>

#include "channel.h"

/* A string's bytes; none of anything else. */
struct slice join_config_text(json_t *value);

/*
 * Read it into the channel, whose session is known.  Returns NULL, or why the join
 * must be refused.
 */
const char *join_config_read(struct channel *channel, json_t *config);

/* A random UUID, to be freed: the key of who gives none. */
struct slice join_config_new_key(void);

#endif
