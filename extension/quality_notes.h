/*-------------------------------------------------------------------------
 *
 * quality_notes.h
 *	  What of quality_store.h takes effect only when a transaction commits.
 *
 * Rolled back, notes are forgotten, savepoints included: a rung that nobody
 * was told of is told by the next report, and who did not leave after all
 * keeps its summary.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_QUALITY_NOTES_H
#define HARTHIO_QUALITY_NOTES_H

#include "quality_store.h"

/* This transaction tells clients of the session's rung. */
extern void quality_note_told(const QualityKey *key, Rung rung);

/* The participant has left.  False if that is noted already. */
extern bool quality_note_left(const QualityKey *key);

/* At library load, for this process and all that it forks. */
extern void quality_notes_watch_transactions(void);

#endif /* HARTHIO_QUALITY_NOTES_H */
