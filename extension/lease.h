/*-------------------------------------------------------------------------
 *
 * lease.h
 *	  How participants leave who do not say so.
 *
 * A notifier holds a lease, a row of harthio.node that it renews every few
 * seconds, and tells who is attached at it.  harthio.attachment has a row for
 * each (session, participant, node); detached_at is null while the
 * participant is attached there.  A lease that is not renewed for
 * harthio.leave_grace seconds is taken away, and its attachments with it.
 *
 * A participant whose attachments have all been detached for
 * harthio.leave_grace seconds has left; it is present again if it is attached
 * before its session ends.  A participant who was never attached, for example
 * one that uses SQL only, stays until it leaves.
 *
 * All functions need an open SPI connection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_LEASE_H
#define HARTHIO_LEASE_H

#include "sweeper.h"

/* Taking leases away, and having participants leave. */
extern const Sweep lease_sweep;

/*
 * Take no lease away before a whole grace from now: for the sweeper, after
 * a start of the server in which nobody could renew.
 */
extern void lease_start_grace(void);

/* Who has joined again has a whole grace from now to be attached again. */
extern void lease_extend(const char *session_id, const char *participant_id);

#endif /* HARTHIO_LEASE_H */
