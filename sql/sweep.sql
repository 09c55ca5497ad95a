--
-- Sessions that everybody has left end, and what is old is removed.
--
CREATE PROCEDURE pg_temp.later(session text, span interval) LANGUAGE sql AS $$
	UPDATE harthio.vacancy SET since = since - span WHERE session_id = session;
	UPDATE harthio.assignment SET assigned_at = assigned_at - span WHERE session_id = session;
	UPDATE harthio.outcome SET reported_at = reported_at - span WHERE session_id = session $$;
CREATE TEMP VIEW what_is_left AS
	SELECT 'assignment' AS "table", session_id, count(*) FROM harthio.assignment WHERE session_id LIKE 'sweep%' GROUP BY 2
	UNION ALL SELECT 'outcome', session_id, count(*) FROM harthio.outcome WHERE session_id LIKE 'sweep%' GROUP BY 2
	UNION ALL SELECT 'participant', session_id, count(*) FROM harthio.participant WHERE session_id LIKE 'sweep%' GROUP BY 2
	UNION ALL SELECT 'vacancy', session_id, count(*) FROM harthio.vacancy WHERE session_id LIKE 'sweep%' GROUP BY 2
	ORDER BY 2, 1;

SELECT count((harthio_claim_provider('sweep', p)).epoch) FROM unnest('{alice,bob}'::text[]) p;
SELECT epoch FROM harthio_claim_provider('sweep-open', 'alice');

-- somebody is left: nothing ends, and the note is forgotten
SELECT harthio_leave_session('sweep', 'alice');
CALL pg_temp.later('sweep', '301 s');
SELECT * FROM harthio.sweep();
TABLE what_is_left;

-- nobody is left, but not for long enough
SELECT harthio_leave_session('sweep', 'bob');
CALL pg_temp.later('sweep', '295 s');
SELECT * FROM harthio.sweep();

-- somebody came and went meanwhile: it counts from then
SELECT epoch FROM harthio_claim_provider('sweep', 'bob');
SELECT harthio_leave_session('sweep', 'bob');
CALL pg_temp.later('sweep', '295 s');
SELECT * FROM harthio.sweep();

-- never, if so set
SET harthio.session_ttl = 0;
CALL pg_temp.later('sweep', '6 s');
SELECT * FROM harthio.sweep();
RESET harthio.session_ttl;

-- now
SELECT * FROM harthio.sweep();
SELECT epoch, provider, room, reason, claimed_by FROM harthio.assignment WHERE session_id = 'sweep' AND epoch > 1;
SELECT harthio_session('sweep') -> 'reason' AS reason;
SELECT * FROM harthio.sweep();

-- an end takes the note with it, whoever ended
SELECT epoch FROM harthio_claim_provider('sweep-ended', 'alice');
SELECT harthio_leave_session('sweep-ended', 'alice');
SELECT epoch FROM harthio_end_session('sweep-ended');
CALL pg_temp.later('sweep-ended', '301 s');
SELECT * FROM harthio.sweep();
SELECT count(*) FROM harthio.vacancy WHERE session_id LIKE 'sweep%';

-- it can be claimed anew
SELECT epoch, is_new, reason FROM harthio_claim_provider('sweep', 'carol');
SELECT epoch FROM harthio_report_outcome('sweep', 3, true, participant_id => 'carol');
SELECT session_rung FROM harthio_report_quality('sweep', 3, '{"rtt_ms": 40}', 'carol');
SELECT epoch FROM harthio_end_session('sweep');
SELECT epoch FROM harthio_report_outcome('sweep-open', 1, true, participant_id => 'alice');
TABLE what_is_left;

-- what ended is kept for a time
CALL pg_temp.later('sweep', '29 days');
SELECT * FROM harthio.sweep();
-- of an open session only old outcomes go, and an end may be later than all else
UPDATE harthio.assignment SET assigned_at = assigned_at - interval '31 days' WHERE session_id = 'sweep' AND epoch < 4;
CALL pg_temp.later('sweep-open', '31 days');
SELECT * FROM harthio.sweep();
TABLE what_is_left;
-- for ever, if so set
CALL pg_temp.later('sweep', '2 days');
SET harthio.retention = 0;
SELECT * FROM harthio.sweep();
RESET harthio.retention;
-- or else it is gone, and can begin again
SELECT * FROM harthio.sweep();
TABLE what_is_left;
-- from every table that knows sessions
SELECT format('SELECT %L AS "table" FROM %s WHERE session_id = %L', c.oid::regclass, c.oid::regclass, 'sweep')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'harthio'::regnamespace AND c.relkind = 'r' AND a.attname = 'session_id'
 ORDER BY c.relname \gexec
SELECT epoch, is_new, reason FROM harthio_claim_provider('sweep', 'carol');

-- more than fit into one batch
SELECT count((harthio_claim_provider('sweep-many-' || n, 'alice')).epoch) FROM generate_series(1, 350) n;
SELECT count(*) FILTER (WHERE harthio_leave_session('sweep-many-' || n, 'alice')) AS left FROM generate_series(1, 350) n;
UPDATE harthio.vacancy SET since = since - interval '301 s' WHERE session_id LIKE 'sweep-many-%';
SELECT * FROM harthio.sweep();
UPDATE harthio.assignment SET assigned_at = assigned_at - interval '31 days' WHERE session_id LIKE 'sweep-many-%';
SELECT * FROM harthio.sweep();

-- it looks again after it has locked, which needs fresh snapshots
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM harthio.sweep();
ROLLBACK;

-- how the settings read
SELECT name, current_setting(name), context FROM pg_settings
 WHERE name IN ('harthio.leave_grace', 'harthio.session_ttl', 'harthio.retention') ORDER BY name;
