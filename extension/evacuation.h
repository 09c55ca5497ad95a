/*-------------------------------------------------------------------------
 *
 * evacuation.h
 *	  Taking a provider out of service, with or without the sessions on it.
 *
 * Draining is to disable it: it gets no new sessions.  Evacuating is to drain
 * it and to move its sessions to the best other provider, which the sweeper
 * does; harthio.evacuation tells how far it is.  Sessions that cannot move
 * stay, and are tried again until they are gone or the provider is enabled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_EVACUATION_H
#define HARTHIO_EVACUATION_H

#include "sweeper.h"

extern const Sweep evacuation_sweep;

#endif /* HARTHIO_EVACUATION_H */
