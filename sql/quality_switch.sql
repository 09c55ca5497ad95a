--
-- A session whose quality stays bad: one verdict, and a switch to a provider
-- that is clearly better.
--
-- Each case has two providers of its own, of which nothing was learnt before.
CREATE FUNCTION pg_temp.begin_case(session text, VARIADIC who text[]) RETURNS void LANGUAGE sql AS $$
	UPDATE harthio.provider SET enabled = false;
	INSERT INTO harthio.provider (provider, base_score, priority)
		VALUES (session || '-1', 80, -2), (session || '-2', 70, -1);
	SELECT harthio_claim_provider(session, w) FROM unnest(who) w;
$$;
CREATE FUNCTION pg_temp.report(session text, seconds numeric, metrics jsonb, who text, at_epoch integer DEFAULT 1)
RETURNS TABLE (score numeric, session_rung integer, epoch integer, provider text, is_new boolean, reason text, claimed_by text)
LANGUAGE sql AS $$
	SELECT set_config('harthio.clock_offset', seconds::text, false);
	SELECT round(a.score::numeric, 1), a.session_rung, (a.assignment).epoch, (a.assignment).provider,
		(a.assignment).is_new, (a.assignment).reason, (a.assignment).claimed_by
	  FROM harthio_report_quality(session, at_epoch, metrics, who) a;
$$;
-- from one time to another, every five seconds, all of them
CREATE FUNCTION pg_temp.report_all(session text, first integer, last integer, metrics jsonb, who text[], at_epoch integer DEFAULT 1)
RETURNS TABLE (newest_epoch integer, switches bigint)
LANGUAGE sql AS $$
	SELECT max(r.epoch), count(*) FILTER (WHERE r.is_new)
	  FROM (SELECT * FROM generate_series(first, last, 5) t, unnest(who) w ORDER BY t, w) o,
		LATERAL pg_temp.report(session, t, metrics, w, at_epoch) r;
$$;
CREATE FUNCTION pg_temp.join(session text, VARIADIC who text[]) RETURNS void LANGUAGE sql AS $$
	SELECT harthio_claim_provider(session, w) FROM unnest(who) w;
$$;
CREATE FUNCTION pg_temp.verdicts(session text) RETURNS TABLE (epoch integer, participant_id text, success boolean, verdict boolean, provider text, detail jsonb)
LANGUAGE sql AS $$
	SELECT o.epoch, o.participant_id, o.success, o.verdict, o.provider, o.detail
	  FROM harthio.outcome o WHERE o.session_id = session ORDER BY 1, 2;
$$;
CREATE TEMP VIEW scores AS SELECT provider, score, failures FROM harthio_providers() WHERE provider LIKE 'bad-%' ORDER BY provider;

-- one bad member of three is that member's network
SELECT pg_temp.begin_case('one', 'alice', 'bob', 'carol');
SELECT * FROM pg_temp.report_all('one', 0, 60, '{"video_loss": 7}', '{alice}');
SELECT * FROM pg_temp.report('one', 60, '{"video_loss": 0}', 'bob');
SELECT * FROM pg_temp.verdicts('one');

-- of two, one is no majority either; of nobody else, even less
SELECT pg_temp.begin_case('two', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('two', 0, 60, '{"video_loss": 7}', '{alice}');
SELECT pg_temp.begin_case('solo', 'alice');
SELECT * FROM pg_temp.report_all('solo', 0, 60, '{"video_loss": 7}', '{alice}');
SELECT * FROM pg_temp.verdicts('solo');

-- a majority, but not for long enough
SELECT pg_temp.begin_case('brief', 'alice', 'bob', 'carol');
SELECT * FROM pg_temp.report_all('brief', 0, 10, '{"video_loss": 7}', '{alice,bob}');
SELECT * FROM pg_temp.report_all('brief', 15, 15, '{"video_loss": 0}', '{alice,bob}');
SELECT * FROM pg_temp.report_all('brief', 20, 30, '{"video_loss": 7}', '{alice,bob}');

-- a majority, but not at the same time: what was measured long ago is not known any more
SELECT pg_temp.begin_case('old', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('old', 1000, 1015, '{"video_loss": 7}', '{alice}');
SELECT * FROM pg_temp.report_all('old', 1020, 1035, '{"video_loss": 7}', '{bob}');
SELECT * FROM pg_temp.verdicts('old');
SELECT epoch FROM harthio_end_session('old');

-- an own CPU that is too slow is nobody's fault but the picture's
SELECT pg_temp.begin_case('cpu', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('cpu', 0, 60, '{"video_loss": 7, "cpu_limited": true}', '{alice,bob}');

-- a majority for 15 seconds: a verdict and a switch, told to who reports
SELECT pg_temp.begin_case('bad', 'alice', 'bob', 'carol');
TABLE scores;
SELECT * FROM pg_temp.report_all('bad', 0, 10, '{"video_loss": 7}', '{alice,bob}');
SELECT * FROM pg_temp.report('bad', 15, '{"video_loss": 7}', 'alice');
SELECT * FROM pg_temp.report('bad', 15, '{"video_loss": 7}', 'bob');
SELECT * FROM pg_temp.report('bad', 15, '{"video_loss": 7}', 'alice');
SELECT * FROM pg_temp.verdicts('bad');
SELECT epoch, provider, reason, claimed_by FROM harthio.assignment WHERE session_id = 'bad' ORDER BY epoch;
SELECT state ->> 'failedProvider' AS failed, state ->> 'newProvider' AS new, state ->> 'rung' AS rung FROM harthio_snapshot('{bad}');
TABLE scores;

-- there is no way back, though the score is high enough; the verdict is scored once
SELECT * FROM pg_temp.report_all('bad', 20, 60, '{"video_loss": 7}', '{alice,bob,carol}', 2);
SELECT * FROM pg_temp.verdicts('bad');
TABLE scores;
SELECT * FROM pg_temp.report('bad', 60, '{"video_loss": 7}', 'alice', 2);

-- anew after an end
SELECT epoch FROM harthio_end_session('bad');
SELECT pg_temp.join('bad', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('bad', 100, 115, '{"video_loss": 7}', '{alice,bob}', 4);

-- what measures the new provider begins anew: who was bad before is not bad yet
SELECT pg_temp.begin_case('anew', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('anew', 0, 10, '{"video_loss": 7}', '{alice,bob}');
SELECT epoch FROM harthio_switch_provider('anew', 1);
SELECT * FROM pg_temp.report_all('anew', 15, 25, '{"video_loss": 7}', '{alice,bob}', 2);
SELECT * FROM pg_temp.verdicts('anew');

-- 20 seconds between two switches: bad for 15 of them is not enough
SELECT pg_temp.begin_case('soon', 'alice', 'bob');
SELECT epoch FROM harthio_switch_provider('soon', 1);
SELECT * FROM pg_temp.report_all('soon', 0, 15, '{"video_loss": 7}', '{alice,bob}', 2);
SELECT * FROM pg_temp.verdicts('soon');
SELECT * FROM pg_temp.report_all('soon', 20, 20, '{"video_loss": 7}', '{alice,bob}', 2);
SELECT epoch, participant_id, verdict FROM pg_temp.verdicts('soon');

-- four switches a session
SELECT pg_temp.begin_case('four', 'alice', 'bob');
SELECT epoch FROM generate_series(1, 4) e, LATERAL harthio_switch_provider('four', e);
SELECT * FROM pg_temp.report_all('four', 20, 60, '{"video_loss": 7}', '{alice,bob}', 5);
SELECT * FROM pg_temp.verdicts('four');
SELECT epoch FROM harthio_end_session('four');
SELECT pg_temp.join('four', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('four', 100, 115, '{"video_loss": 7}', '{alice,bob}', 7);

-- better, but by no more than the threshold: a verdict, and everybody stays; until it is more
SELECT pg_temp.begin_case('stay', 'alice', 'bob');
SET harthio.switch_threshold = 40;
SELECT * FROM pg_temp.report_all('stay', 0, 30, '{"video_loss": 7}', '{alice,bob}');
SELECT epoch, participant_id, verdict FROM pg_temp.verdicts('stay');
SET harthio.switch_threshold = 39;
SELECT * FROM pg_temp.report('stay', 35, '{"video_loss": 7}', 'alice');
SELECT epoch, participant_id, verdict FROM pg_temp.verdicts('stay');
RESET harthio.switch_threshold;

-- what it has is what most have, however good it is for the others
SELECT pg_temp.begin_case('most', 'alice', 'bob', 'carol');
SELECT count(*) FROM generate_series(0, 15, 5) t, pg_temp.report('most', t, '{"video_loss": 0}', 'carol');
SELECT * FROM pg_temp.report_all('most', 0, 15, '{"video_loss": 7}', '{alice,bob}');

-- what it has is never more than its provider's score
UPDATE harthio.provider SET enabled = false;
INSERT INTO harthio.provider (provider, base_score) VALUES ('low-0', 5);
SELECT pg_temp.join('low', 'alice', 'bob');
INSERT INTO harthio.provider (provider, base_score) VALUES ('low-1', 70);
SET harthio.switch_threshold = 60;
SELECT * FROM pg_temp.report_all('low', 0, 15, '{"video_loss": 7}', '{alice,bob}');
SELECT provider, reason FROM harthio.assignment WHERE session_id = 'low' AND epoch = 2;
RESET harthio.switch_threshold;

-- nowhere else to go; who is well says nothing against the provider
SELECT pg_temp.begin_case('alone', 'alice', 'bob', 'carol');
UPDATE harthio.provider SET enabled = false WHERE provider = 'alone-2';
SELECT newest_epoch, switches FROM pg_temp.report_all('alone', 0, 30, '{"video_loss": 7}', '{alice,bob}');
SELECT epoch, provider FROM pg_temp.report('alone', 30, '{"video_loss": 0}', 'carol');
SELECT epoch, participant_id, verdict FROM pg_temp.verdicts('alone');

-- a transaction that is rolled back moves nobody
SELECT pg_temp.begin_case('undone', 'alice', 'bob');
SELECT * FROM pg_temp.report_all('undone', 0, 10, '{"video_loss": 7}', '{alice,bob}');
BEGIN;
SELECT newest_epoch FROM pg_temp.report_all('undone', 15, 15, '{"video_loss": 7}', '{alice,bob}');
ROLLBACK;
SELECT * FROM pg_temp.verdicts('undone');
SELECT epoch FROM harthio_claim_provider('undone', 'alice');
SELECT epoch, is_new FROM pg_temp.report('undone', 15, '{"video_loss": 7}', 'alice');

RESET harthio.clock_offset;
DELETE FROM harthio.provider WHERE provider ~ '-[0-2]$';
UPDATE harthio.provider SET enabled = true;
