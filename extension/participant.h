/*-------------------------------------------------------------------------
 *
 * participant.h
 *	  Who is in a session: join, leave, and who may speak for it.
 *
 * A participant is there while one of its devices is (device.h).  It goes by
 * leaving, by the session's end, or when its last lease has run out (lease.h):
 * then it is "lost", and is back as soon as a notifier has it again.
 *
 * All functions need an open SPI connection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_PARTICIPANT_H
#define HARTHIO_PARTICIPANT_H

#include "device.h"
#include "identity.h"

typedef enum Presence
{
	PRESENCE_NEVER, /* never joined this session */
	PRESENCE_LEFT,	/* joined and left */
	PRESENCE_PRESENT
} Presence;

extern Presence participant_presence(const char *session_id, const char *participant_id);

/*
 * The presence of who says this (a jsonb object): LEFT also for a device's
 * incarnation that a newer one has replaced.  And how many are present.
 */
extern Presence participant_presence_among(const char *session_id, const char *participant_id,
										   Datum said, int *members);

/* How many participants are present, as this transaction sees it. */
extern int participant_members(const char *session_id);

/*
 * Is this incarnation present and described by info, so that joining would
 * change nothing?
 */
extern bool participant_has_joined(const char *session_id, const char *participant_id,
								   const Device *device, Datum info);

/*
 * Raises 53400 if the session is full or the participant has too many devices
 * in it, 55000 if a newer incarnation is there.  The session must be locked; or
 * is_new, and this transaction has made its first row, for which all others
 * wait.
 */
extern void participant_join(const char *session_id, const char *participant_id,
							 const Device *device, Datum info, bool is_new);

/* For the session's end: who was lost does not come back either. */
extern void participant_leave_all(const char *session_id);

/* Those of participant_ids (text[]) who were lost are present again. */
extern void participant_return(const char *session_id, Datum participant_ids);

/* Raise 42501 unless the identity is one of the session's, or trusted. */
extern void participant_require(const char *session_id, const Identity *identity);

/* Raise 42501: for those who act in a session that they never joined. */
extern void participant_refuse(const char *session_id, const char *participant_id) pg_attribute_noreturn();

#endif /* HARTHIO_PARTICIPANT_H */
