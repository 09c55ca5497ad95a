--
-- harthio_report_outcome: one verdict a session-epoch and kind moves a score,
-- and a failure of the current epoch moves the session.
--
CREATE TEMP VIEW scores AS SELECT provider, score, successes, failures FROM harthio_providers();
SELECT epoch, provider FROM harthio_claim_provider('outcome', 'alice');
SELECT epoch FROM harthio_claim_provider('outcome', 'bob');
TABLE scores;

-- success: +5, once, however many report it
SELECT epoch, provider, is_new FROM harthio_report_outcome('outcome', 1, true, 850, '{"net": "wifi"}', 'alice');
TABLE scores;
SELECT epoch, is_new FROM harthio_report_outcome('outcome', 1, true, 900, participant_id => 'bob');
SELECT epoch, is_new FROM harthio_report_outcome('outcome', 1, true, 901, participant_id => 'bob');
TABLE scores;

-- failure: -15, and everybody moves
SELECT epoch, provider, room, is_new, reason, claimed_by
  FROM harthio_report_outcome('outcome', 1, false, participant_id => 'bob');
TABLE scores;

-- a second report of the same failure changes nothing and tells where to go
SELECT epoch, provider, is_new FROM harthio_report_outcome('outcome', 1, false, participant_id => 'alice');
SELECT epoch, provider, is_new FROM harthio_report_outcome('outcome', 1, false, participant_id => 'bob');
TABLE scores;

-- so does a late success
SELECT epoch, provider FROM harthio_claim_provider('outcome', 'carol');
SELECT epoch, provider, is_new FROM harthio_report_outcome('outcome', 1, true, participant_id => 'carol');
TABLE scores;

-- every report is kept; only verdicts were scored
SELECT epoch, participant_id, success, verdict, provider, connect_ms, detail
  FROM harthio.outcome WHERE session_id = 'outcome' ORDER BY epoch, success DESC, participant_id;

-- who has left is heard and not scored
SELECT harthio_leave_session('outcome', 'carol');
SELECT epoch, is_new FROM harthio_report_outcome('outcome', 2, false, participant_id => 'carol');
SELECT verdict FROM harthio.outcome WHERE session_id = 'outcome' AND epoch = 2;
TABLE scores;

-- reporting in a transaction that is rolled back moves nothing
BEGIN;
SELECT epoch, provider FROM harthio_report_outcome('outcome', 2, false, participant_id => 'alice');
ROLLBACK;
SELECT epoch, provider FROM harthio_claim_provider('outcome', 'alice');
TABLE scores;
