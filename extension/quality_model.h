/*-------------------------------------------------------------------------
 *
 * quality_model.h
 *	  Connection quality: what a client measured in, a number 0..100 out.
 *
 * Pure: no memory of its own, no clock, no server.  Times are seconds on any
 * one clock.  The formula is the same for all providers, so that they compare.
 *
 * Words: a sample is what one participant measured over about five seconds;
 * Q is what that sample alone is worth; the quality is Q smoothed over time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_QUALITY_MODEL_H
#define HARTHIO_QUALITY_MODEL_H

#include <stdbool.h>

/*
 * Samples come every 5 s.  Two of one participant that come nearly at once are
 * one; what was measured longer ago than three of them is not known any more.
 */
#define QUALITY_SECONDS_MIN	  2.5
#define QUALITY_STALE_SECONDS 15

/* A call below this is not one to be in. */
#define QUALITY_DEGRADED_BELOW 40

/* Each may be missing: not every browser can tell all of them. */
typedef enum QualityMetric
{
	QUALITY_RTT_MS,
	QUALITY_JITTER_MS,
	QUALITY_JITTER_BUFFER_MS, /* mean delay; replaces the guess from jitter */
	QUALITY_LOSS,			  /* percent after repair, of video too unless given apart */
	QUALITY_VIDEO_LOSS,		  /* percent after repair */
	QUALITY_BITRATE_KBPS,	  /* says nothing without a target */
	QUALITY_TARGET_KBPS,
	QUALITY_FPS, /* says nothing without what is expected */
	QUALITY_EXPECTED_FPS,
	QUALITY_FREEZE_RATIO,	/* share of the time without a picture, 0..1 */
	QUALITY_HEIGHT,			/* lines of the picture; 0 is audio only */
	QUALITY_AVAILABLE_KBPS, /* estimated for sending; moves rungs, not Q */
} QualityMetric;

#define QUALITY_METRICS (QUALITY_AVAILABLE_KBPS + 1)

/* Starts as all zeroes: nothing measured. */
typedef struct QualityMetrics
{
	double	 value[QUALITY_METRICS]; /* of those that are present */
	unsigned present;				 /* one bit each: 1 << metric */
	bool	 fec;					 /* audio repairs itself: Opus FEC or RED */
	bool	 muted;					 /* muted or paused: measures nothing */
	bool	 cpu_limited;			 /* qualityLimitationReason is "cpu" */
	bool	 screen_share;			 /* few frames and bits are no fault then */
} QualityMetrics;

typedef struct QualityFault
{
	QualityMetric metric;  /* the first one at fault */
	const char	 *reason;  /* completes "quality metric .. " */
	double		  maximum; /* what that metric can be at most */
} QualityFault;

typedef struct QualityScore
{
	double r;	  /* transmission rating, 0..93.2 */
	double mos;	  /* mean opinion score of the audio, 1..4.5 */
	double audio; /* 0..100 */
	double video; /* 0..100; 100 without video */
	double q;	  /* 0..100: the lower of both */
} QualityScore;

/* One participant's, within one epoch.  Starts as all zeroes. */
typedef struct QualityTrack
{
	double quality;	   /* 20..100, smoothed; means nothing until known */
	double sampled_at; /* of the last sample */
	double bad_since;  /* of the first sample of the bad run, if bad */
	bool   known;	   /* there was a sample */
	bool   bad;		   /* a bad run is under way that the network explains */
} QualityTrack;

/* The name in the JSON that clients send, and back: QUALITY_METRICS if none. */
extern const char	*quality_metric_name(QualityMetric metric);
extern QualityMetric quality_metric_named(const char *name);

extern void	  quality_set(QualityMetrics *metrics, QualityMetric metric, double value);
extern bool	  quality_has(const QualityMetrics *metrics, QualityMetric metric);
extern double quality_get(const QualityMetrics *metrics, QualityMetric metric, double missing);

/* Whether all values can have been measured; if not, *fault says which not. */
extern bool quality_check(const QualityMetrics *metrics, QualityFault *fault);

/* What a sample is worth; false if it is none: muted, or nothing measured. */
extern bool quality_score(const QualityMetrics *metrics, QualityScore *score);

/* Transmission rating and, from it, the mean opinion score. */
extern double quality_r_factor(const QualityMetrics *metrics);
extern double quality_mos(double r);

/* excellent, good, fair, poor or lost */
extern const char *quality_level(double quality);

/* Take in a sample that quality_score made a score of. */
extern void quality_track(QualityTrack *track, const QualityMetrics *metrics,
						  const QualityScore *score, double now);

/* Whether this participant has been bad for long, up to a recent sample. */
extern bool quality_is_degraded(const QualityTrack *track, double now);

/* Whether that many degraded members are the provider's fault. */
extern bool quality_session_is_degraded(int members, int degraded);

#endif /* HARTHIO_QUALITY_MODEL_H */
