/*-------------------------------------------------------------------------
 *
 * change.h
 *	  What became of a session, small enough to wait in shared memory.
 *
 * An epoch never changes once it is made, so its change carries it whole and
 * whoever tells of it has nothing to read.  It does so if its texts fit, as
 * they mostly do; else, and if something other than an epoch changed, it is the
 * session's id, and the newest epoch is to be read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_CHANGE_H
#define HARTHIO_CHANGE_H

#include "assignment.h"

/* A session id of any length, or an epoch of a UUID and names of usual length. */
#define CHANGE_TEXTS 232

typedef struct Change
{
	int			epoch; /* 0: only the session's id is here */
	TimestampTz assigned_at;
	char		texts[CHANGE_TEXTS];
} Change;

/* An epoch, and what carried the session before: NULL if nothing did. */
typedef struct Epoch
{
	Assignment	assignment;
	const char *previous;
} Epoch;

extern void change_pack_session(Change *change, const char *session_id);
extern void change_pack_epoch(Change *change, const Epoch *epoch);

/*
 * What was packed, as part of the change.  False if the epoch is not in it; its
 * scope never is.
 */
extern const char *change_session_id(const Change *change);
extern bool		   change_unpack_epoch(const Change *change, Epoch *epoch);

#endif /* HARTHIO_CHANGE_H */
