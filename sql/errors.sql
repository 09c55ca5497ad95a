--
-- Every error: what it is called, and what it tells.
--
CREATE FUNCTION pg_temp.try(command text) RETURNS TABLE (code text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	code := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
\x on
SELECT epoch FROM harthio_claim_provider('errors', 'alice');

-- session ids
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider('') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_claim_provider('a b') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_claim_provider('a/b') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_claim_provider('é') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_claim_provider(repeat('x', 129)) $$);
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider(NULL) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_session('a b') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_snapshot(NULL) $$);

-- unknown session
SELECT * FROM pg_temp.try($$ SELECT harthio_report_outcome('nowhere', 1, true) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_switch_provider('nowhere', 1) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_leave_session('nowhere') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_end_session('nowhere') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_session('nowhere') $$);

-- epochs
SELECT * FROM pg_temp.try($$ SELECT harthio_report_outcome('errors', 2, true, participant_id => 'alice') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', 2) $$);
SELECT * FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', 0) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', NULL) $$);

-- not a participant
SELECT * FROM pg_temp.try($$ SELECT harthio_report_outcome('errors', 1, true, participant_id => 'eve') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_leave_session('errors', 'eve') $$);

-- session full
SET harthio.max_participants = 1;
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider('errors', 'bob') $$);
RESET harthio.max_participants;

-- no provider enabled
UPDATE harthio.provider SET enabled = false;
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider('errors-none', 'alice') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', 1) $$);
UPDATE harthio.provider SET enabled = true;

-- other arguments
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider('errors', '') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_claim_provider('errors', repeat('x', 256)) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_claim_provider('errors', E'a\nb') $$);
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider('errors', 'alice', '[]') $$);
SELECT code, message, detail ~ '^It takes \d+ bytes; at most 8192 are kept.$' AS detail, hint
  FROM pg_temp.try($$ SELECT harthio_claim_provider('errors', 'alice', jsonb_build_object('x', repeat('x', 9000))) $$);
SELECT * FROM pg_temp.try($$ SELECT harthio_report_outcome('errors', 1, true, -1, participant_id => 'alice') $$);
SELECT * FROM pg_temp.try($$ SELECT harthio_report_outcome('errors', 1, NULL, participant_id => 'alice') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_report_outcome('errors', 1, true, 1, '7', 'alice') $$);
SELECT * FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', 1, '') $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', 1, repeat('x', 129)) $$);

-- a room that does not fit
INSERT INTO harthio.provider (provider, base_score, room_template)
VALUES ('endless', 100, repeat('{session_id}', 40));
SELECT * FROM pg_temp.try($$ SELECT harthio_claim_provider(repeat('x', 64) || '-long-room', 'alice') $$);
DELETE FROM harthio.provider WHERE provider = 'endless';

-- a session that has ended
SELECT epoch FROM harthio_end_session('errors');
SELECT * FROM pg_temp.try($$ SELECT harthio_switch_provider('errors', 2) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_report_outcome('errors', 2, false, participant_id => 'alice') $$);

-- none of it left anything behind
SELECT session_id, epoch, provider FROM harthio.assignment WHERE session_id LIKE 'errors%' ORDER BY 1, 2;
