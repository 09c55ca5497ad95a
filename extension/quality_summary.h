/*-------------------------------------------------------------------------
 *
 * quality_summary.h
 *	  What is left of a participant's quality: one row for each session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_QUALITY_SUMMARY_H
#define HARTHIO_QUALITY_SUMMARY_H

#include "nodes/pg_list.h"

/*
 * These participants have just left, all devices of them, or the session has
 * ended: write their rows, and forget what was measured of them when the
 * transaction commits.  Needs SPI, and that the transaction has locked their
 * rows of harthio.participant, so that nobody writes a summary twice.
 */
extern void quality_left(const char *session_id, const List *participant_ids);

#endif /* HARTHIO_QUALITY_SUMMARY_H */
