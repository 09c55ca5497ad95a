/*-------------------------------------------------------------------------
 *
 * quality_metrics.h
 *	  The metrics that a client sends, as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_QUALITY_METRICS_H
#define HARTHIO_QUALITY_METRICS_H

#include "fmgr.h"

#include "quality_model.h"

/*
 * Read a jsonb object.  What is missing or null was not measured, and what is
 * unknown is left alone, since browsers differ; but a known metric that is not
 * what it should be raises 22023.
 */
extern QualityMetrics quality_metrics_read(Datum object);

#endif /* HARTHIO_QUALITY_METRICS_H */
