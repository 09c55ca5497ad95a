/*-------------------------------------------------------------------------
 *
 * participant.h
 *	  Who is in a session: join, leave, and who may speak for it.
 *
 * All functions need an open SPI connection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_PARTICIPANT_H
#define HARTHIO_PARTICIPANT_H

#include "identity.h"

typedef enum Presence
{
	PRESENCE_NEVER, /* never joined this session */
	PRESENCE_LEFT,	/* joined and left */
	PRESENCE_PRESENT
} Presence;

extern Presence participant_presence(const char *session_id, const char *participant_id);

/* How many are present. */
extern int participant_members(const char *session_id);

/* Is it present and described by info, so that joining would change nothing? */
extern bool participant_has_joined(const char *session_id, const char *participant_id, Datum info);

/*
 * Raises 53400 if the session is full.  The session must be locked; or is_new,
 * and this transaction has made its first row, for which all others wait.
 */
extern void participant_join(const char *session_id, const char *participant_id, Datum info, bool is_new);

extern void participant_leave_all(const char *session_id);

/* Raise 42501 unless the identity is one of the session's, or trusted. */
extern void participant_require(const char *session_id, const Identity *identity);

/* Raise 42501: for those who act in a session that they never joined. */
extern void participant_refuse(const char *session_id, const char *participant_id) pg_attribute_noreturn();

#endif /* HARTHIO_PARTICIPANT_H */
