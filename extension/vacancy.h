/*-------------------------------------------------------------------------
 *
 * vacancy.h
 *	  Sessions that somebody has left, which may be empty now.
 *
 * Whoever leaves notes the session in harthio.vacancy.  When a note is older
 * than harthio.session_ttl seconds, the session ends if nobody is there, and
 * the note is forgotten either way.  Joining does not touch the notes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_VACANCY_H
#define HARTHIO_VACANCY_H

#include "sweeper.h"

/* Ending sessions that nobody has come back to. */
extern const Sweep vacancy_sweep;

/*
 * Note that somebody leaves the session; comes before the leaving, needs SPI.
 */
extern void vacancy_note(const char *session_id);

#endif /* HARTHIO_VACANCY_H */
