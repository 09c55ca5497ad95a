--
-- Installed where somebody has put operators and functions that fit better
-- than PostgreSQL's own: none of them is ever called.
--
DROP EXTENSION harthio CASCADE;
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.trap() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
DO $$
DECLARE
	types constant text[] := ARRAY['text', 'varchar', 'name', 'int4', 'int8', 'float8', 'numeric', 'bool', 'oid', 'regclass', 'regproc', 'timestamptz', 'date', '"char"'];
	result text;
BEGIN
	FOR l IN 1 .. array_length(types, 1) LOOP
		FOR r IN 1 .. array_length(types, 1) LOOP
			CONTINUE WHEN l = r;
			EXECUTE format('CREATE FUNCTION hostile.trap(%s, %s) RETURNS bool LANGUAGE sql AS $f$ SELECT hostile.trap() IS NULL $f$', types[l], types[r]);
			FOREACH result IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '~'] LOOP
				EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hostile.trap)', result, types[l], types[r]);
			END LOOP;
		END LOOP;
		EXECUTE format('CREATE FUNCTION hostile.format(text, %s) RETURNS text LANGUAGE sql AS $f$ SELECT hostile.trap()::text $f$', types[l]);
		EXECUTE format('CREATE FUNCTION hostile.count(%s) RETURNS int8 LANGUAGE sql AS $f$ SELECT hostile.trap()::text::int8 $f$', types[l]);
	END LOOP;
END $$;
CREATE EXTENSION harthio SCHEMA hostile;
SET search_path = hostile, pg_catalog;

SELECT epoch, provider FROM hostile.harthio_claim_provider('s', 'alice', '{"net": "symmetric", "region": "eu"}');
SELECT epoch, provider FROM hostile.harthio_report_outcome('s', 1, true, 900, participant_id => 'alice'::text);
SELECT epoch, provider FROM hostile.harthio_report_outcome('s', 1, false, participant_id => 'alice'::text);
SELECT epoch, provider FROM hostile.harthio_switch_provider('s', 2);
SELECT hostile.harthio_session('s') ->> 'provider';
SELECT state ->> 'provider' FROM hostile.harthio_snapshot('{s}');
SELECT provider, band FROM hostile.harthio_providers();
SELECT provider, band, reports FROM harthio.provider_stats;
SELECT session_id, switches, participants FROM harthio.session_overview;
SELECT behind FROM harthio.asymmetry;
SELECT ends > 0::bigint AS counted FROM harthio.activity;
SELECT hostile.harthio_report_probe('daily', true);
INSERT INTO harthio.provider (provider, base_score) VALUES ('p2p', 50);
UPDATE harthio.provider SET enabled = false;
DELETE FROM harthio.provider;
SELECT hostile.harthio_leave_session('s', 'alice');
SELECT epoch FROM hostile.harthio_end_session('s');

RESET search_path;
DROP EXTENSION harthio;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;
CREATE EXTENSION harthio;
