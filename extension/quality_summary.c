/*-------------------------------------------------------------------------
 *
 * quality_summary.c
 *	  What is left of a participant's quality: one row for each session.
 *
 * Who comes back and leaves again is added to its row.  Nobody who was not
 * measured has one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "quality_summary.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "quality_notes.h"
#include "quality_store.h"
#include "statement.h"

/*
 * The numbers of a summary are given as one array.  An epoch is a switch if
 * there was a provider before it and there is one in it.
 */
static Statement add_statement = {
	.text = "INSERT INTO harthio.session_quality AS q"
			" SELECT p.session_id, p.participant_id, p.joined_at, clock_timestamp(),"
			"        clock_timestamp() - p.joined_at, make_interval(secs => $3[1]),"
			"        make_interval(secs => $3[2]), $3[3]::bigint, $3[4], $3[5], $3[6], $3[7]::integer,"
			"        (SELECT count(*) FROM harthio.assignment a JOIN harthio.assignment b"
			"             ON b.session_id = a.session_id AND b.epoch = a.epoch - 1"
			"          WHERE a.session_id = $1 AND a.assigned_at >= p.joined_at"
			"            AND a.provider IS NOT NULL AND b.provider IS NOT NULL),"
			"        $3[8]::integer"
			"   FROM harthio.participant p WHERE p.session_id = $1 AND p.participant_id = $2"
			" ON CONFLICT (session_id, participant_id) DO UPDATE SET"
			"        left_at = excluded.left_at,"
			"        present = q.present + excluded.present,"
			"        measured = q.measured + excluded.measured,"
			"        bad = q.bad + excluded.bad,"
			"        samples = q.samples + excluded.samples,"
			"        min_quality = least(q.min_quality, excluded.min_quality),"
			"        avg_quality = (q.avg_quality * q.samples + excluded.avg_quality * excluded.samples)"
			"                      / (q.samples + excluded.samples),"
			"        max_quality = greatest(q.max_quality, excluded.max_quality),"
			"        drops = q.drops + excluded.drops,"
			"        switches = q.switches + excluded.switches,"
			"        lowest_rung = least(q.lowest_rung, excluded.lowest_rung)",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, FLOAT8ARRAYOID},
};

static ArrayType *
numbers_of(const QualitySummary *summary)
{
	Datum numbers[] = {
		Float8GetDatum(summary->measured_seconds),
		Float8GetDatum(summary->bad_seconds),
		Float8GetDatum((double) summary->samples),
		Float8GetDatum(summary->min),
		Float8GetDatum(summary->sum / (double) summary->samples),
		Float8GetDatum(summary->max),
		Float8GetDatum(summary->drops),
		Float8GetDatum(rung_cap(summary->lowest)->height),
	};

	return construct_array(numbers, lengthof(numbers), FLOAT8OID,
						   sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

void
quality_left(const char *session_id, const List *participant_ids)
{
	ListCell *cell;

	foreach (cell, participant_ids)
	{
		const char	  *participant_id = lfirst(cell);
		QualityKey	   key = quality_store_key(session_id, participant_id);
		QualitySummary summary;

		/* who was not measured costs a look into shared memory */
		if (quality_store_summary(&key, &summary) && quality_note_left(&key))
		{
			Datum args[] = {CStringGetTextDatum(session_id),
							CStringGetTextDatum(participant_id),
							PointerGetDatum(numbers_of(&summary))};

			statement_run(&add_statement, args, NULL);
		}
	}
}
