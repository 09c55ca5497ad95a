--
-- The functions that the Harthio app's browser code calls
-- (extension/compat/harthio-app.sql).
--
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set harthio_app :abs_srcdir '/extension/compat/harthio-app.sql'
\set session '5e550000-0000-4000-8000-000000000001'
\set alice 'a11ce000-0000-4000-8000-000000000001'
\set bob 'b0b00000-0000-4000-8000-000000000002'
\set mallory 'bad00000-0000-4000-8000-000000000003'

-- what the app had before, and what else has one of its names, is replaced
CREATE FUNCTION heartbeat_ping(text, text) RETURNS integer LANGUAGE sql RETURN 1;
SET client_min_messages = warning;
\set ECHO none
\i :harthio_app
\i :harthio_app
\set ECHO all
RESET client_min_messages;

CREATE TEMP VIEW app AS SELECT oid, oid::regprocedure AS function FROM pg_proc
 WHERE proname IN ('select_session_provider', 'coordinate_provider_recovery',
	'update_user_session_state', 'get_session_coordination_info', 'heartbeat_ping');
SELECT function, prosecdef AS definer, proconfig, obj_description(oid, 'pg_proc') IS NOT NULL AS described
  FROM app JOIN pg_proc USING (oid) ORDER BY proname;
-- for the roles that have the extension's functions, and nobody else
SELECT r.role, count(*) FROM app,
	(VALUES ('authenticated'), ('service_role'), ('harthio_notifier'), ('regress_stranger')) AS r(role)
 WHERE has_function_privilege(r.role, oid, 'EXECUTE') GROUP BY r.role ORDER BY r.role;

-- from here on as the browser's requests come in
CREATE PROCEDURE be(id text) LANGUAGE sql AS $$
	SELECT set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', id)::text, false) $$;
SELECT provider AS best FROM harthio_providers() WHERE enabled ORDER BY score DESC, priority LIMIT 1 \gset
SELECT provider AS other FROM harthio_providers() WHERE enabled AND provider <> :'best' \gset
SELECT :'best' AS best, :'other' AS other;
SET ROLE authenticated;

-- the app begins like this, before it selects a provider
CALL be(:'alice');
SELECT update_user_session_state(:'session', :'alice', 'Alice', 'initializing', 'none', '{}');
-- whatever is wished for, everybody is told the same
SELECT select_session_provider(:'session', :'alice', :'other', 'my room');
CALL be(:'bob');
SELECT select_session_provider(:'session', :'bob', 'evil', 'https://evil.example');
SELECT select_session_provider(:'session', :'bob', NULL, NULL) ->> 'provider' = :'best' AS same;
-- a first joiner that selects at once
SELECT s ->> 'provider' = :'best' AS best, s -> 'is_new_selection' AS is_new, s ->> 'selected_by' = :'bob' AS by_bob, s -> 'reason' AS reason
  FROM select_session_provider('5e550000-0000-4000-8000-000000000002', :'bob', :'other', 'x') s;

-- what a user says of itself is merged
SELECT update_user_session_state(:'session', :'bob', 'Bob', 'connecting', 'none', '{"browser": "x", "camera": null}');
SELECT update_user_session_state(:'session', :'bob', NULL, 'reconnecting', NULL);
SELECT update_user_session_state(:'session', :'bob', p_device_info => '{"is_audio_muted": true}');
CREATE FUNCTION pg_temp.info(p_session_id uuid) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_pretty(jsonb_set(
		i #- '{session,last_provider_change}' #- '{session,room_info,selectedAt}',
		'{users}', (SELECT jsonb_agg(u - 'joined_at') FROM jsonb_array_elements(i -> 'users') u)))
	  FROM (SELECT get_session_coordination_info(p_session_id)::jsonb) AS x(i) $$;
SELECT pg_temp.info(:'session');
SELECT heartbeat_ping(:'session', :'bob');

-- who is connected reports a success, once
SELECT update_user_session_state(:'session', :'bob', NULL, 'connected', :'best');
SELECT update_user_session_state(:'session', :'bob', NULL, 'connected', :'best');
SELECT update_user_session_state(:'session', :'bob', NULL, 'connected', :'other');

-- a failure moves everybody
SELECT coordinate_provider_recovery(:'session', :'best', :'bob');
-- a late report of it changes nothing, whoever sends it
SELECT coordinate_provider_recovery(:'session', :'best', :'bob');
CALL be(:'alice');
SELECT coordinate_provider_recovery(:'session', :'best', :'alice');
SELECT coordinate_provider_recovery(:'session', 'no-such-provider', :'alice');
SELECT select_session_provider(:'session', :'alice', :'best', 'x');
SELECT pg_temp.info(:'session');
SELECT i #> '{session,last_provider_change}' #>> '{}' = i #> '{session,room_info,selectedAt}' #>> '{}' AS same,
	(i #>> '{session,last_provider_change}')::timestamptz BETWEEN now() - interval '1 minute' AND clock_timestamp() AS recent
  FROM get_session_coordination_info(:'session') i;
RESET ROLE;
SELECT epoch, success, verdict, participant_id = :'bob' AS bob FROM harthio.outcome
 WHERE session_id = :'session' ORDER BY epoch, success;

-- with nowhere to go the session stays, and the report is kept
BEGIN;
UPDATE harthio.provider SET enabled = false;
SELECT r -> 'success' AS success, r ->> 'new_provider' = :'other' AS stays, r -> 'affected_users' AS affected
  FROM coordinate_provider_recovery(:'session', :'other', :'alice') r;
SELECT count(*) FROM harthio.outcome WHERE session_id = :'session' AND epoch = 2 AND NOT success;
SELECT select_session_provider('5e550000-0000-4000-8000-000000000003', :'alice', 'p2p', 'x');
ROLLBACK;
SET ROLE authenticated;

-- a user acts as itself only
SELECT select_session_provider(:'session', :'bob', 'p2p', 'x');
SELECT coordinate_provider_recovery(:'session', :'other', :'bob');
SELECT coordinate_provider_recovery(:'session', :'best', :'bob');
SELECT update_user_session_state(:'session', :'bob', 'Not Bob', 'connected', 'p2p', '{}');
SELECT update_user_session_state(:'session', :'bob', 'Not Bob', 'initializing', 'none', '{}');
SELECT update_user_session_state(:'session', :'bob', 'Not Bob', 'ended', 'none', '{}');
SELECT heartbeat_ping(:'session', :'bob');

-- and in a session that it has not joined it can do nothing, as nobody
CALL be(:'mallory');
SELECT coordinate_provider_recovery(:'session', :'other', :'mallory');
SELECT coordinate_provider_recovery(:'session', :'other', :'bob');
SELECT update_user_session_state(:'session', :'mallory', 'Mallory', 'connected', 'p2p', '{}');
SELECT update_user_session_state(:'session', :'bob', 'Mallory', 'connected', 'p2p', '{}');
SELECT update_user_session_state(:'session', :'mallory', 'Mallory', 'ended', 'none', '{}');
SELECT heartbeat_ping(:'session', :'mallory');
SELECT heartbeat_ping(:'session', :'bob');
SELECT get_session_coordination_info(:'session');
-- nor without a user in the token
SET request.jwt.claims = '{"role": "anon"}';
SELECT select_session_provider(:'session', :'alice', 'p2p', 'x');
SELECT heartbeat_ping(:'session', :'alice');
SELECT get_session_coordination_info(:'session');
RESET ROLE;
SELECT epoch, reason FROM harthio.assignment WHERE session_id = :'session' ORDER BY epoch;
SELECT participant_id, left_at IS NULL AS there, info FROM harthio.participant WHERE session_id = :'session' ORDER BY participant_id;

-- objects of the caller are not used, wherever its search_path puts them
CREATE SCHEMA hostile AUTHORIZATION authenticated;
SET ROLE authenticated;
CALL be(:'alice');
CREATE FUNCTION hostile.never(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the caller''s operator was used as %', current_user; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.never);
CREATE OPERATOR hostile.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.never);
CREATE FUNCTION hostile.to_timestamp(double precision) RETURNS timestamptz LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the caller''s function was used as %', current_user; END $$;
SET search_path = hostile, pg_catalog, public;
SELECT select_session_provider(:'session', :'alice', 'p2p', 'x') -> 'success' AS selected,
	coordinate_provider_recovery(:'session', :'best', :'alice') -> 'success' AS recovered,
	update_user_session_state(:'session', :'alice', 'Alice', 'connected', 'p2p') -> 'success' AS updated,
	heartbeat_ping(:'session', :'alice') -> 'success' AS alive,
	get_session_coordination_info(:'session') -> 'success' AS told;
RESET search_path;
RESET ROLE;
DROP SCHEMA hostile CASCADE;

-- what a caller can bring about is an answer and not an error
SET ROLE authenticated;
SELECT select_session_provider(NULL, :'alice', 'p2p', 'x');
SELECT select_session_provider(:'session', NULL, 'p2p', 'x');
SELECT coordinate_provider_recovery(:'session', NULL, :'alice');
SELECT coordinate_provider_recovery(:'session', :'other', NULL);
SELECT coordinate_provider_recovery('5e550000-0000-4000-8000-00000000000f', :'other', :'alice');
SELECT update_user_session_state('5e550000-0000-4000-8000-00000000000f', :'alice', 'Alice', 'connected', 'p2p', '{}');
SELECT update_user_session_state(:'session', NULL, 'Alice', 'connected', 'p2p', '{}');
SELECT update_user_session_state(:'session', :'alice', repeat('x', 9000), 'connected', 'p2p', '{}');
SELECT heartbeat_ping('5e550000-0000-4000-8000-00000000000f', :'alice');
SELECT heartbeat_ping(NULL, NULL);
-- reading is the exception: the app looks at "error" there
SELECT get_session_coordination_info('5e550000-0000-4000-8000-00000000000f');
RESET ROLE;
SET harthio.max_participants = 2;
CALL be(:'mallory');
SELECT select_session_provider(:'session', :'mallory', 'p2p', 'x');
SELECT update_user_session_state(:'session', :'mallory', 'Mallory', 'initializing', 'none', '{}');
RESET harthio.max_participants;
CREATE FUNCTION public.refuse(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'no date today'; END $$;
SET harthio.authorize_function = 'public.refuse';
SELECT select_session_provider(:'session', :'mallory', 'p2p', 'x');
RESET harthio.authorize_function;
DROP FUNCTION refuse(text, text);

-- going, and what comes late
CALL be(:'bob');
SELECT update_user_session_state(:'session', :'bob', 'Bob', 'ended', 'none', '{}');
SELECT heartbeat_ping(:'session', :'bob');
SELECT update_user_session_state(:'session', :'bob', 'Bob', 'connected', :'other', '{}');
SELECT coordinate_provider_recovery(:'session', :'other', :'bob');
SELECT json_array_length(get_session_coordination_info(:'session') -> 'users') AS users;
-- coming back
SELECT update_user_session_state(:'session', :'bob', 'Bob', 'initializing', 'none', '{}');
SELECT json_array_length(get_session_coordination_info(:'session') -> 'users') AS users;
-- a session that is ended while the call is looking is not opened by it
CREATE FUNCTION end_it(session_id text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN PERFORM public.harthio_end_session(session_id); RETURN true; END $$;
SET harthio.authorize_function = 'public.end_it';
SELECT heartbeat_ping(:'session', :'bob');
SELECT update_user_session_state(:'session', :'bob', 'Bob', 'connected', :'other', '{}');
SELECT coordinate_provider_recovery(:'session', :'other', :'bob');
RESET harthio.authorize_function;
DROP FUNCTION end_it(text, text);
SELECT max(epoch) AS epoch FROM harthio.assignment WHERE session_id = :'session';
-- or by what comes after the end
SELECT epoch, reason FROM harthio_end_session(:'session');
SELECT heartbeat_ping(:'session', :'bob') -> 'code' AS heartbeat,
	update_user_session_state(:'session', :'bob', 'Bob', 'connected', :'other', '{}') -> 'code' AS update,
	coordinate_provider_recovery(:'session', :'other', :'bob') -> 'code' AS recovery;
SELECT get_session_coordination_info(:'session') #> '{session,active_provider}' AS provider,
	get_session_coordination_info(:'session') -> 'users' AS users;
SELECT s -> 'success' AS success, s -> 'is_new_selection' AS is_new, s -> 'reason' AS reason
  FROM select_session_provider(:'session', :'bob', 'p2p', 'x') s;

-- a backend may act for its users
SET request.jwt.claims = '{"role": "service_role"}';
SET ROLE service_role;
SELECT select_session_provider(:'session', :'alice', 'p2p', 'x') -> 'success' AS success,
	heartbeat_ping(:'session', :'alice') -> 'success' AS alive;
RESET ROLE;
RESET request.jwt.claims;

-- the functions are beside the extension's, wherever that is
DROP VIEW app;
DROP PROCEDURE be(text);
DROP FUNCTION select_session_provider, coordinate_provider_recovery, update_user_session_state,
	get_session_coordination_info, heartbeat_ping;
DROP EXTENSION harthio;
\set text `cat "$PG_ABS_SRCDIR/extension/compat/harthio-app.sql"`
:text
CREATE SCHEMA "App";
CREATE EXTENSION harthio SCHEMA "App";
\set ECHO none
\i :harthio_app
\set ECHO all
SELECT "App".select_session_provider(:'session', :'alice', 'p2p', 'x') -> 'success' AS success,
	"App".coordinate_provider_recovery(:'session', 'daily', :'alice') -> 'new_provider' AS new_provider,
	"App".get_session_coordination_info(:'session') -> 'success' AS told;
SET client_min_messages = warning;
DROP SCHEMA "App" CASCADE;
CREATE EXTENSION harthio;
RESET client_min_messages;
