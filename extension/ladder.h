/*-------------------------------------------------------------------------
 *
 * ladder.h
 *	  The video ladder: 720, 480, 360, 240 lines, and audio only.
 *
 * Each participant needs a rung; the session is on the lowest that any present
 * participant needs.  Down at once, up slowly.  A rung is a cap: the browser
 * adapts below it.
 *
 * Pure: no memory of its own, no clock, no server.  Times are seconds on any
 * one clock, and it does no harm if that is set back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_LADDER_H
#define HARTHIO_LADDER_H

#include <stdbool.h>

#include "quality_model.h"

/* From the highest down: the lower rung is the greater number. */
typedef enum Rung
{
	RUNG_720,
	RUNG_480,
	RUNG_360,
	RUNG_240,
	RUNG_AUDIO,
} Rung;

#define RUNGS (RUNG_AUDIO + 1)

typedef struct RungCap
{
	int height;			 /* lines; 0 is audio only */
	int target_kbps;	 /* send no more than this */
	int min_useful_kbps; /* with less, the rung below looks better */
	int fps;			 /* send no more than this */
} RungCap;

/* Where one stands on the ladder, and when it may climb again. */
typedef struct LadderPlace
{
	double changed_at; /* of the last move, or of the start */
	double wait_until; /* no move up before this */
	double backoff;	   /* seconds, 20..300: how long to wait is doubled from it */
	double calm_since; /* nothing bad since then; after wait_until at the earliest */
	Rung   rung;
	bool   rose; /* the last move was up */
} LadderPlace;

/* One participant's. */
typedef struct LadderMember
{
	LadderPlace place;			/* its rung is what the participant needs */
	double		sampled_at;		/* of the last sample that counted */
	double		hopeless_since; /* of the first such sample in a row, if hopeless */
	int			bad_run;		/* bad samples in a row, as far as they matter */
	int			good_run;		/* good samples in a row, as far as they matter */
	bool		sampled;		/* there was a sample that counted */
	bool		hopeless;		/* at 240 and too bad even for that */
} LadderMember;

extern const RungCap *rung_cap(Rung rung);
extern Rung			  rung_lower(Rung one, Rung other);

/* Both begin on the highest rung. */
extern void ladder_member_init(LadderMember *member, double now);
extern void ladder_session_init(LadderPlace *session, double now);

/*
 * Take in a sample, worth q, that was measured while the session was on
 * in_force.  Returns whether the rung that the participant needs has changed.
 */
extern bool ladder_member_update(LadderMember *member, const QualityMetrics *metrics,
								 double q, Rung in_force, double now);

/*
 * Follow the lowest rung that any present participant needs (rung_lower over
 * them; RUNG_720 if there is nobody).  Returns whether the session's changed.
 */
extern bool ladder_session_update(LadderPlace *session, Rung needed, double now);

#endif /* HARTHIO_LADDER_H */
