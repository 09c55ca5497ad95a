/*
 * session_state.h
 *		The whole current truth of one session, as the database tells it.
 *
 * States are ordered by (generation, epoch, version): a later one replaces an
 * earlier one, and a lost, repeated or late message does no harm.
 */
#ifndef HARTHIO_SESSION_STATE_H
#define HARTHIO_SESSION_STATE_H

#include <stdint.h>

#include "slice.h"

#define SESSION_ID_MAX 128

struct session_state
{
	struct slice json;		   /* as the database wrote it */
	struct slice session_id;   /* which session; a part of the JSON */
	struct slice version_text; /* the version, where the JSON says it */
	int64_t		 generation;   /* the database's timeline */
	int64_t		 epoch;		   /* which assignment */
	int64_t		 version;	   /* WAL position when it was read */
	int64_t		 rung;		   /* lines of the picture; -1: it has none */
	const char	*event;		   /* what it is called on the wire; not owned */
};

/* Is this the id of a session: 1 to 128 of [A-Za-z0-9_-]? */
bool session_id_valid(struct slice id);

/*
 * False if the text is not a state.  Nothing is copied: the state is good for as
 * long as the text is.
 */
bool session_state_parse(struct slice json, struct session_state *state)
	__attribute__((warn_unused_result));

/* Make "kept", which may hold an earlier one, a state with a text of its own. */
void session_state_keep(struct session_state *kept, const struct session_state *state);
void session_state_free(struct session_state *kept);

/* Is "a" later than "b"? */
bool session_state_newer(const struct session_state *a,
						 const struct session_state *b);

/*
 * What a state is called for those who know the one before: within an epoch
 * only the rung changes.  Not owned.
 */
const char *session_state_event(const struct session_state *state,
								const struct session_state *before);

/* Is this what states are called?  Nobody else may send what is. */
bool session_state_is_event(struct slice event);

/* Do they differ in nothing but the version?  As texts: one function writes all. */
bool session_state_same(const struct session_state *a,
						const struct session_state *b);

#endif
