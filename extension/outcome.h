/*-------------------------------------------------------------------------
 *
 * outcome.h
 *	  Success and failure reports.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_OUTCOME_H
#define HARTHIO_OUTCOME_H

#include "assignment.h"

/*
 * Note that the current epoch is too bad for a majority of the members, with
 * whose last report that became known: one failure verdict.  Needs SPI.
 */
extern void outcome_degraded(const Assignment *current, const char *participant_id, int members);

#endif /* HARTHIO_OUTCOME_H */
