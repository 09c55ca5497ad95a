/*-------------------------------------------------------------------------
 *
 * quality_model.c
 *	  Connection quality: what a client measured in, a number 0..100 out.
 *
 * A call is as good as its weakest part, so the lowest of the parts counts and
 * not their mean.  What is missing is neutral: a browser that cannot measure
 * something must not look worse than one that can.
 *
 * Whatever is in the metrics, even what quality_check rejects, the scores stay
 * within their ranges: they decide for a whole session, and clients send what
 * they like.
 *
 *-------------------------------------------------------------------------
 */
#include "quality_model.h"

#include <math.h>
#include <string.h>

/* ITU-T G.107, simplified: the rating of a call without delay and loss */
#define R_BEST 93.2

/* ms: encoding, packets and playing, with any network */
#define CODEC_DELAY 20

/* G.113's Bpl, how well a codec bears loss: Opus with and without repair */
#define LOSS_ROBUSTNESS_FEC 20
#define LOSS_ROBUSTNESS		10

/* points of video lost per percent lost, and per unit of ln(wanted / got) */
#define VIDEO_LOSS_WEIGHT 10
#define BITRATE_WEIGHT	  20
#define FPS_WEIGHT		  47
#define FREEZE_WEIGHT	  500

/* Worse shows soon and better slowly: no praise for one lucky sample. */
#define SMOOTH_DOWN 0.8
#define SMOOTH_UP	0.4

/* From any lower, getting better would take too many samples to show. */
#define QUALITY_FLOOR 20

/* For how long it must have been below QUALITY_DEGRADED_BELOW. */
#define DEGRADED_SECONDS 15

typedef struct MetricLimit
{
	const char *name;	 /* in the JSON that clients send */
	double		maximum; /* more than this cannot have been measured */
} MetricLimit;

static const MetricLimit limits[QUALITY_METRICS] = {
	[QUALITY_RTT_MS] = {"rtt_ms", 60000},
	[QUALITY_JITTER_MS] = {"jitter_ms", 60000},
	[QUALITY_JITTER_BUFFER_MS] = {"jitter_buffer_ms", 60000},
	[QUALITY_LOSS] = {"loss", 100},
	[QUALITY_VIDEO_LOSS] = {"video_loss", 100},
	[QUALITY_BITRATE_KBPS] = {"bitrate_kbps", 10000000},
	[QUALITY_TARGET_KBPS] = {"target_kbps", 10000000},
	[QUALITY_FPS] = {"fps", 1000},
	[QUALITY_EXPECTED_FPS] = {"expected_fps", 1000},
	[QUALITY_FREEZE_RATIO] = {"freeze_ratio", 1},
	[QUALITY_HEIGHT] = {"height", 16384},
	[QUALITY_AVAILABLE_KBPS] = {"available_kbps", 10000000},
};

const char *
quality_metric_name(QualityMetric metric)
{
	return limits[metric].name;
}

QualityMetric
quality_metric_named(const char *name)
{
	int metric = 0;

	while (metric < QUALITY_METRICS && strcmp(limits[metric].name, name) != 0)
		metric++;
	return (QualityMetric) metric;
}

void
quality_set(QualityMetrics *metrics, QualityMetric metric, double value)
{
	metrics->value[metric] = value;
	metrics->present |= 1U << metric;
}

bool
quality_has(const QualityMetrics *metrics, QualityMetric metric)
{
	return (metrics->present & (1U << metric)) != 0;
}

double
quality_get(const QualityMetrics *metrics, QualityMetric metric, double missing)
{
	return quality_has(metrics, metric) ? metrics->value[metric] : missing;
}

static const char *
fault_of(double value, double maximum)
{
	if (!isfinite(value))
		return "is not a finite number";
	if (value < 0)
		return "is negative";
	if (value > maximum)
		return "is too large";
	return NULL;
}

bool
quality_check(const QualityMetrics *metrics, QualityFault *fault)
{
	for (int i = 0; i < QUALITY_METRICS; i++)
	{
		fault->metric = (QualityMetric) i;
		fault->maximum = limits[i].maximum;
		fault->reason = fault_of(quality_get(metrics, fault->metric, 0), fault->maximum);
		if (fault->reason != NULL)
			return false;
	}
	return true;
}

/* The comparisons are such that a NaN becomes the lowest. */
static double
clamp(double value, double lowest, double highest)
{
	if (!(value > lowest))
		return lowest;
	return value < highest ? value : highest;
}

/*
 * ITU-T G.107 in the simplified form of Cole and Rosenbluth, for Opus: what
 * delay and loss take from the best rating.  The delay is one way, mouth to
 * ear; a jitter buffer holds about twice the jitter.
 */
double
quality_r_factor(const QualityMetrics *metrics)
{
	double jitter = quality_get(metrics, QUALITY_JITTER_MS, 0);
	double buffer = quality_get(metrics, QUALITY_JITTER_BUFFER_MS, 2 * jitter);
	double delay = quality_get(metrics, QUALITY_RTT_MS, 0) / 2 + buffer + CODEC_DELAY;
	double loss = quality_get(metrics, QUALITY_LOSS, 0);
	double robustness = metrics->fec ? LOSS_ROBUSTNESS_FEC : LOSS_ROBUSTNESS;
	double delay_impairment = 0.024 * delay + 0.11 * fmax(0, delay - 177.3);
	double loss_impairment = 95 * loss / (loss + robustness);

	return clamp(R_BEST - delay_impairment - loss_impairment, 0, R_BEST);
}

/* G.107 annex B; below R = 6.5 its curve would dip under the worst score. */
double
quality_mos(double r)
{
	double rating = clamp(r, 0, 100);

	return clamp(1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating), 1, 4.5);
}

/* What is left of 100 when less came than was wanted; needs both numbers. */
static double
after_shortfall(const QualityMetrics *metrics, QualityMetric got, QualityMetric wanted,
				double weight)
{
	double came = quality_get(metrics, got, HUGE_VAL);
	double expected = quality_get(metrics, wanted, 0);

	if (came >= expected)
		return 100;
	if (came <= 0)
		return 0;
	return 100 - weight * log(expected / came);
}

/* Without a height, any other measure of a picture says that there is one. */
static bool
has_video(const QualityMetrics *metrics)
{
	const unsigned of_video = 1U << QUALITY_VIDEO_LOSS | 1U << QUALITY_BITRATE_KBPS |
							  1U << QUALITY_FPS | 1U << QUALITY_FREEZE_RATIO;

	if (quality_has(metrics, QUALITY_HEIGHT))
		return metrics->value[QUALITY_HEIGHT] > 0;
	return (metrics->present & of_video) != 0;
}

/*
 * Loss and bitrate weigh as in LiveKit's scorer, frames as in rtcscore brought
 * to 0..100.  A loss that is not given apart is that of the video too.
 */
static double
video_score(const QualityMetrics *metrics)
{
	double loss = quality_get(metrics, QUALITY_LOSS, 0);
	double parts[4];
	double worst = 100;

	if (!has_video(metrics))
		return 100;

	parts[0] = 100 - VIDEO_LOSS_WEIGHT * quality_get(metrics, QUALITY_VIDEO_LOSS, loss);
	parts[1] = 100 - FREEZE_WEIGHT * quality_get(metrics, QUALITY_FREEZE_RATIO, 0);
	parts[2] = after_shortfall(metrics, QUALITY_BITRATE_KBPS, QUALITY_TARGET_KBPS, BITRATE_WEIGHT);
	parts[3] = after_shortfall(metrics, QUALITY_FPS, QUALITY_EXPECTED_FPS, FPS_WEIGHT);
	for (int i = 0; i < 4; i++)
		worst = fmin(worst, clamp(parts[i], 0, 100));
	return worst;
}

/* Targets, heights and estimates alone say nothing about what arrived. */
static bool
measures_something(const QualityMetrics *metrics)
{
	const unsigned alone = 1U << QUALITY_RTT_MS | 1U << QUALITY_JITTER_MS |
						   1U << QUALITY_JITTER_BUFFER_MS | 1U << QUALITY_LOSS |
						   1U << QUALITY_VIDEO_LOSS | 1U << QUALITY_FREEZE_RATIO;
	const unsigned bitrate = 1U << QUALITY_BITRATE_KBPS | 1U << QUALITY_TARGET_KBPS;
	const unsigned frames = 1U << QUALITY_FPS | 1U << QUALITY_EXPECTED_FPS;

	return (metrics->present & alone) != 0 ||
		   (metrics->present & bitrate) == bitrate ||
		   (metrics->present & frames) == frames;
}

bool
quality_score(const QualityMetrics *metrics, QualityScore *score)
{
	if (metrics->muted || !measures_something(metrics))
		return false;

	score->r = quality_r_factor(metrics);
	score->mos = quality_mos(score->r);
	score->audio = clamp(score->r / R_BEST * 100, 0, 100);
	score->video = video_score(metrics);
	score->q = fmin(score->audio, score->video);
	return true;
}

const char *
quality_level(double quality)
{
	if (quality > 80)
		return "excellent";
	if (quality > 60)
		return "good";
	if (quality > 40)
		return "fair";
	if (quality > 20)
		return "poor";
	return "lost";
}

static double
smooth(double quality, double q)
{
	double weight = q < quality ? SMOOTH_DOWN : SMOOTH_UP;

	return quality + weight * (q - quality);
}

/*
 * A bad run is counted on the smoothed quality, so that one lucky sample does
 * not end it.  Where the CPU is too slow a bad picture is not the network's
 * fault, but bad audio still is.
 */
void
quality_track(QualityTrack *track, const QualityMetrics *metrics,
			  const QualityScore *score, double now)
{
	bool unbroken = track->known && now >= track->sampled_at &&
					now - track->sampled_at <= QUALITY_STALE_SECONDS;
	bool was_bad = track->bad && unbroken;

	track->quality = track->known ? smooth(track->quality, score->q) : score->q;
	track->quality = clamp(track->quality, QUALITY_FLOOR, 100);
	track->bad = track->quality < QUALITY_DEGRADED_BELOW &&
				 (!metrics->cpu_limited || score->audio < QUALITY_DEGRADED_BELOW);
	if (track->bad && !was_bad)
		track->bad_since = now;
	track->sampled_at = now;
	track->known = true;
}

/* The run ends at the last sample: silence after a bad one proves nothing. */
bool
quality_is_degraded(const QualityTrack *track, double now)
{
	return track->known && track->bad &&
		   track->sampled_at - track->bad_since >= DEGRADED_SECONDS &&
		   now - track->sampled_at <= QUALITY_STALE_SECONDS;
}

/*
 * One bad member of several is that member's network.  A member alone cannot
 * be told from its own network, has nobody to talk to, and could otherwise
 * lower a provider's score as often as it likes: alone is never a majority.
 */
bool
quality_session_is_degraded(int members, int degraded)
{
	return members >= 2 && 2 * degraded > members;
}
