--
-- What the operator's page shows and does.
--
DROP EXTENSION harthio CASCADE;
CREATE EXTENSION harthio;

-- nothing has happened yet
CREATE FUNCTION part(VARIADIC path text[]) RETURNS json LANGUAGE sql AS $$ SELECT harthio.operator_state() #> path $$;
SELECT key, CASE WHEN json_typeof(value) = 'array' THEN json_array_length(value)::text ELSE json_typeof(value) END AS is
  FROM json_each(harthio.operator_state());
SELECT part('sessions'), part('asymmetry'), part('switches'), part('evacuations');

-- two sessions, of which one is moved: the newest epoch comes first
SELECT count(harthio_claim_provider('call', p)) FROM unnest(ARRAY['alice', 'bob']) p;
SELECT epoch FROM harthio_claim_provider('other', 'carol');
SELECT count(harthio_report_outcome('call', 1, true, 100, participant_id => p)) FROM unnest(ARRAY['alice', 'bob']) p;
SET request.jwt.claims = '{"role": "service_role", "sub": "olga"}';
SELECT epoch, provider FROM harthio_switch_provider('call', 1, '<b>"because"');
RESET request.jwt.claims;
SELECT part('sessions', 'count');
SELECT s.session_id, s.epoch, s.provider, s.participants, s.switches, s.assigned_at > s.opened_at AS moved
  FROM json_populate_recordset(NULL::harthio.session_overview, part('sessions', 'newest')) s;
SELECT w.session_id, w.epoch, w.from_provider, w.to_provider, w.reason, w.caused_by, w.switched_at <= clock_timestamp() AS past
  FROM json_populate_recordset(NULL::harthio.switches, part('switches')) w;

-- one has connected in the new epoch: the two are apart until the other one has
SELECT epoch FROM harthio_report_outcome('call', 2, true, 500, participant_id => 'bob');
SELECT part('asymmetry', 'count'), a ->> 'behind' AS behind, a ->> 'ahead' AS ahead, (a ->> 'lasting_seconds')::float >= 0 AS lasting
  FROM json_array_elements(part('asymmetry', 'longest')) a;
SELECT epoch FROM harthio_report_outcome('call', 2, true, 500, participant_id => 'alice');
SELECT part('asymmetry');

-- an end and a claim after it are no switches
SELECT epoch FROM harthio_end_session('other');
SELECT epoch, reason FROM harthio_claim_provider('other', 'carol');
SELECT part('sessions', 'count'), json_array_length(part('switches')) AS switches;

-- scores as the view has them, and over time
DO $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		COMMIT;
		EXIT WHEN (SELECT bool_and(score_history -> -1 -> 1 IS NOT DISTINCT FROM to_jsonb(score)) FROM harthio.provider_stats);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT p ->> 'provider' AS provider, p ->> 'score' AS score, p ->> 'band' AS band, p ->> 'success_rate' AS success_rate,
       p ->> 'connect_ms_p95' AS p95, p -> 'score_history' -> -1 ->> 1 AS last
  FROM json_array_elements(part('providers')) p;
INSERT INTO harthio.score_history VALUES ('p2p', now() - interval '4 hours', 1);
SELECT p -> 'score_history' -> 0 ->> 1 <> '1' AS recent FROM json_array_elements(part('providers')) p WHERE p ->> 'provider' = 'p2p';

-- lists are bounded, the counts are not
SELECT count(harthio_claim_provider('many-' || i, 'dave')) FROM generate_series(1, 150) i;
SELECT sum((harthio_switch_provider('many-' || i, 1)).epoch - 1) AS switched FROM generate_series(1, 60) i;
SELECT part('sessions', 'count'), json_array_length(part('sessions', 'newest')) AS newest, json_array_length(part('switches')) AS switches;

-- an operator: what docs/reference.md says that one needs
CREATE ROLE regress_operator;
SET ROLE regress_operator;
SELECT harthio.operator_state();
SELECT harthio_drain_provider('p2p');
RESET ROLE;
GRANT pg_monitor TO regress_operator;
GRANT EXECUTE ON FUNCTION harthio_drain_provider(text), harthio_enable_provider(text), harthio_evacuate_provider(text) TO regress_operator;
SET ROLE regress_operator;
SET request.jwt.claims = '{"role": "regress_operator", "sub": "olga"}';
SELECT harthio.operator_state() IS NOT NULL AS shown;
SELECT harthio_drain_provider('p2p');
SELECT harthio_enable_provider('p2p');
SELECT harthio_evacuate_provider('daily') > 0 AS sessions;
SELECT e ->> 'provider' AS provider, e ->> 'requested_by' AS requested_by FROM json_array_elements(harthio.operator_state() -> 'evacuations') e;
RESET request.jwt.claims;
RESET ROLE;
DROP OWNED BY regress_operator;
DROP ROLE regress_operator;
DROP FUNCTION part;
