/*-------------------------------------------------------------------------
 *
 * test_quality.c
 *	  Is a connection's quality computed by the book?
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "quality_samples.h"

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

int
main(void)
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
	test_smoothing();
	test_degraded_after_15_seconds();
	test_bad_run_ends();
	test_cpu_is_not_the_provider();
	test_majority();
	return check_summary();
}
