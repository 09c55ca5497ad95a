--
-- What is left of a participant's quality: one row for each session.
--
CREATE FUNCTION pg_temp.report(session text, who text, seconds numeric, video_loss numeric, at_epoch integer DEFAULT 1)
RETURNS integer LANGUAGE sql AS $$
	SELECT set_config('harthio.clock_offset', seconds::text, false);
	SELECT rung FROM harthio_report_quality(session, at_epoch, jsonb_build_object('video_loss', video_loss), who);
$$;
CREATE TEMP VIEW rows AS
	SELECT session_id, participant_id, samples, round(min_quality) AS min, round(avg_quality::numeric, 1) AS avg, round(max_quality) AS max,
		drops, switches, date_trunc('second', measured) AS measured, date_trunc('second', bad) AS bad, lowest_rung
	  FROM harthio.session_quality WHERE session_id LIKE 'sum-%';
SELECT epoch FROM unnest('{alice,bob,carol}'::text[]) w, harthio_claim_provider('sum-a', w);

-- 80, 20, 20 and better: one drop, ten bad seconds; a pause does not count
SELECT pg_temp.report('sum-a', 'alice', 0, 2), pg_temp.report('sum-a', 'alice', 5, 9), pg_temp.report('sum-a', 'alice', 10, 9),
	pg_temp.report('sum-a', 'alice', 15, 0), pg_temp.report('sum-a', 'alice', 100, 0), pg_temp.report('sum-a', 'alice', 105, 0);
SELECT pg_temp.report('sum-a', 'bob', 105, 4);
TABLE rows;

-- leaving, rolled back: it has not left, and nothing is lost
BEGIN;
SELECT harthio_leave_session('sum-a', 'alice');
TABLE rows;
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT harthio_leave_session('sum-a', 'alice');
ROLLBACK TO s;
COMMIT;
TABLE rows;
SELECT rung, session_rung FROM harthio_report_quality('sum-a', 1, '{}', 'bob');

-- leaving: a row; who leaves twice has not left twice
SELECT harthio_leave_session('sum-a', 'alice');
SELECT harthio_leave_session('sum-a', 'alice');
TABLE rows;
SELECT q.joined_at = p.joined_at AS joined, q.left_at >= p.left_at AS left, q.present > '0' AND q.present < '1 hour' AS present
  FROM harthio.session_quality q JOIN harthio.participant p USING (session_id, participant_id) WHERE session_id = 'sum-a';

-- coming back is being measured anew, and adds to the row
SELECT epoch FROM harthio_claim_provider('sum-a', 'alice');
SELECT score, rung FROM harthio_report_quality('sum-a', 1, '{}', 'alice');
SELECT pg_temp.report('sum-a', 'alice', 200, 5), pg_temp.report('sum-a', 'alice', 205, 9);
SELECT epoch FROM harthio_switch_provider('sum-a', 1);
SELECT pg_temp.report('sum-a', 'alice', 210, 9, 2), pg_temp.report('sum-a', 'alice', 215, 9, 2);

-- who came after the switch has seen none
SELECT epoch FROM harthio_claim_provider('sum-a', 'dave');
SELECT pg_temp.report('sum-a', 'dave', 215, 0, 2);

-- left and back again in one transaction: added once
BEGIN;
SELECT harthio_leave_session('sum-a', 'alice');
SELECT epoch FROM harthio_claim_provider('sum-a', 'alice');
SELECT harthio_leave_session('sum-a', 'alice');
COMMIT;
TABLE rows;

-- at the end, rolled back and then not: a row for each who is there and was measured
BEGIN;
SELECT epoch FROM harthio_end_session('sum-a');
ROLLBACK;
TABLE rows;
SELECT epoch FROM harthio_end_session('sum-a');
TABLE rows;
SELECT epoch FROM harthio_end_session('sum-a');
SELECT count(*) FROM rows;

-- an end that is prepared is as good as committed
SELECT epoch FROM harthio_claim_provider('sum-b', 'alice');
SELECT pg_temp.report('sum-b', 'alice', 300, 5);
BEGIN;
SELECT harthio_leave_session('sum-b', 'alice');
PREPARE TRANSACTION 'harthio';
COMMIT PREPARED 'harthio';
SELECT participant_id, samples FROM rows WHERE session_id = 'sum-b';
SELECT epoch FROM harthio_claim_provider('sum-b', 'alice');
SELECT harthio_leave_session('sum-b', 'alice');
SELECT participant_id, samples FROM rows WHERE session_id = 'sum-b';
RESET harthio.clock_offset;

-- it is nobody's but the operator's
SET ROLE authenticated;
SELECT * FROM harthio.session_quality;
SET harthio.clock_offset = 5;
SET harthio.switch_threshold = 5;
RESET ROLE;
SET ROLE regress_stranger;
SELECT harthio_report_quality('sum-a', 1, '{}');
RESET ROLE;
SELECT count(*) FROM pg_settings WHERE name = 'harthio.clock_offset';
