--
-- Scores: clamps, bands, and what a restart would find.
--
INSERT INTO harthio.provider (provider, base_score, priority) VALUES ('top', 100, 0), ('bottom', 10, 0);
CREATE TEMP VIEW scores AS SELECT provider, score, band, successes, failures FROM harthio_providers()
 WHERE provider IN ('top', 'bottom');
TABLE scores;

-- never above 100
SELECT provider FROM harthio_claim_provider('scores-1', 'alice');
SELECT epoch FROM harthio_report_outcome('scores-1', 1, true, participant_id => 'alice');
TABLE scores;

-- down through the bands, by a participant of its own each time
CREATE FUNCTION pg_temp.fail(provider text, session_id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE harthio.provider p SET enabled = p.provider = fail.provider;
	PERFORM harthio_claim_provider(session_id, 'of ' || session_id);
	PERFORM harthio_report_outcome(session_id, 1, false, participant_id => 'of ' || session_id);
	RETURN session_id;
END $$;
SELECT pg_temp.fail('top', 'scores-2');
TABLE scores;
SELECT pg_temp.fail('top', 'scores-3');
SELECT pg_temp.fail('top', 'scores-4');
TABLE scores;
SELECT pg_temp.fail('top', 'scores-5');
SELECT pg_temp.fail('top', 'scores-6');
TABLE scores;

-- never below 0
SELECT pg_temp.fail('bottom', 'scores-7');
TABLE scores;

-- the points are settings
SET harthio.failure_points = 1;
SELECT pg_temp.fail('top', 'scores-8');
SET harthio.success_points = 50;
SELECT epoch FROM harthio_report_outcome('scores-8', 2, true, participant_id => 'of scores-8');
TABLE scores;
RESET harthio.failure_points;
RESET harthio.success_points;

-- two verdicts of one transaction both count
BEGIN;
SELECT pg_temp.fail('bottom', 'scores-9'), pg_temp.fail('top', 'scores-10');
-- not before it has committed
TABLE scores;
COMMIT;
TABLE scores;

-- the table follows within a second or two
CREATE PROCEDURE pg_temp.await_scores() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		COMMIT;		-- a new snapshot each time
		EXIT WHEN NOT EXISTS (
			SELECT FROM harthio_providers() p LEFT JOIN harthio.provider_score s USING (provider)
			 WHERE p.last_outcome_at IS NOT NULL
			   AND (p.score, p.successes, p.failures, p.last_outcome_at)
			       IS DISTINCT FROM (s.score, s.successes, s.failures, greatest(s.last_success_at, s.last_failure_at)));
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
CALL pg_temp.await_scores();
SELECT provider, score, successes, failures FROM harthio.provider_score
 WHERE provider IN ('top', 'bottom') ORDER BY provider;

-- a provider that is gone takes its score along
UPDATE harthio.provider SET enabled = true;
DELETE FROM harthio.provider WHERE provider IN ('top', 'bottom');
SELECT provider FROM harthio.provider_score WHERE provider IN ('top', 'bottom');

-- a new installation begins anew
DROP VIEW scores;
DROP EXTENSION harthio;
CREATE EXTENSION harthio;
SELECT provider, score, band, successes, failures, last_outcome_at FROM harthio_providers();
