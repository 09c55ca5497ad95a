/*-------------------------------------------------------------------------
 *
 * quality_samples.h
 *	  What may have been measured of connections, and what it asks for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef QUALITY_SAMPLES_H
#define QUALITY_SAMPLES_H

#include "check.h"
#include "ladder.h"
#include "quality_model.h"

static uint64_t seed = 20260901;

static inline unsigned
draw(unsigned below)
{
	return (unsigned) (next_random(&seed) % below);
}

static inline QualityMetrics
network(double rtt, double jitter, double loss)
{
	QualityMetrics metrics = {.fec = true};

	quality_set(&metrics, QUALITY_RTT_MS, rtt);
	quality_set(&metrics, QUALITY_JITTER_MS, jitter);
	quality_set(&metrics, QUALITY_LOSS, loss);
	return metrics;
}

static inline QualityMetrics
one_metric(QualityMetric metric, double value)
{
	QualityMetrics metrics = {.present = 0};

	quality_set(&metrics, metric, value);
	return metrics;
}

static inline QualityMetrics
two_metrics(QualityMetric one, double value, QualityMetric other, double other_value)
{
	QualityMetrics metrics = one_metric(one, value);

	quality_set(&metrics, other, other_value);
	return metrics;
}

static inline QualityScore
score_of(QualityMetrics metrics)
{
	QualityScore score = {.q = -1};

	CHECK(quality_score(&metrics, &score));
	return score;
}

static inline bool
within(double value, double lowest, double highest)
{
	return value >= lowest && value <= highest;
}

static inline bool
in_range(const QualityScore *score)
{
	return within(score->r, 0, 93.2) && within(score->mos, 1, 4.5) &&
		   within(score->audio, 0, 100) && within(score->video, 0, 100) &&
		   within(score->q, 0, 100);
}

static inline Rung
lowest_of(const LadderMember *members, int count)
{
	Rung lowest = RUNG_720;

	for (int i = 0; i < count; i++)
		lowest = rung_lower(lowest, members[i].place.rung);
	return lowest;
}

#endif
