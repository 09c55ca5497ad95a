--
-- What a report is worth.
--
DROP EXTENSION harthio CASCADE;
CREATE EXTENSION harthio;
CREATE TEMP VIEW scores AS SELECT provider, score, successes, failures FROM harthio_providers();
CREATE TEMP VIEW outcomes AS
	SELECT session_id, epoch, participant_id, success, counted, verdict FROM harthio.outcome
	 WHERE session_id LIKE 'guards-%' ORDER BY session_id, epoch, success DESC, participant_id;
CREATE FUNCTION pg_temp.join(session_id text, VARIADIC participants text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(harthio_claim_provider(session_id, p)) FROM unnest(participants) p
$$;
CREATE FUNCTION pg_temp.report(session_id text, epoch integer, success boolean, participant text, detail jsonb DEFAULT '{}')
RETURNS text LANGUAGE sql AS $$
	SELECT epoch || ' ' || provider FROM harthio_report_outcome(session_id, epoch, success, NULL, detail, participant)
$$;

-- of three members one failure moves everybody, and is no verdict yet
SELECT pg_temp.join('guards-3', 'ann', 'bea', 'cem');
SELECT pg_temp.report('guards-3', 1, false, 'ann');
TABLE scores;
-- the second one comes when all have left that epoch; with it there is a majority
SELECT pg_temp.report('guards-3', 1, false, 'bea');
TABLE scores;
-- the third adds nothing
SELECT pg_temp.report('guards-3', 1, false, 'cem');
TABLE scores;
-- half of the members make a success
SELECT pg_temp.report('guards-3', 2, true, 'ann');
TABLE scores;
SELECT pg_temp.report('guards-3', 2, true, 'bea');
SELECT pg_temp.report('guards-3', 2, true, 'cem');
TABLE scores;
-- a failure that is older than the epoch before does not count any more
SELECT epoch, provider FROM harthio_switch_provider('guards-3', 2);
SELECT pg_temp.join('guards-3', 'dan');
SELECT pg_temp.report('guards-3', 1, false, 'dan');
-- nor one of an epoch that was left for another reason
SELECT pg_temp.report('guards-3', 2, false, 'dan');
SELECT * FROM outcomes;
TABLE scores;

-- a client's own fault is kept, and neither scored nor a reason to move
SELECT pg_temp.join('guards-4', 'eva', 'fay');
SELECT pg_temp.report('guards-4', 1, false, 'eva', jsonb_build_object('reason', reason))
  FROM unnest(ARRAY['permission_denied', 'no-device', 'User cancelled', 'client_offline', 'signalling_lost', 'token_error']) reason;
SELECT participant_id, success, counted, verdict, detail FROM harthio.outcome WHERE session_id = 'guards-4';
TABLE scores;
-- any other reason counts
SELECT pg_temp.report('guards-4', 1, false, 'fay', '{"reason": "ice_failed"}');
TABLE scores;

-- of one participant one report is kept; what it says later can still move everybody
SELECT pg_temp.join('guards-5', 'abe', 'gus');
SELECT pg_temp.report('guards-5', 1, false, 'abe', '{"reason": "no_device"}');
SELECT pg_temp.report('guards-5', 1, false, 'gus', '{"reason": "no_device"}');
SELECT pg_temp.report('guards-5', 1, false, 'gus', '{"reason": "ice_failed"}');
SELECT participant_id, success, counted, verdict, detail FROM harthio.outcome WHERE session_id = 'guards-5';
TABLE scores;

-- one person's say is bounded: all that it reports alone adds up to one outcome
SELECT pg_temp.join('guards-solo-' || n, 'mallory') FROM generate_series(1, 5) n;
SELECT pg_temp.report('guards-solo-' || n, 1, false, 'mallory') FROM generate_series(1, 5) n;
SELECT provider, score, failures FROM scores;
SELECT scope, provider, round(evidence::numeric, 3) AS evidence FROM harthio.provider_scores() ORDER BY provider;

-- the counters say what the table says
SELECT p.provider, p.successes = count(o) FILTER (WHERE o.success) AS successes, p.failures = count(o) FILTER (WHERE NOT o.success) AS failures
  FROM harthio_providers() p LEFT JOIN harthio.outcome o ON o.provider = p.provider AND o.verdict
 GROUP BY p.provider, p.successes, p.failures ORDER BY p.provider;
