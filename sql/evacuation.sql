--
-- Taking a provider out of service.
--
INSERT INTO harthio.provider (provider, base_score, room_template) VALUES
	('old', 50, 'old/{session_id}'), ('new', 50, 'new/{session_id}');
CREATE TEMP TABLE enabled AS SELECT provider FROM harthio.provider WHERE enabled AND provider NOT IN ('old', 'new');
UPDATE harthio.provider SET enabled = provider = 'old';
SELECT count((harthio_claim_provider('evacuation-' || n, 'alice')).epoch) FROM generate_series(1, 205) n;
SELECT provider FROM harthio_claim_provider('evacuation-ended', 'alice');
SELECT epoch FROM harthio_end_session('evacuation-ended');
CREATE TEMP VIEW sessions AS
	SELECT provider, max(epoch) AS epoch, reason, claimed_by = session_user AS by_me, count(*) FROM
		(SELECT DISTINCT ON (session_id) * FROM harthio.assignment WHERE session_id LIKE 'evacuation-%' ORDER BY session_id, epoch DESC) a
	 WHERE provider IS NOT NULL GROUP BY provider, reason, 4 ORDER BY 1, 2;
CREATE TEMP VIEW evacuations AS
	SELECT provider, requested_by = session_user AS by_me, sessions, moved, finished_at IS NOT NULL AS finished FROM harthio.evacuation;

-- nowhere to go, nobody known
\set SHOW_CONTEXT never
DO $$ BEGIN PERFORM harthio_evacuate_provider('old'); EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM harthio_evacuate_provider('no-such'); EXCEPTION WHEN undefined_object THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM harthio_drain_provider('no-such'); EXCEPTION WHEN undefined_object THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM harthio_enable_provider(''); EXCEPTION WHEN undefined_object THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
DO $$ BEGIN PERFORM harthio_evacuate_provider(NULL); EXCEPTION WHEN null_value_not_allowed THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
SELECT enabled FROM harthio.provider WHERE provider = 'old';

-- drained: it gets no new sessions, and those on it stay
SELECT harthio_enable_provider('new');
SELECT harthio_drain_provider('old');
SELECT provider FROM harthio_claim_provider('evacuation-after', 'alice');
SELECT * FROM harthio.sweep();
TABLE sessions;
SELECT harthio_enable_provider('old');
SELECT provider, enabled FROM harthio.provider WHERE provider IN ('old', 'new') ORDER BY 1;

-- evacuated: these go, too, to where they can; in one transaction here, so
-- that the sweeper does not help
BEGIN;
SELECT harthio_evacuate_provider('old');
TABLE evacuations;
SELECT * FROM harthio.sweep();
TABLE evacuations;
TABLE sessions;
ROLLBACK;

-- enabled again meanwhile: it is cancelled
BEGIN;
SELECT harthio_evacuate_provider('old');
SELECT harthio_enable_provider('old');
TABLE evacuations;
SELECT * FROM harthio.sweep();
ROLLBACK;
BEGIN;
SELECT harthio_evacuate_provider('old');
UPDATE harthio.provider SET enabled = true WHERE provider = 'old';
SELECT * FROM harthio.sweep();
TABLE evacuations;
ROLLBACK;

-- what has nowhere to go stays, and is tried again
BEGIN;
SELECT harthio_evacuate_provider('old');
SELECT harthio_drain_provider('new');
SELECT * FROM harthio.sweep();
TABLE evacuations;
SELECT harthio_enable_provider('new');
SELECT * FROM harthio.sweep();
TABLE evacuations;
ROLLBACK;

-- the sweeper does it by itself, at once: its next round is a day away
SELECT harthio_evacuate_provider('old');
DO $$
BEGIN
	FOR i IN 1 .. 1800 LOOP
		EXIT WHEN EXISTS (SELECT FROM harthio.evacuation WHERE finished_at IS NOT NULL);
		COMMIT;
		PERFORM pg_sleep(0.1);
	END LOOP;
END $$;
TABLE evacuations;
TABLE sessions;

-- for backends, not for clients
SELECT r.role, p.proname FROM (VALUES ('authenticated'), ('service_role'), ('harthio_notifier')) AS r(role),
	pg_proc p WHERE p.proname ~ '^harthio_.*_provider$' AND p.proname !~ 'claim|switch'
	AND has_function_privilege(r.role, p.oid, 'EXECUTE') ORDER BY 1, 2;

DELETE FROM harthio.assignment WHERE session_id LIKE 'evacuation-%';
DELETE FROM harthio.participant WHERE session_id LIKE 'evacuation-%';
DELETE FROM harthio.provider WHERE provider IN ('old', 'new');
SELECT count(*) FROM harthio.evacuation;
UPDATE harthio.provider SET enabled = true WHERE provider IN (TABLE enabled);
