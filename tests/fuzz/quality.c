/*
 * quality.c
 *		Samples: metrics of any value, at any time, of a few participants.
 *
 * Whatever clients claim to have measured, scores and rungs stay within their
 * ranges, nothing moves more than it may at once, and the session is on the
 * lowest rung that a participant needs.
 */
#include <math.h>

#include "fuzz.h"
#include "ladder.h"
#include "quality_model.h"

#define MEMBERS 3

struct world
{
	QualityTrack tracks[MEMBERS];
	LadderMember members[MEMBERS];
	LadderPlace	 session;
	double		 now;
};

static void
check_score(const QualityScore *score)
{
	CHECK(score->r >= 0 && score->r <= 93.2);
	CHECK(score->mos >= 1 && score->mos <= 4.5);
	CHECK(score->audio >= 0 && score->audio <= 100);
	CHECK(score->video >= 0 && score->video <= 100);
	CHECK(score->q >= 0 && score->q <= 100);
	CHECK(score->q <= score->audio && score->q <= score->video);
	CHECK(quality_level(score->q) != NULL);
}

/* Two bytes say what is there and the flags; then the values. */
static QualityMetrics
take_metrics(struct slice *input)
{
	const unsigned present = (unsigned) fuzz_take_bits(input, 2);
	const unsigned flags = (unsigned) fuzz_take_bits(input, 1);
	QualityMetrics metrics = {
		.fec = (flags & 1) != 0,
		.muted = (flags & 2) != 0,
		.cpu_limited = (flags & 4) != 0,
		.screen_share = (flags & 8) != 0,
	};

	for (int i = 0; i < QUALITY_METRICS; i++)
	{
		/* mostly what can be measured: thousandths, up to a million */
		if ((present & 1U << i) != 0)
			quality_set(&metrics, (QualityMetric) i,
						(flags & 16) != 0 ? fuzz_take_double(input)
										  : (double) fuzz_take_bits(input, 3) / 1000);
	}
	return metrics;
}

static void
check_metrics(const QualityMetrics *metrics)
{
	QualityFault fault;

	if (quality_check(metrics, &fault))
	{
		for (int i = 0; i < QUALITY_METRICS; i++)
			CHECK(isfinite(quality_get(metrics, (QualityMetric) i, 0)) &&
				  quality_get(metrics, (QualityMetric) i, 0) >= 0);
		return;
	}
	CHECK(fault.metric < QUALITY_METRICS && fault.reason != NULL);
	CHECK(quality_metric_named(quality_metric_name(fault.metric)) == fault.metric);
}

static void
check_place(const LadderPlace *place, double now)
{
	CHECK(place->rung <= RUNG_AUDIO);
	CHECK(place->backoff >= 20 && place->backoff <= 300);
	CHECK(place->changed_at <= now);
	CHECK(place->wait_until <= now + 300);
}

static void
update_session(struct world *world)
{
	Rung	   needed = RUNG_720;
	const Rung before = world->session.rung;

	for (int i = 0; i < MEMBERS; i++)
		needed = rung_lower(needed, world->members[i].place.rung);
	CHECK(ladder_session_update(&world->session, needed, world->now) ==
		  (world->session.rung != before));
	check_place(&world->session, world->now);
	CHECK(world->session.rung >= needed);
	CHECK(world->session.rung == needed || before > needed);
	CHECK(world->session.rung + 1 >= before);
}

static void
take_sample(struct world *world, int who, const QualityMetrics *metrics)
{
	LadderMember *member = &world->members[who];
	QualityTrack *track = &world->tracks[who];
	const Rung	  before = member->place.rung;
	QualityScore  score;

	if (!quality_score(metrics, &score))
		return;
	check_score(&score);
	quality_track(track, metrics, &score, world->now);
	CHECK(track->quality >= 20 && track->quality <= 100);
	CHECK(!quality_is_degraded(track, world->now) || track->quality < QUALITY_DEGRADED_BELOW);
	CHECK(ladder_member_update(member, metrics, score.q, world->session.rung, world->now) ==
		  (member->place.rung != before));
	check_place(&member->place, world->now);
	CHECK(member->place.rung + 1 >= before);
	CHECK(member->place.rung != RUNG_AUDIO || before >= RUNG_240);
	update_session(world);
}

/* Seconds to the next sample: few, or any, or back. */
static void
pass_time(struct world *world, struct slice *input)
{
	const unsigned kind = (unsigned) fuzz_take_bits(input, 1);

	if (kind < 250)
		world->now += kind / 16.0;
	else
		world->now += (double) (int32_t) fuzz_take_bits(input, 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of((const char *) data, size);
	struct world world = {.now = 1e9};

	for (int i = 0; i < MEMBERS; i++)
		ladder_member_init(&world.members[i], world.now);
	ladder_session_init(&world.session, world.now);
	while (input.length > 0)
	{
		const int	   who = (int) (fuzz_take_bits(&input, 1) % MEMBERS);
		QualityMetrics metrics;

		pass_time(&world, &input);
		metrics = take_metrics(&input);
		check_metrics(&metrics);
		take_sample(&world, who, &metrics);
	}
	return 0;
}
