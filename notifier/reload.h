/*
 * reload.h
 *		What the operator decided: taken at the start, and anew on SIGHUP.
 *
 * Everything is read and checked first.  If all of it is good, what can change
 * does, at once; if any of it is not, nothing does.
 */
#ifndef HARTHIO_RELOAD_H
#define HARTHIO_RELOAD_H

#include <stdbool.h>

#include "configuration.h"

struct loop;

/* What counts now. */
const struct configuration *reload_current(const struct loop *loop);

/* Let this one, which is good, count from now on. */
void reload_take(struct loop *loop, const struct configuration *configuration);

/*
 * Read everything again, and let it count; NULL, and the log says why, if the old
 * is kept.  What the first loop has read so the others follow.
 */
struct configuration *reload_configuration(struct loop *loop);
void				  reload_follow(struct loop *loop, struct configuration *configuration);

/* Forget what was read again. */
void reload_free(struct loop *loop);

#endif
