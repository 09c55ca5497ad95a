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

/*
 * Read the states of sessions (a text[] datum) as they are committed now;
 * returns how many there are.  Unknown sessions have none.  Needs SPI; the
 * two functions below are about the last read.
 */
extern uint64 state_read(Datum session_ids, uint64 *version);
extern Datum  state_session_id(uint64 row);
extern void	  state_append(StringInfo json, uint64 row, uint64 version);

#endif /* HARTHIO_STATE_H */
