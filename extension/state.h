/*-------------------------------------------------------------------------
 *
 * state.h
 *	  The whole current truth of one session, as one small JSON object.
 *
 * It is what is pushed and what a snapshot returns:
 *
 *	{"sessionId", "generation", "epoch", "version", "provider", "room",
 *	 "roomId", "reason", "initiatedBy", "timestamp"}
 *
 * as long as the session is open also "rung", the lines of the picture that
 * everybody may send, and in an epoch that a switch made also "failedProvider"
 * and "newProvider".
 * provider, room and roomId are null when the session has ended; roomId is
 * the older name of room; timestamp is in milliseconds since 1970.
 *
 * States are ordered by (generation, epoch, version).
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_STATE_H
#define HARTHIO_STATE_H

#include "lib/stringinfo.h"

#include "change.h"
#include "row.h"

/*
 * Reads the states of any number of sessions, all as they are committed when
 * the first of them is read.  To append one is false, and nothing done, if there
 * is no such session.
 */
typedef struct StateReader
{
	uint64	version;
	bool	reading;
	RowScan epochs; /* of one session after the other, if reading */
} StateReader;

extern void state_begin(StateReader *reader);
extern bool state_append(StateReader *reader, const char *session_id, StringInfo json);
extern void state_end(StateReader *reader);

/* The state after a change, which is read only if the change does not carry it. */
extern bool state_append_change(StateReader *reader, const Change *change, StringInfo json);

#endif /* HARTHIO_STATE_H */
