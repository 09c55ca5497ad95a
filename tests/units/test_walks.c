/*-------------------------------------------------------------------------
 *
 * test_walks.c
 *	  What must hold of quality and of the ladder, whatever is measured.
 *
 *-------------------------------------------------------------------------
 */
#include "quality_samples.h"

static QualityMetrics
hostile_metrics(void)
{
	static const double values[] = {
		NAN, INFINITY, -INFINITY, -1e308, 1e308, -20, -10, -1, 0, 5e-324, 1, 100, 1e9};
	QualityMetrics metrics = {.fec = draw(2), .cpu_limited = draw(2), .screen_share = draw(2)};

	for (int i = 0; i < QUALITY_METRICS; i++)
	{
		if (draw(2))
			quality_set(&metrics, (QualityMetric) i,
						values[draw(sizeof(values) / sizeof(values[0]))]);
	}
	return metrics;
}

/* Also what should have been rejected gives a number within the range. */
static void
test_hostile_values_stay_in_range(void)
{
	QualityTrack track = {.known = false};
	LadderMember member;
	int			 wrong = 0;

	ladder_member_init(&member, 0);
	for (int i = 0; i < 200000; i++)
	{
		QualityMetrics metrics = hostile_metrics();
		QualityScore   score;

		if (!quality_score(&metrics, &score))
			continue;
		quality_track(&track, &metrics, &score, 5 * i);
		ladder_member_update(&member, &metrics, score.q, RUNG_720, 5 * i);
		wrong += !in_range(&score) || !within(track.quality, 20, 100) ||
				 member.place.rung > RUNG_AUDIO;
	}
	CHECK(wrong == 0);
}

static bool
sound(const LadderPlace *place, double now)
{
	return place->rung <= RUNG_AUDIO && within(place->backoff, 20, 300) &&
		   place->changed_at <= now && place->wait_until <= now + 300;
}

static QualityMetrics
random_metrics(void)
{
	QualityMetrics metrics = network(draw(700), draw(80), draw(4) ? draw(3) : draw(30));

	if (draw(2))
		quality_set(&metrics, QUALITY_AVAILABLE_KBPS, draw(3000));
	if (draw(2))
		quality_set(&metrics, QUALITY_FREEZE_RATIO, draw(8) ? 0 : draw(100) / 100.0);
	metrics.fec = draw(2);
	metrics.cpu_limited = draw(50) == 0;
	metrics.screen_share = draw(50) == 0;
	metrics.muted = draw(20) == 0;
	return metrics;
}

/* Calm and rough times alternate, so that every rung is visited. */
static QualityMetrics
next_metrics(int step)
{
	QualityMetrics calm = network(30, 3, 0);

	return step / 100 % 2 == 0 && draw(20) ? calm : random_metrics();
}

typedef struct Walk
{
	LadderMember member[3];
	QualityTrack track[3];
	LadderPlace	 session;
	double		 rose_at;	  /* of the session */
	int			 wrong;		  /* invariants that did not hold */
	bool		 seen[RUNGS]; /* rungs that the session was on */
} Walk;

static void
walk_member(Walk *walk, int who, int step, double now)
{
	LadderMember  *member = &walk->member[who];
	QualityTrack  *track = &walk->track[who];
	QualityMetrics metrics = next_metrics(step);
	QualityScore   score;
	QualityFault   fault;
	LadderPlace	   before = member->place;

	walk->wrong += !quality_check(&metrics, &fault);
	if (!quality_score(&metrics, &score))
		return;
	quality_track(track, &metrics, &score, now);
	ladder_member_update(member, &metrics, score.q, walk->session.rung, now);

	walk->wrong += !in_range(&score) || !within(track->quality, 20, 100);
	walk->wrong += !sound(&member->place, now);
	if (member->place.rung < before.rung)
	{
		walk->wrong += member->place.rung + 1 != before.rung;
		walk->wrong += now - before.changed_at < 20 || now < before.wait_until;
	}
}

static void
walk_session(Walk *walk, double now)
{
	Rung		needed = lowest_of(walk->member, 3);
	LadderPlace before = walk->session;

	ladder_session_update(&walk->session, needed, now);

	walk->wrong += walk->session.rung < needed || !sound(&walk->session, now);
	walk->wrong += walk->session.rung > before.rung && walk->session.rung != needed;
	if (walk->session.rung < before.rung)
	{
		walk->wrong += walk->session.rung + 1 != before.rung || now - walk->rose_at < 20;
		walk->rose_at = now;
	}
	walk->seen[walk->session.rung] = true;
}

static void
test_random_walks(void)
{
	int	 wrong = 0;
	bool seen[RUNGS] = {false};

	for (int run = 0; run < 200; run++)
	{
		Walk   walk = {.rose_at = -1000};
		double now = draw(1000000);

		ladder_session_init(&walk.session, now);
		for (int i = 0; i < 3; i++)
			ladder_member_init(&walk.member[i], now);
		for (int step = 0; step < 1000; step++)
		{
			now += draw(100) ? (30 + draw(40)) / 10.0 : draw(200);
			for (int i = 0; i < 3; i++)
				walk_member(&walk, i, step, now);
			walk_session(&walk, now);
		}
		wrong += walk.wrong;
		for (int i = 0; i < RUNGS; i++)
			seen[i] |= walk.seen[i];
	}
	CHECK(wrong == 0);
	for (int i = 0; i < RUNGS; i++)
		CHECK(seen[i]);
}

int
main(void)
{
	test_hostile_values_stay_in_range();
	test_random_walks();
	return check_summary();
}
