/*
 * admission.h
 *		May this channel be here?  Asked when it joins and at each new token.
 */
#ifndef HARTHIO_ADMISSION_H
#define HARTHIO_ADMISSION_H

#include "channel.h"

/*
 * Decide on the channel's new claims.  A channel about a session waits for the
 * database, a private one for its policies; any other is admitted or refused at
 * once.  A question that is still
 * open is replaced.  May free the channel, at once or later.
 */
void admission_ask(struct channel *channel);

/*
 * Is there anything to hear with these rights?  Presence alone is a reason to be
 * here for those who want to hear of it.
 */
bool admission_may_listen(const struct channel *channel, const struct database_rights *rights);

/* Answer a join that has got a channel, and free that. */
void admission_refuse(struct channel *channel, const char *reason);

/* Answer a join that got no further than this. */
void admission_refuse_join(struct connection *connection, struct slice join_ref,
						   struct slice ref, struct slice topic,
						   const char *reason);

#endif
