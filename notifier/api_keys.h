/*
 * api_keys.h
 *		What stands behind a "sb_" key, which is no token: claims by agreement.
 */
#ifndef HARTHIO_API_KEYS_H
#define HARTHIO_API_KEYS_H

#include "file.h"
#include "slice.h"

#define API_KEY_PREFIX "sb_"

struct api_keys;

/*
 * From a JSON object: the claims, which must have a role, of each key; nothing:
 * there are no keys.  NULL, and what is wrong, if it is no good.
 */
struct api_keys *api_keys_new(struct slice json, char problem[PROBLEM_MAX_BYTES]);
void			 api_keys_free(struct api_keys *keys);

/* The claims as JSON, or NULL.  Takes as long whichever key it is. */
const char *api_keys_find(const struct api_keys *keys, struct slice key);

#endif
