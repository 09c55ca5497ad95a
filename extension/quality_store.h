/*-------------------------------------------------------------------------
 *
 * quality_store.h
 *	  What is measured in sessions that are under way, in shared memory.
 *
 * Samples are not kept: of each participant there is its smoothed quality,
 * the rung that it needs and a running summary, and of each session the rung
 * that it is on.  A crash loses that; rungs begin at the top again.
 *
 * What a transaction puts here stays when it is rolled back, as it was
 * measured all the same; what must wait for its commit is in quality_notes.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_QUALITY_STORE_H
#define HARTHIO_QUALITY_STORE_H

#include "ladder.h"
#include "quality_model.h"

/* Hashes stand for the names. */
typedef struct QualityKey
{
	uint64 session;
	uint64 participant;
} QualityKey;

/* One participant's, since it is measured in this session. */
typedef struct QualitySummary
{
	int64  samples;
	double sum;				 /* of the smoothed quality at each sample */
	double min;				 /* of the same; like all below, if there are samples */
	double max;				 /* of the same */
	double measured_seconds; /* between samples, silences left out */
	double bad_seconds;		 /* of these: below QUALITY_DEGRADED_BELOW */
	int	   drops;			 /* times that it fell below that */
	bool   below;			 /* is it now? */
	Rung   lowest;			 /* that it has needed */
} QualitySummary;

/* What is known after a report. */
typedef struct QualityView
{
	bool   known;			/* there was a sample in this epoch */
	double quality;			/* of the participant, smoothed; if known */
	Rung   rung;			/* that the participant needs */
	Rung   session_rung;	/* that everybody is on */
	bool   is_degraded;		/* the participant has been bad for long */
	bool   untold;			/* clients have not been told of session_rung */
	int	   degraded;		/* how many participants have */
	double session_quality; /* lower median of those with a recent sample */
} QualityView;

extern QualityKey quality_store_key(const char *session_id, const char *participant_id);

/*
 * Take in a sample of a participant in its session's current epoch, unless
 * metrics is NULL or measures nothing, and say what is known then.
 */
extern void quality_store_report(const QualityKey *key, int epoch, const QualityMetrics *metrics,
								 double now, QualityView *view);

/* The rung that a session is on. */
extern Rung quality_store_rung(const char *session_id);

/* A participant's summary; false if it is not measured. */
extern bool quality_store_summary(const QualityKey *key, QualitySummary *summary);

/* Clients have been told of the session's rung.  Cannot fail. */
extern void quality_store_told(const QualityKey *key, Rung rung);

/* The participant is not there any more.  Cannot fail. */
extern void quality_store_remove(const QualityKey *key);

#endif /* HARTHIO_QUALITY_STORE_H */
