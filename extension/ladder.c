/*-------------------------------------------------------------------------
 *
 * ladder.c
 *	  The video ladder: 720, 480, 360, 240 lines, and audio only.
 *
 * Between the Q that leads down (50) and the one that leads up (80) lies a gap
 * in which nothing moves.  Who fell again soon after rising waits twice as
 * long before the next try, and calm makes that wait shorter again.
 *
 * A participant is judged by the rung in force, which others may hold lower
 * than it needs itself: what it measures there says nothing about a higher
 * one, so then it can fall but not rise.
 *
 *-------------------------------------------------------------------------
 */
#include "ladder.h"

#include <math.h>

/* Down one rung: below this Q, in so many samples in a row. */
#define DOWN_BELOW_Q 50
#define DOWN_SAMPLES 2

/* Down two rungs at once: below this Q, or above this percentage of loss. */
#define SEVERE_BELOW_Q	  25
#define SEVERE_ABOVE_LOSS 15

/* From 240 to audio only: SEVERE_BELOW_Q for so long; and so long until a retry. */
#define HOPELESS_SECONDS 10
#define AUDIO_SECONDS	 30

/* Up one rung: above this Q, with room in the bitrate, in so many samples. */
#define UP_ABOVE_Q	80
#define UP_HEADROOM 1.25
#define UP_SAMPLES	3

/* Seconds between any move and the next one up. */
#define UP_SECONDS 20

/* Down within so many seconds of up: it should not have risen. */
#define FAILED_RISE_SECONDS 15
#define BACKOFF_MIN			20
#define BACKOFF_MAX			300
#define CALM_SECONDS		120

static const RungCap caps[RUNGS] = {
	[RUNG_720] = {720, 1500, 1000, 30},
	[RUNG_480] = {480, 800, 500, 30},
	[RUNG_360] = {360, 450, 250, 24},
	[RUNG_240] = {240, 200, 120, 15},
	[RUNG_AUDIO] = {0, 40, 0, 0},
};

const RungCap *
rung_cap(Rung rung)
{
	return &caps[rung];
}

Rung
rung_lower(Rung one, Rung other)
{
	return one > other ? one : other;
}

static Rung
rung_higher(Rung one, Rung other)
{
	return one < other ? one : other;
}

void
ladder_session_init(LadderPlace *session, double now)
{
	*session = (LadderPlace){
		.changed_at = now,
		.wait_until = now,
		.backoff = BACKOFF_MIN,
		.calm_since = now,
		.rung = RUNG_720,
	};
}

void
ladder_member_init(LadderMember *member, double now)
{
	*member = (LadderMember){.sampled = false};
	ladder_session_init(&member->place, now);
}

/*
 * Let time pass.  Calm does not count while a wait is on, as it is quiet by
 * its nature; otherwise a rise that always fails would never wait the maximum.
 * No time lies further ahead than it could, unless the clock was set back.
 */
static void
place_settle(LadderPlace *place, double now)
{
	place->changed_at = fmin(place->changed_at, now);
	place->wait_until = fmin(place->wait_until, now + place->backoff);
	place->calm_since = fmin(place->calm_since, now + place->backoff);

	while (place->backoff > BACKOFF_MIN && now - place->calm_since >= CALM_SECONDS)
	{
		place->backoff = fmax(place->backoff / 2, BACKOFF_MIN);
		place->calm_since += CALM_SECONDS;
	}
}

static void
place_fall(LadderPlace *place, Rung rung, double now)
{
	if (place->rose && now - place->changed_at <= FAILED_RISE_SECONDS)
	{
		place->backoff = fmin(place->backoff * 2, BACKOFF_MAX);
		place->wait_until = now + place->backoff;
	}
	place->calm_since = fmax(now, place->wait_until);
	place->changed_at = now;
	place->rung = rung;
	place->rose = false;
}

static bool
place_may_rise(const LadderPlace *place, double now)
{
	return place->rung > RUNG_720 && now - place->changed_at >= UP_SECONDS &&
		   now >= place->wait_until;
}

static void
place_rise(LadderPlace *place, double now)
{
	place->changed_at = now;
	place->rung = (Rung) (place->rung - 1);
	place->rose = true;
}

bool
ladder_session_update(LadderPlace *session, Rung needed, double now)
{
	place_settle(session, now);

	if (needed > session->rung)
	{
		place_fall(session, needed, now);
		return true;
	}
	if (needed < session->rung && place_may_rise(session, now))
	{
		place_rise(session, now);
		return true;
	}
	return false;
}

/*
 * A shared screen is still most of the time: few frames and few bits then, so
 * that Q says little.  Only the available bitrate moves rungs meanwhile.
 */
static bool
is_bad(const QualityMetrics *metrics, double q, Rung in_use)
{
	if (quality_get(metrics, QUALITY_AVAILABLE_KBPS, HUGE_VAL) < caps[in_use].min_useful_kbps)
		return true;
	return !metrics->screen_share && (q < DOWN_BELOW_Q || metrics->cpu_limited);
}

static bool
is_severe(const QualityMetrics *metrics, double q)
{
	double loss = fmax(quality_get(metrics, QUALITY_LOSS, 0),
					   quality_get(metrics, QUALITY_VIDEO_LOSS, 0));

	return !metrics->screen_share && (q < SEVERE_BELOW_Q || loss > SEVERE_ABOVE_LOSS);
}

static bool
is_good_for(const QualityMetrics *metrics, double q, Rung next)
{
	double missing = metrics->screen_share ? 0 : HUGE_VAL;

	if (quality_get(metrics, QUALITY_AVAILABLE_KBPS, missing) < UP_HEADROOM * caps[next].target_kbps)
		return false;
	return metrics->screen_share || (q > UP_ABOVE_Q && !metrics->cpu_limited);
}

/*
 * Softer than is_good_for: a far away participant whose delay keeps Q below 80
 * must get its picture back.  The estimate of one who sends only audio is as
 * low as what it sends, so it counts only where there is nothing else.
 */
static bool
may_try_video(const QualityMetrics *metrics, double q)
{
	if (metrics->screen_share)
		return quality_get(metrics, QUALITY_AVAILABLE_KBPS, 0) >= caps[RUNG_240].min_useful_kbps;
	return !is_bad(metrics, q, RUNG_AUDIO) && !is_severe(metrics, q);
}

static void
forget_runs(LadderMember *member)
{
	member->bad_run = 0;
	member->good_run = 0;
	member->hopeless = false;
}

/*
 * Whether this sample counts: a client that reports often would fall faster.
 * After some that did not come, those before are no longer "in a row".
 */
static bool
take_sample(LadderMember *member, double now)
{
	double since = now - member->sampled_at;

	if (member->sampled && since >= 0 && since < QUALITY_SECONDS_MIN)
		return false;
	if (!member->sampled || since < 0 || since > QUALITY_STALE_SECONDS)
		forget_runs(member);
	member->sampled = true;
	member->sampled_at = now;
	return true;
}

/* At 240 and Q too low for long enough.  A new run begins with this sample. */
static bool
stays_hopeless(LadderMember *member, bool hopeless, double now)
{
	if (member->place.rung != RUNG_240 || !hopeless)
	{
		member->hopeless = false;
		return false;
	}
	if (!member->hopeless)
	{
		member->hopeless = true;
		member->hopeless_since = now;
	}
	return now - member->hopeless_since >= HOPELESS_SECONDS;
}

static int
lengthen(int run, int enough)
{
	return run < enough ? run + 1 : enough;
}

/* The rung that the sample leads down to, or the one that is needed already. */
static Rung
lower_rung(LadderMember *member, const QualityMetrics *metrics, double q,
		   Rung in_force, double now)
{
	Rung in_use = rung_lower(member->place.rung, in_force);
	int	 steps = 0;

	if (stays_hopeless(member, q < SEVERE_BELOW_Q && !metrics->screen_share, now))
		return RUNG_AUDIO;

	member->bad_run = is_bad(metrics, q, in_use) ? lengthen(member->bad_run, DOWN_SAMPLES) : 0;
	if (is_severe(metrics, q))
		steps = 2;
	else if (member->bad_run == DOWN_SAMPLES)
		steps = 1;
	if (steps == 0)
		return member->place.rung;

	/* only hopelessness leads below 240 */
	return rung_lower(member->place.rung, rung_higher((Rung) (in_use + steps), RUNG_240));
}

/* Whether, the sample included, there is enough that speaks for one rung more. */
static bool
should_rise(LadderMember *member, const QualityMetrics *metrics, double q,
			Rung in_force, double now)
{
	const LadderPlace *place = &member->place;

	if (place->rung == RUNG_720)
		return false;
	if (place->rung == RUNG_AUDIO)
		return now - place->changed_at >= AUDIO_SECONDS && place_may_rise(place, now) &&
			   may_try_video(metrics, q);

	if (in_force <= place->rung && is_good_for(metrics, q, (Rung) (place->rung - 1)))
		member->good_run = lengthen(member->good_run, UP_SAMPLES);
	else
		member->good_run = 0;
	return member->good_run == UP_SAMPLES && place_may_rise(place, now);
}

bool
ladder_member_update(LadderMember *member, const QualityMetrics *metrics,
					 double q, Rung in_force, double now)
{
	LadderPlace *place = &member->place;
	Rung		 lower;

	place_settle(place, now);
	if (!take_sample(member, now))
		return false;
	if (is_bad(metrics, q, rung_lower(place->rung, in_force)) || is_severe(metrics, q))
		place->calm_since = fmax(place->calm_since, now);

	lower = lower_rung(member, metrics, q, in_force, now);
	if (lower != place->rung)
		place_fall(place, lower, now);
	else if (should_rise(member, metrics, q, in_force, now))
		place_rise(place, now);
	else
		return false;

	forget_runs(member);
	return true;
}
