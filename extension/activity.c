/*-------------------------------------------------------------------------
 *
 * activity.c
 *	  What has happened since the server started.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

#include "change_ring.h"
#include "harthio.h"
#include "score.h"

PG_FUNCTION_INFO_V1(harthio_activity);

/* For how long something has been waiting, in milliseconds. */
static double
waiting_ms(TimestampTz since)
{
	if (TIMESTAMP_IS_NOBEGIN(since))
		return 0;
	return (double) Max(GetCurrentTimestamp() - since, 0) / 1000;
}

/*
 * The one row of harthio.activity.
 */
Datum
harthio_activity(PG_FUNCTION_ARGS)
{
	TupleDesc	  desc;
	Datum		  values[17];
	bool		  nulls[17] = {0};
	ScoreActivity scores;
	RingActivity  ring;

	harthio_require_ready();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	score_activity(&scores);
	change_ring_activity(&ring);

	values[0] = Int64GetDatum((int64) scores.opened);
	values[1] = Int64GetDatum((int64) scores.switched);
	values[2] = Int64GetDatum((int64) scores.ended);
	values[3] = Int64GetDatum((int64) scores.choices[POLICY_PROBE]);
	values[4] = Int64GetDatum((int64) scores.choices[POLICY_RETRY]);
	values[5] = Int64GetDatum((int64) scores.choices[POLICY_PANIC]);
	values[6] = Int32GetDatum(ring.size);
	values[7] = Int32GetDatum(ring.depth);
	values[8] = Int64GetDatum((int64) ring.changes);
	values[9] = Int64GetDatum((int64) ring.overflows);
	values[10] = Int32GetDatum(ring.publisher_pid);
	nulls[10] = ring.publisher_pid == 0;
	values[11] = Float8GetDatum(waiting_ms(ring.waiting_since));
	values[12] = Int64GetDatum((int64) ring.batches);
	values[13] = Int32GetDatum(ring.last_batch);
	values[14] = Int32GetDatum(ring.largest_batch);
	values[15] = Float8GetDatum((double) ring.last_lag_us / 1000);
	values[16] = TimestampTzGetDatum(ring.last_published_at);
	nulls[16] = TIMESTAMP_IS_NOBEGIN(ring.last_published_at);

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
