--
-- Which provider is chosen.
--
CREATE TEMP VIEW scores AS SELECT provider, score, band FROM harthio_providers();
INSERT INTO harthio.provider (provider, base_score, room_template, priority)
VALUES ('acme', 100, 'acme:{session_id}', 3);

-- the highest score wins, whatever an operator adds
SELECT provider, room FROM harthio_claim_provider('choice-1', 'alice');

-- of equals the one with the lower priority number, then the name
UPDATE harthio.provider SET base_score = 100, priority = 2 WHERE provider = 'acme';
INSERT INTO harthio.provider (provider, base_score, priority) VALUES ('beta', 100, 1), ('aaa', 100, 1);
SELECT provider FROM harthio_claim_provider('choice-2', 'alice');
DELETE FROM harthio.provider WHERE provider IN ('aaa', 'beta');
SELECT provider FROM harthio_claim_provider('choice-3', 'alice');

-- a disabled one is not chosen, and a session that is on it stays
UPDATE harthio.provider SET enabled = false WHERE provider = 'acme';
SELECT provider FROM harthio_claim_provider('choice-4', 'alice');
SELECT epoch, provider FROM harthio_claim_provider('choice-3', 'bob');
UPDATE harthio.provider SET enabled = true WHERE provider = 'acme';

-- what failed in a session is not chosen again in it while another is left,
-- even with a better score
SELECT epoch, provider FROM harthio_claim_provider('choice-5', 'alice');
SELECT epoch, provider FROM harthio_report_outcome('choice-5', 1, false, participant_id => 'alice');
SELECT epoch, provider FROM harthio_report_outcome('choice-5', 2, false, participant_id => 'alice');
TABLE scores;
-- when all have failed it is the best other one again
SELECT epoch, provider FROM harthio_report_outcome('choice-5', 3, false, participant_id => 'alice');
SELECT epoch, provider FROM harthio_report_outcome('choice-5', 4, false, participant_id => 'alice');

-- what failed before an end is forgotten
SELECT epoch, provider FROM harthio_end_session('choice-5');
TABLE scores;
SELECT epoch, provider, reason FROM harthio_claim_provider('choice-5', 'alice');

-- below min_score only when nothing else is left
SET harthio.min_score = 70;
SELECT provider FROM harthio_claim_provider('choice-6', 'alice');
UPDATE harthio.provider SET enabled = false WHERE provider = 'acme';
SELECT provider FROM harthio_claim_provider('choice-7', 'alice');
RESET harthio.min_score;

-- with one provider left, a failure starts its next epoch
UPDATE harthio.provider SET enabled = provider = 'p2p';
SELECT epoch, provider FROM harthio_claim_provider('choice-8', 'alice');
SELECT epoch, provider, is_new FROM harthio_report_outcome('choice-8', 1, false, participant_id => 'alice');

-- with none, the session stays where it is, and the failure counts
UPDATE harthio.provider SET enabled = false;
SELECT epoch, provider, is_new FROM harthio_report_outcome('choice-8', 2, false, participant_id => 'alice');
SELECT epoch, verdict FROM harthio.outcome WHERE session_id = 'choice-8' ORDER BY epoch;
SELECT harthio_claim_provider('choice-9', 'alice');

UPDATE harthio.provider SET enabled = true;
DELETE FROM harthio.provider WHERE provider = 'acme';
