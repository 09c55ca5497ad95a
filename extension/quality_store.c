/*-------------------------------------------------------------------------
 *
 * quality_store.c
 *	  What is measured in sessions that are under way, in shared memory.
 *
 * A report takes the lock for a time that depends neither on the participants
 * of its session nor, but for the rare clearing of many, on the slots.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "quality_store.h"

#include <math.h>

#include "quality_slots.h"

QualityKey
quality_store_key(const char *session_id, const char *participant_id)
{
	return (QualityKey){
		.session = quality_hash(session_id),
		.participant = quality_hash(participant_id),
	};
}

/* Nothing that was measured with another provider counts any more. */
static void
begin_epoch(QualitySession *session, int epoch)
{
	if (session->epoch == epoch)
		return;
	session->epoch = epoch;
	session->era++;
	session->fresh = 0;
	session->degraded = 0;
	MemSet(session->have, 0, sizeof(session->have));
}

/* seconds: since the sample before, or 0 if that says nothing. */
static void
summarize(QualitySummary *summary, double quality, Rung rung, double seconds)
{
	bool below = quality < QUALITY_DEGRADED_BELOW;
	bool first = summary->samples == 0;

	summary->samples++;
	summary->sum += quality;
	summary->min = first ? quality : fmin(summary->min, quality);
	summary->max = first ? quality : fmax(summary->max, quality);
	summary->measured_seconds += seconds;
	if (summary->below)
		summary->bad_seconds += seconds;
	else if (below)
		summary->drops++;
	summary->below = below;
	summary->lowest = rung_lower(summary->lowest, rung);
}

/* How long the state after the last sample has lasted, if it is known. */
static double
seconds_since_sample(const QualityTrack *track, double now)
{
	double since = now - track->sampled_at;

	return track->known && since >= 0 && since <= QUALITY_STALE_SECONDS ? since : 0;
}

/* Move the member's rung, and with it what its session's members need. */
static void
update_ladder(QualityMember *member, const QualityMetrics *metrics, double q, double now)
{
	QualitySession *session = member->session;

	session->needs[member->ladder.place.rung]--;
	(void) ladder_member_update(&member->ladder, metrics, q, session->place.rung, now);
	session->needs[member->ladder.place.rung]++;
}

static void
take_sample(QualityMember *member, const QualityMetrics *metrics, const QualityScore *score, double now)
{
	QualityTrack *track = &member->track;
	double		  seconds;

	if (member->epoch != member->session->epoch)
	{
		*track = (QualityTrack){.known = false};
		member->epoch = member->session->epoch;
	}

	/* who reports too often is not heard more often */
	if (track->known && fabs(now - track->sampled_at) < QUALITY_SECONDS_MIN)
		return;

	quality_uncount(member);
	seconds = seconds_since_sample(track, now);
	quality_track(track, metrics, score, now);
	update_ladder(member, metrics, score->q, now);
	summarize(&member->summary, track->quality, member->ladder.place.rung, seconds);

	member->points = (int) rint(track->quality);
	member->degraded = quality_is_degraded(track, now);
	quality_count_fresh(member);
}

/* The session follows the lowest rung that one of its members needs. */
static void
follow_members(QualitySession *session, double now)
{
	Rung needed = RUNG_720;

	for (int rung = RUNG_720; rung < RUNGS; rung++)
	{
		if (session->needs[rung] > 0)
			needed = (Rung) rung;
	}
	(void) ladder_session_update(&session->place, needed, now);
}

/* The lower median: as good as this, or worse, it is for half of them. */
static int
median(const QualitySession *session)
{
	int points = 0;

	for (int worse = session->have[0]; 2 * worse < session->fresh && points < QUALITY_POINTS - 1;
		 worse += session->have[points])
		points++;
	return points;
}

static void
look_at_session(const QualitySession *session, QualityView *view)
{
	view->session_rung = session->place.rung;
	view->untold = (int) session->place.rung != session->told;
	view->degraded = session->degraded;
	view->session_quality = median(session);
}

static void
look_at_member(const QualityMember *member, QualityView *view)
{
	view->known = member->track.known && member->epoch == member->session->epoch;
	view->quality = member->track.quality;
	view->rung = member->ladder.place.rung;
	view->is_degraded = member->degraded && quality_is_counted(member);
}

void
quality_store_report(const QualityKey *key, int epoch, const QualityMetrics *metrics,
					 double now, QualityView *view)
{
	QualityScore	score;
	bool			counts = metrics != NULL && quality_score(metrics, &score);
	QualityMember  *member;
	QualitySession *session;

	*view = (QualityView){.rung = RUNG_720, .session_rung = RUNG_720};

	quality_lock(LW_EXCLUSIVE);
	quality_let_time_pass(now);
	member = quality_find_member(key);
	if (member == NULL && counts)
		member = quality_add_member(key, now);
	session = member != NULL ? member->session : quality_find_session(key->session);
	if (session != NULL)
	{
		begin_epoch(session, epoch);
		if (counts && member != NULL)
			take_sample(member, metrics, &score, now);
		follow_members(session, now);
		look_at_session(session, view);
		if (member != NULL)
			look_at_member(member, view);
	}
	quality_unlock();
}

Rung
quality_store_rung(const char *session_id)
{
	QualitySession *session;
	Rung			rung;

	quality_lock(LW_SHARED);
	session = quality_find_session(quality_hash(session_id));
	rung = session != NULL ? session->place.rung : RUNG_720;
	quality_unlock();
	return rung;
}

bool
quality_store_summary(const QualityKey *key, QualitySummary *summary)
{
	QualityMember *member;

	quality_lock(LW_SHARED);
	member = quality_find_member(key);
	if (member != NULL)
		*summary = member->summary;
	quality_unlock();
	return member != NULL;
}

void
quality_store_told(const QualityKey *key, Rung rung)
{
	QualitySession *session;

	quality_lock(LW_EXCLUSIVE);
	session = quality_find_session(key->session);
	if (session != NULL)
		session->told = rung;
	quality_unlock();
}

void
quality_store_remove(const QualityKey *key)
{
	QualityMember *member;

	quality_lock(LW_EXCLUSIVE);
	member = quality_find_member(key);
	if (member != NULL)
		quality_remove_member(member);
	quality_unlock();
}
