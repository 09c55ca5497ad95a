--
-- How providers are left and tried again.
--
DROP EXTENSION harthio CASCADE;
CREATE EXTENSION harthio;
CREATE TEMP VIEW scores AS
	SELECT scope, provider, score, breaker, reason, sessions FROM harthio.provider_scores() ORDER BY scope, provider;
CREATE FUNCTION pg_temp.claim(session_id text, info jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT provider FROM harthio_claim_provider(session_id, 'of ' || session_id, info)
$$;
CREATE FUNCTION pg_temp.report(session_id text, success boolean) RETURNS text LANGUAGE sql AS $$
	SELECT o.epoch || ' ' || o.provider FROM harthio_session(session_id) s,
		harthio_report_outcome(session_id, (s ->> 'epoch')::integer, success, participant_id => 'of ' || session_id) o
$$;

-- three failures in a row, each of another reporter, and it is left alone
SELECT pg_temp.claim('p-' || n) FROM generate_series(1, 3) n;
SELECT sessions FROM scores;
SELECT pg_temp.report('p-1', false);
SELECT pg_temp.report('p-2', false);
TABLE scores;
SELECT pg_temp.report('p-3', false);
TABLE scores;
SELECT pg_temp.claim('p-4');

-- a session whose fallback fails stays there rather than go to what is known to be dead
SELECT pg_temp.report('p-4', false);
SELECT provider, breaker FROM scores;

-- a health check alone does not end the time out, when it has never seen anything wrong
SELECT harthio_report_probe('daily', true, 20), harthio_report_probe('daily', true, 20);
SELECT provider, breaker FROM scores;
-- after a failed one two good ones in a row do
SELECT harthio_report_probe('daily', false);
SELECT harthio_report_probe('daily', true, 30);
SELECT provider, breaker FROM scores;
SELECT harthio_report_probe('daily', true, 31);
SELECT provider, breaker, probe_ok, probe_latency_ms FROM harthio.provider_scores() ORDER BY provider;

-- then single sessions try it
SELECT pg_temp.claim('p-5');
SELECT pg_temp.claim('p-6');
-- asked again the same session gets the same answer
SELECT pg_temp.claim('p-5');
SELECT pg_temp.report('p-5', true);
SELECT pg_temp.claim('p-7');
SELECT pg_temp.claim('p-8');
-- and after five successes it is in use again, not worse than at first
SELECT pg_temp.report('p-7', true);
SELECT format('SELECT pg_temp.claim(%1$L), pg_temp.report(%1$L, true)', 'p-' || n) FROM generate_series(9, 11) n \gexec
SELECT provider, score, breaker FROM scores;
SELECT pg_temp.claim('p-15'), pg_temp.claim('p-16');

-- failed health checks keep sessions away before a call has failed
SELECT harthio_report_probe('daily', false);
SELECT pg_temp.claim('p-17');
SELECT harthio_report_probe('daily', false);
SELECT provider, breaker, reason FROM scores;
SELECT pg_temp.claim('p-18');

-- not for everybody, and not about anything
SELECT harthio_report_probe('nobody', true);
SELECT harthio_report_probe('daily', NULL);
SELECT harthio_report_probe('daily', true, -1);

-- the counts follow sessions wherever they go
SELECT sum(sessions) = (SELECT count(DISTINCT session_id) FROM harthio.assignment) AS all_counted FROM scores;
SELECT provider FROM harthio_end_session('p-1');
SELECT sum(sessions) = (SELECT count(DISTINCT session_id) - 1 FROM harthio.assignment) AS all_but_one FROM scores;

-- scopes
DROP EXTENSION harthio CASCADE;
CREATE EXTENSION harthio;
CREATE TEMP VIEW scores AS
	SELECT scope, provider, score, breaker, sessions FROM harthio.provider_scores() ORDER BY scope, provider;
CREATE TEMP TABLE infos (n integer, info jsonb);
INSERT INTO infos VALUES
	(1, '{"net": "symmetric", "region": "eu"}'), (2, '{"net": "p2p-ok"}'), (3, '{"net": "unknown"}'),
	(4, '{"net": "nonsense"}'), (5, '{"net": 5, "region": []}'), (6, '{"region": "eu"}'),
	(7, '{"net": "symmetric", "region": "a/b"}'), (8, '{"net": "symmetric", "region": "e u"}');
SELECT count(harthio_claim_provider('scope-' || n, 'ann', info)) FROM infos;
SELECT info, scope FROM infos JOIN harthio.assignment ON session_id = 'scope-' || n ORDER BY n;

-- a switch keeps it
SELECT epoch FROM harthio_switch_provider('scope-1', 1);
SELECT epoch, scope FROM harthio.assignment WHERE session_id = 'scope-1' ORDER BY epoch;

-- what fails in one kind of network is left alone there
UPDATE harthio.provider SET base_score = 90, priority = 0 WHERE provider = 'p2p';
SELECT count(pg_temp.claim('good-' || n, '{"net": "p2p-ok"}')) FROM generate_series(1, 10) n;
SELECT count(pg_temp.report('good-' || n, true)) FROM generate_series(1, 10) n;
SELECT count(pg_temp.claim('bad-' || n, '{"net": "symmetric", "region": "eu"}')) FROM generate_series(1, 10) n;
SELECT count(pg_temp.report('bad-' || n, false)) FROM generate_series(1, 10) n;
TABLE scores;
SELECT pg_temp.claim('new-bad', '{"net": "symmetric", "region": "eu"}'), pg_temp.claim('new-good', '{"net": "p2p-ok"}');
-- one of which little is known does as the one above it
SELECT pg_temp.claim('new-region', '{"net": "symmetric", "region": "us"}'), pg_temp.claim('new-net', '{"net": "udp-blocked"}');

-- max_sessions: no more than that, and those that are there stay
UPDATE harthio.provider SET max_sessions = 1 + (SELECT sessions FROM scores WHERE scope = '' AND provider = 'daily')
 WHERE provider = 'daily';
UPDATE harthio.provider SET enabled = provider = 'daily';
SELECT pg_temp.claim('last');
SELECT pg_temp.claim('too-many');
SELECT pg_temp.claim('last');
-- one that is where it can stay is not refused its own place
SELECT pg_temp.report('last', false);
SELECT epoch FROM harthio_end_session('last');
SELECT pg_temp.claim('next');
UPDATE harthio.provider SET max_sessions = NULL, enabled = true;
UPDATE harthio.provider SET max_sessions = 0;

-- adaptive: the operator's order wins until it is clearly worse
DROP EXTENSION harthio CASCADE;
CREATE EXTENSION harthio;
SET harthio.policy = adaptive;
SELECT provider, score FROM harthio_providers();
UPDATE harthio.provider SET base_score = 90 WHERE provider = 'p2p';
SELECT pg_temp.claim('a-1');
SELECT pg_temp.report('a-1', false);
SELECT provider, round(score::numeric, 3) AS score FROM harthio_providers();
SELECT pg_temp.claim('a-2');
SET harthio.policy = 'random';
RESET harthio.policy;
