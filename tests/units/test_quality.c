/*
 * Is a connection's quality computed by the book, and does the video ladder
 * keep every rule that it states, at its boundary?
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ladder.h"
#include "quality_model.h"

static int passed = 0;
static int failed = 0;

#define CHECK(condition) check((condition), #condition, __LINE__)
#define CHECK_NEAR(value, wanted, tolerance) \
	check_near((value), (wanted), (tolerance), #value, __LINE__)

static void
check(bool ok, const char *what, int line)
{
	if (ok)
		passed++;
	else
	{
		failed++;
		printf("not ok - line %d: %s\n", line, what);
	}
}

static void
check_near(double value, double wanted, double tolerance, const char *what, int line)
{
	check(fabs(value - wanted) <= tolerance, what, line);
	if (!(fabs(value - wanted) <= tolerance))
		printf("         is %g, not %g\n", value, wanted);
}

/* A random number generator of our own, to be the same on every machine. */
static unsigned long long seed = 20260901;

static unsigned
draw(unsigned below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned) (seed >> 33) % below;
}

static QualityMetrics
network(double rtt, double jitter, double loss)
{
	QualityMetrics metrics = {.fec = true};

	quality_set(&metrics, QUALITY_RTT_MS, rtt);
	quality_set(&metrics, QUALITY_JITTER_MS, jitter);
	quality_set(&metrics, QUALITY_LOSS, loss);
	return metrics;
}

static QualityMetrics
one_metric(QualityMetric metric, double value)
{
	QualityMetrics metrics = {.present = 0};

	quality_set(&metrics, metric, value);
	return metrics;
}

static QualityMetrics
two_metrics(QualityMetric one, double value, QualityMetric other, double other_value)
{
	QualityMetrics metrics = one_metric(one, value);

	quality_set(&metrics, other, other_value);
	return metrics;
}

static QualityScore
score_of(QualityMetrics metrics)
{
	QualityScore score = {.q = -1};

	CHECK(quality_score(&metrics, &score));
	return score;
}

/* The check values of the specification, all with FEC. */
static void
test_r_and_mos(void)
{
	static const struct
	{
		double rtt, jitter, loss, r, mos;
	} table[] = {
		{40, 5, 0, 92.0, 4.38},
		{100, 10, 0.5, 88.7, 4.31},
		{150, 15, 1, 85.7, 4.22},
		{200, 20, 2, 80.7, 4.05},
		{320, 12, 1.2, 80.0, 4.02},
		{300, 30, 3, 69.5, 3.57},
		{400, 40, 5, 53.5, 2.76},
		{600, 60, 8, 26.6, 1.47},
		{100, 5, 10, 59.6, 3.08},
		{50, 5, 20, 44.4, 2.28},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		QualityMetrics metrics = network(table[i].rtt, table[i].jitter, table[i].loss);
		QualityScore   score = score_of(metrics);

		CHECK_NEAR(quality_r_factor(&metrics), table[i].r, 0.05);
		CHECK_NEAR(quality_mos(quality_r_factor(&metrics)), table[i].mos, 0.005);
		CHECK_NEAR(score.r, table[i].r, 0.05);
		CHECK_NEAR(score.mos, table[i].mos, 0.005);
		CHECK_NEAR(score.audio, score.r / 0.932, 1e-9);
	}
}

static void
test_r_at_its_edges(void)
{
	QualityMetrics metrics = network(40, 5, 5);
	double		   with_fec = quality_r_factor(&metrics);

	/* 95 * 5 / (5 + 20) = 19, and 95 * 5 / (5 + 10) = 31.67 */
	metrics.fec = false;
	CHECK_NEAR(with_fec - quality_r_factor(&metrics), 31.6667 - 19, 0.001);

	/* a measured buffer of 100 ms takes the place of 2 * 5 ms */
	metrics = network(40, 5, 0);
	quality_set(&metrics, QUALITY_JITTER_BUFFER_MS, 100);
	CHECK_NEAR(quality_r_factor(&metrics), 93.2 - 0.024 * 140, 1e-9);

	/* at 177.3 ms one way the second slope begins */
	metrics = network(2 * (177.3 - 20), 0, 0);
	CHECK_NEAR(quality_r_factor(&metrics), 93.2 - 0.024 * 177.3, 1e-9);
	metrics = network(2 * (187.3 - 20), 0, 0);
	CHECK_NEAR(quality_r_factor(&metrics), 93.2 - 0.024 * 187.3 - 1.1, 1e-9);

	metrics = network(60000, 60000, 100);
	CHECK(quality_r_factor(&metrics) == 0);
	CHECK(quality_mos(0) == 1);
	CHECK(quality_mos(3) == 1); /* the curve itself is 0.99 here */
	CHECK(quality_mos(-5) == 1);
	CHECK(quality_mos(NAN) == 1);
	CHECK(quality_mos(100) == 4.5);
	CHECK(quality_mos(1000) == 4.5);
}

static void
test_video_parts(void)
{
	QualityScore score = score_of(one_metric(QUALITY_VIDEO_LOSS, 3));

	CHECK_NEAR(score.video, 70, 1e-9);
	CHECK_NEAR(score.q, 70, 1e-9);
	CHECK(score_of(one_metric(QUALITY_VIDEO_LOSS, 10)).q == 0);
	CHECK(score_of(one_metric(QUALITY_VIDEO_LOSS, 50)).q == 0);

	score = score_of(two_metrics(QUALITY_BITRATE_KBPS, 500, QUALITY_TARGET_KBPS, 1500));
	CHECK_NEAR(score.video, 100 - 20 * log(3), 1e-9);
	CHECK(score_of(two_metrics(QUALITY_BITRATE_KBPS, 1500, QUALITY_TARGET_KBPS, 1500)).video == 100);
	CHECK(score_of(two_metrics(QUALITY_BITRATE_KBPS, 9000, QUALITY_TARGET_KBPS, 1500)).video == 100);
	CHECK(score_of(two_metrics(QUALITY_BITRATE_KBPS, 0, QUALITY_TARGET_KBPS, 1500)).video == 0);
	CHECK(score_of(two_metrics(QUALITY_BITRATE_KBPS, 0, QUALITY_TARGET_KBPS, 0)).video == 100);

	score = score_of(two_metrics(QUALITY_FPS, 15, QUALITY_EXPECTED_FPS, 30));
	CHECK_NEAR(score.video, 100 - 47 * log(2), 1e-9);
	CHECK(score_of(two_metrics(QUALITY_FPS, 0, QUALITY_EXPECTED_FPS, 30)).video == 0);
	CHECK(score_of(two_metrics(QUALITY_FPS, 60, QUALITY_EXPECTED_FPS, 30)).video == 100);

	CHECK_NEAR(score_of(one_metric(QUALITY_FREEZE_RATIO, 0.1)).video, 50, 1e-9);
	CHECK(score_of(one_metric(QUALITY_FREEZE_RATIO, 0.2)).video == 0);
	CHECK(score_of(one_metric(QUALITY_FREEZE_RATIO, 1)).video == 0);
}

/* The weakest part decides, whichever it is. */
static void
test_weakest_part(void)
{
	QualityMetrics metrics = network(600, 60, 8);
	QualityScore   score;

	quality_set(&metrics, QUALITY_VIDEO_LOSS, 0);
	score = score_of(metrics);
	CHECK(score.video == 100);
	CHECK(score.q == score.audio);

	metrics = network(40, 5, 0);
	quality_set(&metrics, QUALITY_FREEZE_RATIO, 0.1);
	quality_set(&metrics, QUALITY_VIDEO_LOSS, 2);
	score = score_of(metrics);
	CHECK_NEAR(score.q, 50, 1e-9);
	CHECK(score.audio > 90);
}

static void
test_missing_is_neutral(void)
{
	QualityMetrics metrics = {.present = 0};
	QualityScore   score;
	double		   q;

	CHECK(!quality_score(&metrics, &score));

	/* neither a target nor an estimate says what arrived */
	quality_set(&metrics, QUALITY_TARGET_KBPS, 1500);
	quality_set(&metrics, QUALITY_EXPECTED_FPS, 30);
	quality_set(&metrics, QUALITY_HEIGHT, 720);
	quality_set(&metrics, QUALITY_AVAILABLE_KBPS, 10);
	CHECK(!quality_score(&metrics, &score));
	metrics = one_metric(QUALITY_FPS, 1);
	CHECK(!quality_score(&metrics, &score));
	metrics = one_metric(QUALITY_BITRATE_KBPS, 1);
	CHECK(!quality_score(&metrics, &score));

	/* half of a comparison, and what only moves rungs, change nothing */
	q = score_of(network(100, 10, 0.5)).q;
	metrics = network(100, 10, 0.5);
	quality_set(&metrics, QUALITY_TARGET_KBPS, 1500);
	CHECK(score_of(metrics).q == q);
	quality_set(&metrics, QUALITY_EXPECTED_FPS, 30);
	CHECK(score_of(metrics).q == q);
	quality_set(&metrics, QUALITY_AVAILABLE_KBPS, 1);
	CHECK(score_of(metrics).q == q);

	/* what is left out is as good as perfect */
	CHECK(score_of(one_metric(QUALITY_RTT_MS, 0)).q == score_of(network(0, 0, 0)).q);
	CHECK(score_of(one_metric(QUALITY_RTT_MS, 0)).q > 99);
	CHECK(score_of(one_metric(QUALITY_VIDEO_LOSS, 0)).q > 99);
}

/* One loss for all counts for video where there is video, and only there. */
static void
test_loss_of_video(void)
{
	QualityMetrics metrics = network(40, 5, 4);

	CHECK(score_of(metrics).video == 100);
	quality_set(&metrics, QUALITY_HEIGHT, 480);
	CHECK_NEAR(score_of(metrics).video, 60, 1e-9);
	quality_set(&metrics, QUALITY_VIDEO_LOSS, 1);
	CHECK_NEAR(score_of(metrics).video, 90, 1e-9);

	/* audio only: what is still measured of a picture does not count */
	quality_set(&metrics, QUALITY_HEIGHT, 0);
	quality_set(&metrics, QUALITY_FREEZE_RATIO, 1);
	CHECK(score_of(metrics).video == 100);
	CHECK(score_of(metrics).q == score_of(metrics).audio);

	metrics = network(40, 5, 4);
	quality_set(&metrics, QUALITY_FPS, 30);
	CHECK_NEAR(score_of(metrics).video, 60, 1e-9);
}

static void
test_muted_is_no_sample(void)
{
	QualityMetrics metrics = network(40, 5, 0);
	QualityScore   score = {.q = -1};

	metrics.muted = true;
	CHECK(!quality_score(&metrics, &score));
	CHECK(score.q == -1);
}

static void
test_levels(void)
{
	static const struct
	{
		double		quality;
		const char *level;
	} table[] = {
		{100, "excellent"},
		{80.1, "excellent"},
		{80, "good"},
		{60.1, "good"},
		{60, "fair"},
		{40.1, "fair"},
		{40, "poor"},
		{20.1, "poor"},
		{20, "lost"},
		{0, "lost"},
		{NAN, "lost"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		CHECK(strcmp(quality_level(table[i].quality), table[i].level) == 0);
}

static void
test_names(void)
{
	for (int i = 0; i < QUALITY_METRICS; i++)
		CHECK((int) quality_metric_named(quality_metric_name((QualityMetric) i)) == i);
	CHECK(quality_metric_named("rtt_ms") == QUALITY_RTT_MS);
	CHECK(quality_metric_named("available_kbps") == QUALITY_AVAILABLE_KBPS);
	CHECK((int) quality_metric_named("rtt") == QUALITY_METRICS);
	CHECK((int) quality_metric_named("") == QUALITY_METRICS);
}

static bool
faulty(QualityMetric metric, double value, const char *reason)
{
	QualityMetrics metrics = one_metric(metric, value);
	QualityFault   fault;

	return !quality_check(&metrics, &fault) && fault.metric == metric &&
		   strcmp(fault.reason, reason) == 0;
}

static bool
faultless(QualityMetric metric, double value)
{
	QualityMetrics metrics = one_metric(metric, value);
	QualityFault   fault;

	return quality_check(&metrics, &fault) && fault.reason == NULL;
}

static void
test_hostile_values_are_rejected(void)
{
	static const double maximum[QUALITY_METRICS] = {
		60000, 60000, 60000, 100, 100, 1e7, 1e7, 1000, 1000, 1, 16384, 1e7};
	QualityMetrics metrics = {.present = 0};
	QualityFault   fault;

	CHECK(quality_check(&metrics, &fault));
	for (int i = 0; i < QUALITY_METRICS; i++)
	{
		QualityMetric metric = (QualityMetric) i;

		CHECK(faulty(metric, NAN, "is not a finite number"));
		CHECK(faulty(metric, INFINITY, "is not a finite number"));
		CHECK(faulty(metric, -INFINITY, "is not a finite number"));
		CHECK(faulty(metric, -0.001, "is negative"));
		CHECK(faulty(metric, -1e308, "is negative"));
		CHECK(faulty(metric, 1e308, "is too large"));
		CHECK(faulty(metric, nextafter(maximum[i], INFINITY), "is too large"));
		CHECK(faultless(metric, maximum[i]));
		CHECK(faultless(metric, 0));
	}

	/* the first of several, and what is not present is not looked at */
	metrics = two_metrics(QUALITY_FPS, -1, QUALITY_LOSS, 101);
	CHECK(!quality_check(&metrics, &fault));
	CHECK(fault.metric == QUALITY_LOSS);
	CHECK(fault.maximum == 100);
	metrics = one_metric(QUALITY_LOSS, 1);
	metrics.value[QUALITY_FPS] = NAN;
	CHECK(quality_check(&metrics, &fault));
}

static bool
within(double value, double lowest, double highest)
{
	return value >= lowest && value <= highest;
}

static bool
in_range(const QualityScore *score)
{
	return within(score->r, 0, 93.2) && within(score->mos, 1, 4.5) &&
		   within(score->audio, 0, 100) && within(score->video, 0, 100) &&
		   within(score->q, 0, 100);
}

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

static void
track_q(QualityTrack *track, double q, double now)
{
	QualityMetrics metrics = {.present = 0};
	QualityScore   score = {.audio = q, .video = 100, .q = q};

	quality_track(track, &metrics, &score, now);
}

static void
test_smoothing(void)
{
	QualityTrack track = {.known = false};

	track_q(&track, 90, 0);
	CHECK(track.known);
	CHECK(track.quality == 90);
	track_q(&track, 50, 5); /* 90 - 0.8 * 40 */
	CHECK_NEAR(track.quality, 58, 1e-9);
	track_q(&track, 58, 10);
	CHECK_NEAR(track.quality, 58, 1e-9);
	track_q(&track, 100, 15); /* 58 + 0.4 * 42 */
	CHECK_NEAR(track.quality, 74.8, 1e-9);
	track_q(&track, 0, 20); /* 14.96 is below the floor */
	CHECK(track.quality == 20);
	track_q(&track, 100, 25);
	CHECK_NEAR(track.quality, 52, 1e-9);

	track = (QualityTrack){.known = false};
	track_q(&track, 0, 0);
	CHECK(track.quality == 20);
}

/* Bad at 0, 5, 10 is not yet degraded; bad at 15 too is. */
static void
test_degraded_after_15_seconds(void)
{
	QualityTrack track = {.known = false};

	CHECK(!quality_is_degraded(&track, 0));
	for (int now = 0; now < 15; now += 5)
		track_q(&track, 30, now);
	CHECK(!quality_is_degraded(&track, 10));
	CHECK(!quality_is_degraded(&track, 20)); /* silence proves nothing */
	track_q(&track, 30, 14.99);
	CHECK(!quality_is_degraded(&track, 14.99));
	track_q(&track, 30, 15);
	CHECK(quality_is_degraded(&track, 15));

	/* what one said goes stale */
	CHECK(quality_is_degraded(&track, 30));
	CHECK(!quality_is_degraded(&track, 30.01));
}

static void
test_bad_run_ends(void)
{
	QualityTrack track = {.known = false};

	/* at 40 it is not bad; just below it is */
	track_q(&track, 40, 0);
	CHECK(!track.bad);
	track_q(&track, 39.9, 5);
	CHECK(track.bad);
	CHECK(track.bad_since == 5);

	/* one lucky sample does not end it: 39.92 -> 20 -> 20 + 0.4 * 40 = 36 */
	track_q(&track, 0, 10);
	track_q(&track, 60, 15);
	CHECK(track.bad_since == 5);
	track_q(&track, 60, 20); /* 45.6 */
	CHECK(!track.bad);
	track_q(&track, 0, 25);
	CHECK(track.bad_since == 25);

	/* a gap of 15 s is within the run, a longer one begins another */
	track_q(&track, 0, 40);
	CHECK(track.bad_since == 25);
	CHECK(quality_is_degraded(&track, 40));
	track_q(&track, 0, 55.01);
	CHECK(track.bad_since == 55.01);
	CHECK(!quality_is_degraded(&track, 55.01));

	/* and so does a clock that was set back */
	track_q(&track, 0, 10);
	CHECK(track.bad_since == 10);
}

static void
test_cpu_is_not_the_provider(void)
{
	QualityMetrics metrics = {.cpu_limited = true};
	QualityScore   score = {.audio = 95, .video = 0, .q = 0};
	QualityTrack   track = {.known = false};

	for (int now = 0; now <= 30; now += 5)
		quality_track(&track, &metrics, &score, now);
	CHECK(track.quality == 20);
	CHECK(!quality_is_degraded(&track, 30));

	/* but the audio needs no CPU to speak of */
	score.audio = 40;
	quality_track(&track, &metrics, &score, 34);
	CHECK(!track.bad);
	score.audio = 10;
	for (int now = 35; now <= 50; now += 5)
		quality_track(&track, &metrics, &score, now);
	CHECK(quality_is_degraded(&track, 50));
}

static void
test_majority(void)
{
	CHECK(!quality_session_is_degraded(0, 0));
	CHECK(!quality_session_is_degraded(1, 0));
	CHECK(!quality_session_is_degraded(1, 1)); /* alone */
	CHECK(!quality_session_is_degraded(2, 1));
	CHECK(quality_session_is_degraded(2, 2));
	CHECK(!quality_session_is_degraded(3, 1));
	CHECK(quality_session_is_degraded(3, 2));
	CHECK(!quality_session_is_degraded(4, 2));
	CHECK(quality_session_is_degraded(4, 3));
	CHECK(!quality_session_is_degraded(5, 2));
	CHECK(quality_session_is_degraded(5, 3));
	CHECK(!quality_session_is_degraded(100, 50));
	CHECK(quality_session_is_degraded(100, 51));
}

/* A participant who is alone on the ladder: its rung is the one in force. */
typedef struct Climber
{
	LadderMember   member;
	QualityMetrics metrics; /* nothing measured, unless a test says so */
} Climber;

static Climber
climber(Rung rung, double since)
{
	Climber c = {.metrics = {.present = 0}};

	ladder_member_init(&c.member, since);
	c.member.place.rung = rung;
	return c;
}

/* The rung after a sample. */
static Rung
feed(Climber *c, double q, double now)
{
	Rung before = c->member.place.rung;
	bool moved = ladder_member_update(&c->member, &c->metrics, q, before, now);

	CHECK(moved == (c->member.place.rung != before));
	return c->member.place.rung;
}

static void
test_caps(void)
{
	static const RungCap caps[RUNGS] = {
		{720, 1500, 1000, 30}, {480, 800, 500, 30}, {360, 450, 250, 24}, {240, 200, 120, 15}, {0, 40, 0, 0}};

	for (int i = 0; i < RUNGS; i++)
		CHECK(memcmp(rung_cap((Rung) i), &caps[i], sizeof(RungCap)) == 0);
	CHECK(rung_lower(RUNG_720, RUNG_240) == RUNG_240);
	CHECK(rung_lower(RUNG_AUDIO, RUNG_240) == RUNG_AUDIO);
}

static void
test_down_after_two_bad_samples(void)
{
	Climber c = climber(RUNG_720, 0);

	CHECK(feed(&c, 49.9, 0) == RUNG_720);
	CHECK(feed(&c, 49.9, 5) == RUNG_480);
	CHECK(feed(&c, 49.9, 10) == RUNG_480); /* a new run */
	CHECK(feed(&c, 49.9, 15) == RUNG_360);
	CHECK(feed(&c, 49.9, 20) == RUNG_360);
	CHECK(feed(&c, 49.9, 25) == RUNG_240);
	CHECK(feed(&c, 49.9, 30) == RUNG_240);
	CHECK(feed(&c, 25, 60) == RUNG_240); /* 25 is bad but not hopeless */
	for (int now = 65; now < 200; now += 5)
		CHECK(feed(&c, 25, now) == RUNG_240);

	/* at 50 it is not bad, and one better sample breaks the run */
	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 50, 0) == RUNG_720);
	CHECK(feed(&c, 50, 5) == RUNG_720);
	CHECK(feed(&c, 49, 10) == RUNG_720);
	CHECK(feed(&c, 50, 15) == RUNG_720);
	CHECK(feed(&c, 49, 20) == RUNG_720);
}

static void
test_samples_in_a_row(void)
{
	Climber c = climber(RUNG_720, 0);

	/* nearly at once: the second does not count */
	CHECK(feed(&c, 49, 0) == RUNG_720);
	CHECK(feed(&c, 49, 0) == RUNG_720);
	CHECK(feed(&c, 49, 2.4) == RUNG_720);
	CHECK(feed(&c, 49, 2.5) == RUNG_480);

	/* 15 s apart they are in a row, more they are not */
	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 49, 0) == RUNG_720);
	CHECK(feed(&c, 49, 15.5) == RUNG_720);
	CHECK(feed(&c, 49, 30.5) == RUNG_480);
}

static void
test_down_by_bitrate(void)
{
	static const double min_useful[] = {1000, 500, 250};

	for (int i = RUNG_720; i <= RUNG_360; i++)
	{
		Climber c = climber((Rung) i, 0);

		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, min_useful[i]);
		CHECK((int) feed(&c, 70, 0) == i);
		CHECK((int) feed(&c, 70, 5) == i);
		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, min_useful[i] - 1);
		CHECK((int) feed(&c, 70, 10) == i);
		CHECK((int) feed(&c, 70, 15) == i + 1);
	}
}

static void
test_bitrate_alone_leaves_240(void)
{
	Climber c = climber(RUNG_240, 0);

	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 1);
	for (int now = 0; now <= 60; now += 5)
		CHECK(feed(&c, 70, now) == RUNG_240);
}

static void
test_down_two_at_once(void)
{
	Climber c = climber(RUNG_720, 0);

	CHECK(feed(&c, 24.9, 0) == RUNG_360);
	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 25, 0) == RUNG_720);
	c = climber(RUNG_480, 0);
	CHECK(feed(&c, 24.9, 0) == RUNG_240);
	c = climber(RUNG_360, 0); /* never past 240 at once */
	CHECK(feed(&c, 0, 0) == RUNG_240);

	c = climber(RUNG_720, 0);
	quality_set(&c.metrics, QUALITY_LOSS, 15);
	CHECK(feed(&c, 70, 0) == RUNG_720);
	quality_set(&c.metrics, QUALITY_LOSS, 15.1);
	CHECK(feed(&c, 70, 5) == RUNG_360);
	c = climber(RUNG_720, 0);
	quality_set(&c.metrics, QUALITY_VIDEO_LOSS, 15.1);
	CHECK(feed(&c, 70, 0) == RUNG_360);
}

static void
test_up_after_three_good_samples(void)
{
	Climber c = climber(RUNG_480, -100);

	CHECK(feed(&c, 80.1, 0) == RUNG_480);
	CHECK(feed(&c, 80.1, 5) == RUNG_480);
	CHECK(feed(&c, 80.1, 10) == RUNG_720);
	CHECK(feed(&c, 100, 15) == RUNG_720); /* there is no higher one */

	/* at 80 it is not good, and breaks the run */
	c = climber(RUNG_480, -100);
	CHECK(feed(&c, 81, 0) == RUNG_480);
	CHECK(feed(&c, 81, 5) == RUNG_480);
	CHECK(feed(&c, 80, 10) == RUNG_480);
	CHECK(feed(&c, 81, 15) == RUNG_480);
	CHECK(feed(&c, 81, 20) == RUNG_480);
	CHECK(feed(&c, 81, 25) == RUNG_720);
}

static void
test_up_needs_headroom(void)
{
	static const double headroom[] = {1875, 1000, 562.5};

	for (int i = RUNG_480; i <= RUNG_240; i++)
	{
		Climber c = climber((Rung) i, -100);

		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, headroom[i - 1] - 0.1);
		for (int now = 0; now <= 20; now += 5)
			CHECK((int) feed(&c, 90, now) == i);
		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, headroom[i - 1]);
		CHECK((int) feed(&c, 90, 25) == i);
		CHECK((int) feed(&c, 90, 30) == i);
		CHECK((int) feed(&c, 90, 35) == i - 1);
	}
}

static void
test_up_20_seconds_after_a_change(void)
{
	Climber c = climber(RUNG_720, 0);

	CHECK(feed(&c, 0, 0) == RUNG_360);
	for (int now = 5; now <= 15; now += 5)
		CHECK(feed(&c, 90, now) == RUNG_360);
	CHECK(feed(&c, 90, 19.9) == RUNG_360);
	CHECK(feed(&c, 90, 22.4) == RUNG_480);

	/* from one rise to the next too */
	CHECK(feed(&c, 90, 27) == RUNG_480);
	CHECK(feed(&c, 90, 32) == RUNG_480);
	CHECK(feed(&c, 90, 37) == RUNG_480);
	CHECK(feed(&c, 90, 42.3) == RUNG_480);
	CHECK(feed(&c, 90, 45) == RUNG_720);

	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 0, 0) == RUNG_360);
	for (int now = 5; now <= 15; now += 5)
		CHECK(feed(&c, 90, now) == RUNG_360);
	CHECK(feed(&c, 90, 20) == RUNG_480); /* exactly 20 s */
}

/* Good until it rises, then severe after that many seconds: when was it up? */
static double
rise_and_fail(Climber *c, double *now, double after)
{
	double up_at;

	while (c->member.place.rung == RUNG_360)
	{
		*now += 5;
		feed(c, 90, *now);
	}
	up_at = *now;
	*now += after;
	feed(c, 0, *now);
	c->member.place.rung = RUNG_360; /* to be at the same place again */
	return up_at;
}

static void
test_backoff_doubles(void)
{
	static const double waits[] = {40, 80, 160, 300, 300, 300};
	Climber				c = climber(RUNG_360, -100);
	double				now = 0;

	CHECK(c.member.place.backoff == 20);
	rise_and_fail(&c, &now, 10);
	for (int i = 0; i < 6; i++)
	{
		double fell_at = now;

		CHECK(c.member.place.backoff == waits[i]);
		CHECK(rise_and_fail(&c, &now, 5) - fell_at == waits[i]);
	}
}

static void
test_what_is_a_failed_rise(void)
{
	Climber c = climber(RUNG_360, -100);
	double	now = 0;

	rise_and_fail(&c, &now, 15);
	CHECK(c.member.place.backoff == 40);

	c = climber(RUNG_360, -100);
	rise_and_fail(&c, &now, 15.1);
	CHECK(c.member.place.backoff == 20);

	/* the second fall in a row is not another failed rise */
	c = climber(RUNG_360, -100);
	now = 0;
	rise_and_fail(&c, &now, 5);
	c.member.place.rung = RUNG_480;
	CHECK(feed(&c, 0, now + 5) == RUNG_240);
	CHECK(c.member.place.backoff == 40);
}

/* 2 minutes of calm halve it; the wait itself does not count as calm. */
static void
test_backoff_halves_when_calm(void)
{
	Climber c = climber(RUNG_720, 0);

	c.member.place.backoff = 300;
	for (int now = 5; now < 120; now += 5)
		feed(&c, 70, now);
	CHECK(c.member.place.backoff == 300);
	feed(&c, 70, 120);
	CHECK(c.member.place.backoff == 150);
	feed(&c, 40, 235); /* a bad sample: calm starts again */
	feed(&c, 70, 240);
	CHECK(c.member.place.backoff == 150);
	feed(&c, 70, 354.9);
	CHECK(c.member.place.backoff == 150);
	feed(&c, 70, 357.5);
	CHECK(c.member.place.backoff == 75);
	feed(&c, 70, 1e6);
	CHECK(c.member.place.backoff == 20);

	c = climber(RUNG_480, 0);
	c.member.place.rose = true;
	c.member.place.backoff = 100;
	feed(&c, 0, 10); /* a failed rise: waits 200 s */
	CHECK(c.member.place.backoff == 200);
	feed(&c, 70, 329.9);
	CHECK(c.member.place.backoff == 200);
	feed(&c, 70, 333);
	CHECK(c.member.place.backoff == 100);
}

static void
test_audio_only(void)
{
	Climber c = climber(RUNG_240, 0);

	CHECK(feed(&c, 24, 0) == RUNG_240);
	CHECK(feed(&c, 24, 5) == RUNG_240);
	CHECK(feed(&c, 24, 9.9) == RUNG_240);
	CHECK(feed(&c, 24, 12.4) == RUNG_AUDIO);

	c = climber(RUNG_240, 0);
	CHECK(feed(&c, 24, 0) == RUNG_240);
	CHECK(feed(&c, 24, 5) == RUNG_240);
	CHECK(feed(&c, 24, 10) == RUNG_AUDIO); /* exactly 10 s */

	/* one sample of 25 begins it anew */
	c = climber(RUNG_240, 0);
	CHECK(feed(&c, 24, 0) == RUNG_240);
	CHECK(feed(&c, 24, 5) == RUNG_240);
	CHECK(feed(&c, 25, 10) == RUNG_240);
	CHECK(feed(&c, 24, 15) == RUNG_240);
	CHECK(feed(&c, 24, 20) == RUNG_240);
	CHECK(feed(&c, 24, 25) == RUNG_AUDIO);

	/* the sample that led to 240 was measured above it */
	c = climber(RUNG_360, 0);
	CHECK(feed(&c, 0, 0) == RUNG_240);
	CHECK(feed(&c, 0, 5) == RUNG_240);
	CHECK(feed(&c, 0, 10) == RUNG_240);
	CHECK(feed(&c, 0, 15) == RUNG_AUDIO);
}

static void
test_video_again(void)
{
	Climber c = climber(RUNG_AUDIO, 0);

	CHECK(feed(&c, 90, 25) == RUNG_AUDIO);
	CHECK(feed(&c, 90, 29.9) == RUNG_AUDIO);
	CHECK(feed(&c, 50, 32.4) == RUNG_240);

	c = climber(RUNG_AUDIO, 1000);
	CHECK(feed(&c, 50, 1027) == RUNG_AUDIO);
	CHECK(feed(&c, 50, 1030) == RUNG_240); /* exactly 30 s */

	c = climber(RUNG_AUDIO, 0);
	CHECK(feed(&c, 49.9, 30) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_LOSS, 16);
	CHECK(feed(&c, 60, 35) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_LOSS, 1);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 60); /* as low as what is sent */
	CHECK(feed(&c, 60, 40) == RUNG_240);

	/* it fails: at once again audio only, and a longer wait than 30 s */
	for (int now = 45; now < 55; now += 5)
		CHECK(feed(&c, 10, now) == RUNG_240);
	CHECK(feed(&c, 10, 55) == RUNG_AUDIO);
	CHECK(c.member.place.backoff == 40);
	CHECK(feed(&c, 90, 94.9) == RUNG_AUDIO);
	CHECK(feed(&c, 90, 97.4) == RUNG_240);
}

static void
test_cpu_limited(void)
{
	Climber c = climber(RUNG_720, 0);

	c.metrics.cpu_limited = true;
	CHECK(feed(&c, 90, 0) == RUNG_720);
	CHECK(feed(&c, 90, 5) == RUNG_480);
	CHECK(feed(&c, 90, 10) == RUNG_480);
	CHECK(feed(&c, 90, 15) == RUNG_360);

	/* and not up, however good the network */
	c = climber(RUNG_240, -100);
	c.metrics.cpu_limited = true;
	for (int now = 0; now < 60; now += 5)
		CHECK(feed(&c, 100, now) == RUNG_240);
}

static void
test_screen_share(void)
{
	Climber c = climber(RUNG_720, -100);

	/* a still screen has few frames: no move */
	c.metrics.screen_share = true;
	c.metrics.cpu_limited = true;
	quality_set(&c.metrics, QUALITY_LOSS, 50);
	for (int now = 0; now < 60; now += 5)
		CHECK(feed(&c, 0, now) == RUNG_720);
	c.member.place.rung = RUNG_240;
	for (int now = 60; now < 120; now += 5)
		CHECK(feed(&c, 0, now) == RUNG_240);
	for (int now = 120; now < 180; now += 5)
		CHECK(feed(&c, 100, now) == RUNG_240);

	/* the bitrate moves it, both ways */
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 562.5);
	CHECK(feed(&c, 0, 180) == RUNG_240);
	CHECK(feed(&c, 0, 185) == RUNG_240);
	CHECK(feed(&c, 0, 190) == RUNG_360);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 249);
	CHECK(feed(&c, 100, 195) == RUNG_360);
	CHECK(feed(&c, 100, 200) == RUNG_240);

	c = climber(RUNG_AUDIO, 0);
	c.metrics.screen_share = true;
	CHECK(feed(&c, 100, 30) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 119);
	CHECK(feed(&c, 100, 35) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 120);
	CHECK(feed(&c, 0, 40) == RUNG_240);
}

/* Others hold the session lower than this participant needs. */
static void
test_held_lower_by_others(void)
{
	Climber c = climber(RUNG_480, -100);

	/* good at 240 says nothing about 720 */
	for (int now = 0; now < 60; now += 5)
		CHECK(!ladder_member_update(&c.member, &c.metrics, 100, RUNG_240, now));
	CHECK(c.member.place.rung == RUNG_480);

	/* less than 480 could use is enough for 360; less than 360 could is not */
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 250);
	for (int now = 60; now < 90; now += 5)
		CHECK(!ladder_member_update(&c.member, &c.metrics, 100, RUNG_360, now));
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 249);
	CHECK(!ladder_member_update(&c.member, &c.metrics, 100, RUNG_360, 90));
	CHECK(ladder_member_update(&c.member, &c.metrics, 100, RUNG_360, 95));
	CHECK(c.member.place.rung == RUNG_240);

	/* bad on audio alone: certainly not 720, but that is all it says */
	c = climber(RUNG_720, -100);
	CHECK(ladder_member_update(&c.member, &c.metrics, 0, RUNG_AUDIO, 0));
	CHECK(c.member.place.rung == RUNG_240);
}

static void
test_clock_set_back(void)
{
	Climber c = climber(RUNG_720, 1e9);

	CHECK(feed(&c, 49, 1e9) == RUNG_720);
	CHECK(feed(&c, 49, 0) == RUNG_720); /* not in a row */
	CHECK(feed(&c, 49, 5) == RUNG_480);

	/* no wait of years */
	c = climber(RUNG_480, 1e9);
	c.member.place.wait_until = 1e9 + 300;
	c.member.place.backoff = 300;
	for (int now = 0; now < 300; now += 5)
		CHECK(feed(&c, 90, now) == RUNG_480);
	CHECK(feed(&c, 90, 300) == RUNG_720);
}

static void
test_session_ladder(void)
{
	LadderPlace session;

	ladder_session_init(&session, 0);
	CHECK(session.rung == RUNG_720);
	CHECK(!ladder_session_update(&session, RUNG_720, 0));

	/* down at once, however far */
	CHECK(ladder_session_update(&session, RUNG_240, 1));
	CHECK(session.rung == RUNG_240);
	CHECK(ladder_session_update(&session, RUNG_AUDIO, 2));
	CHECK(session.rung == RUNG_AUDIO);
	CHECK(!ladder_session_update(&session, RUNG_AUDIO, 100));

	/* up one at a time, 20 s apart */
	CHECK(ladder_session_update(&session, RUNG_720, 101));
	CHECK(session.rung == RUNG_240);
	CHECK(!ladder_session_update(&session, RUNG_720, 120.9));
	CHECK(ladder_session_update(&session, RUNG_720, 121));
	CHECK(session.rung == RUNG_360);
	CHECK(ladder_session_update(&session, RUNG_720, 141));
	CHECK(session.rung == RUNG_480);
	CHECK(!ladder_session_update(&session, RUNG_480, 300));

	/* a failed rise makes the next one wait */
	CHECK(ladder_session_update(&session, RUNG_720, 301));
	CHECK(ladder_session_update(&session, RUNG_480, 310));
	CHECK(session.backoff == 40);
	CHECK(!ladder_session_update(&session, RUNG_720, 349.9));
	CHECK(ladder_session_update(&session, RUNG_720, 350));
}

static Rung
lowest_of(const LadderMember *members, int count)
{
	Rung lowest = RUNG_720;

	for (int i = 0; i < count; i++)
		lowest = rung_lower(lowest, members[i].place.rung);
	return lowest;
}

/* One who needs less takes all along; when it leaves, they climb slowly. */
static void
test_session_follows_its_members(void)
{
	QualityMetrics metrics = {.present = 0};
	LadderMember   members[3];
	LadderPlace	   session;

	ladder_session_init(&session, 0);
	for (int i = 0; i < 3; i++)
		ladder_member_init(&members[i], 0);

	for (int now = 0; now <= 5; now += 5)
	{
		ladder_member_update(&members[0], &metrics, 95, session.rung, now);
		ladder_member_update(&members[1], &metrics, 95, session.rung, now);
		ladder_member_update(&members[2], &metrics, 10, session.rung, now);
		ladder_session_update(&session, lowest_of(members, 3), now);
	}
	CHECK(members[0].place.rung == RUNG_720);
	CHECK(members[1].place.rung == RUNG_720);
	CHECK(members[2].place.rung == RUNG_240);
	CHECK(session.rung == RUNG_240);

	for (int now = 10; now <= 70; now += 5)
		ladder_session_update(&session, lowest_of(members, 2), now);
	CHECK(session.rung == RUNG_720);
	CHECK(session.changed_at == 65);
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

static void
test_scores(void)
{
	test_r_and_mos();
	test_r_at_its_edges();
	test_video_parts();
	test_weakest_part();
	test_missing_is_neutral();
	test_loss_of_video();
	test_muted_is_no_sample();
	test_levels();
	test_names();
	test_hostile_values_are_rejected();
	test_hostile_values_stay_in_range();
	test_smoothing();
	test_degraded_after_15_seconds();
	test_bad_run_ends();
	test_cpu_is_not_the_provider();
	test_majority();
}

static void
test_ladder(void)
{
	test_caps();
	test_down_after_two_bad_samples();
	test_samples_in_a_row();
	test_down_by_bitrate();
	test_bitrate_alone_leaves_240();
	test_down_two_at_once();
	test_up_after_three_good_samples();
	test_up_needs_headroom();
	test_up_20_seconds_after_a_change();
	test_backoff_doubles();
	test_what_is_a_failed_rise();
	test_backoff_halves_when_calm();
	test_audio_only();
	test_video_again();
	test_cpu_limited();
	test_screen_share();
	test_held_lower_by_others();
	test_clock_set_back();
	test_session_ladder();
	test_session_follows_its_members();
	test_random_walks();
}

int
main(void)
{
	test_scores();
	test_ladder();
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
