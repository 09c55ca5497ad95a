/*-------------------------------------------------------------------------
 *
 * score.h
 *	  Provider scores: learnt from verdicts, live in shared memory.
 *
 * 0..100, higher is better.  A provider without a verdict has its base score.
 * The table harthio.provider_score is what a restart finds; the publisher
 * brings it up to date once a second.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_SCORE_H
#define HARTHIO_SCORE_H

#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "harthio.h"

typedef struct Score
{
	double		score;	   /* 0..100 */
	int64		successes; /* verdicts, not reports */
	int64		failures;
	TimestampTz last_outcome_at; /* of the last verdict, or DT_NOBEGIN */
} Score;

/* Load what the table has, unless that was done.  Needs SPI; comes first. */
extern void score_ensure_loaded(void);

extern Score score_read(const char *provider, int base_score);

/*
 * Move a score by a verdict.  Cannot fail: runs after commit.  Returns whether
 * it is the first move that the table does not have.
 */
extern bool score_apply(const char *provider, int base_score, bool success);

/* Write what moved to the table; needs a transaction and SPI. */
extern void score_checkpoint(void);
extern void score_checkpoint_committed(void);
extern bool score_checkpoint_due(void);

/* There is no table any more. */
extern void score_forget(void);

/* 80-100 excellent, 60-79 good, 40-59 poor, 0-39 failed */
extern const char *score_band(double score);

extern Size score_shmem_size(void);
extern void score_shmem_init(LWLock *lock);

#endif /* HARTHIO_SCORE_H */
