/*-------------------------------------------------------------------------
 *
 * retention.h
 *	  Forgetting what is old.
 *
 * Sessions that ended longer than harthio.retention seconds ago are removed
 * with all that is known of them, and so are outcomes of that age in sessions
 * that are still open.  Attachments are not: they follow the notifiers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_RETENTION_H
#define HARTHIO_RETENTION_H

#include "sweeper.h"

extern const Sweep retention_sweep;

#endif /* HARTHIO_RETENTION_H */
