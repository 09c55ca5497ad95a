/* extension/compat/harthio-app.sql */

--
-- The names that the Harthio app's browser code calls, on top of the
-- extension's functions.  Load it by hand, as the extension's owner, into the
-- database that has the extension; again after a new version of this file:
--
--   psql -f harthio-app.sql
--
-- The functions go beside the extension's, into its schema.  Functions of
-- these five names that are there already are replaced, whatever their
-- arguments are, and named in a notice: two of one name would be ambiguous
-- for RPC.
--
-- What the caller wants in p_provider and p_room_id is ignored: the system
-- decides.  Who calls is checked by the functions below these, which take a
-- user's JWT for what it says: a user acts only as itself, and only in
-- sessions that it has joined.
--
-- Errors.  The browser looks at data.success, so what a caller can bring
-- about is answered with {"success": false, "error": message, "code":
-- SQLSTATE}, and nothing was changed: 22004 and 22023 (arguments), 42501 (not
-- this user, or not in the session), 42704 (no such session), 53400 (full),
-- 54000 (device info too long), class 55 (ended, or no provider enabled), and
-- P0001 (what harthio.authorize_function raises).  The rest is raised, as
-- everywhere: it is the operator's to see, or, as 40001, to be retried by
-- whoever runs the transaction.  get_session_coordination_info raises all of
-- them: its caller looks at "error", and reads anything else as an answer.
--
DO $load$
DECLARE
	home text;
	old_path constant text := pg_catalog.current_setting('search_path');
	function regprocedure;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

	SELECT quote_ident(n.nspname) INTO home
	  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	 WHERE e.extname = 'harthio';
	IF home IS NULL THEN
		RAISE EXCEPTION 'extension "harthio" is not in this database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Run CREATE EXTENSION harthio first.';
	END IF;

	FOR function IN
		SELECT p.oid FROM pg_proc p
		 WHERE p.pronamespace = home::regnamespace AND p.prokind = 'f'
		   AND p.proname IN ('select_session_provider', 'coordinate_provider_recovery',
				'update_user_session_state', 'get_session_coordination_info', 'heartbeat_ping')
		 ORDER BY p.proname, p.oid
	LOOP
		RAISE NOTICE 'replacing function %', function;
		EXECUTE format('DROP FUNCTION %s', function);
	END LOOP;

	-- @extschema@ is the extension's schema, as in its own script
	EXECUTE replace($script$

CREATE FUNCTION @extschema@.select_session_provider(p_session_id uuid, p_user_id uuid, p_provider text DEFAULT NULL, p_room_id text DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	assignment @extschema@.harthio_assignment;
BEGIN
	IF p_user_id IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'p_user_id must not be null';
	END IF;

	assignment := @extschema@.harthio_claim_provider(p_session_id::text, p_user_id::text);

	RETURN json_build_object(
		'success', true,
		'provider', assignment.provider,
		'room_id', assignment.room,
		'selected_by', assignment.claimed_by,
		'is_new_selection', assignment.is_new,
		'reason', assignment.reason);
EXCEPTION
	WHEN null_value_not_allowed OR invalid_parameter_value OR insufficient_privilege
		OR configuration_limit_exceeded OR object_not_in_prerequisite_state OR raise_exception THEN
		RETURN json_build_object('success', false, 'error', SQLERRM, 'code', SQLSTATE);
END $$;
REVOKE ALL ON FUNCTION @extschema@.select_session_provider(uuid, uuid, text, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.select_session_provider(uuid, uuid, text, text) IS
'For the Harthio app: join a session and be told its provider. p_provider and p_room_id are ignored: the system decides. {success, provider, room_id, selected_by, is_new_selection, reason}';

--
-- The report names a provider and not an epoch.  It is taken for one about the
-- current epoch if it names its provider; that epoch is then left by compare
-- and swap, so that of several reporters at once one moves the session.  With
-- no provider enabled the session stays, as it does for
-- harthio_report_outcome: new_provider is then the one that failed.
--
-- Claiming for somebody who is there writes nothing, and says whether the
-- caller may act as that user, and what the session's assignment is now.
--
CREATE FUNCTION @extschema@.coordinate_provider_recovery(p_session_id uuid, p_failed_provider text, p_initiated_by uuid)
RETURNS json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	participants jsonb;
	assignment @extschema@.harthio_assignment;
	moved boolean := false;
BEGIN
	IF p_failed_provider IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'p_failed_provider must not be null';
	END IF;

	participants := @extschema@.harthio_session(p_session_id::text)::jsonb -> 'participants';
	IF NOT EXISTS (SELECT FROM jsonb_array_elements(participants) AS p
			WHERE p ->> 'participantId' = p_initiated_by::text) THEN
		RAISE insufficient_privilege USING MESSAGE =
			format('user %s is not in session %s', coalesce(p_initiated_by::text, 'null'), p_session_id);
	END IF;

	assignment := @extschema@.harthio_claim_provider(p_session_id::text, p_initiated_by::text);
	IF assignment.is_new THEN
		-- it was ended since we looked; this takes back that we opened it
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('session %s has ended', p_session_id);
	END IF;
	IF assignment.provider = p_failed_provider THEN
		assignment := @extschema@.harthio_report_outcome(p_session_id::text, assignment.epoch, false,
			participant_id => p_initiated_by::text);
		moved := assignment.is_new;
	END IF;

	RETURN json_build_object(
		'success', true,
		'failed_provider', p_failed_provider,
		'new_provider', assignment.provider,
		'room_id', assignment.room,
		'affected_users', (SELECT coalesce(json_agg(p -> 'participantId'), '[]')
			FROM jsonb_array_elements(participants) AS p WHERE moved),
		'initiated_by', assignment.claimed_by,
		'recovery_reason', assignment.reason);
EXCEPTION
	WHEN null_value_not_allowed OR invalid_parameter_value OR insufficient_privilege OR undefined_object
		OR configuration_limit_exceeded OR object_not_in_prerequisite_state OR raise_exception THEN
		RETURN json_build_object('success', false, 'error', SQLERRM, 'code', SQLSTATE);
END $$;
REVOKE ALL ON FUNCTION @extschema@.coordinate_provider_recovery(uuid, text, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.coordinate_provider_recovery(uuid, text, uuid) IS
'For the Harthio app: report that a session''s provider failed, which moves everybody to the best other one. If the session is on another provider by now, nothing is changed and affected_users is empty; initiated_by and recovery_reason are those of the current assignment. {success, failed_provider, new_provider, room_id, affected_users, initiated_by, recovery_reason}';

--
-- The app calls this with "initializing" before it selects a provider, and
-- with "ended" when the user goes, so the one joins and the other leaves.
-- "connected" to the session's provider is a success report: without it the
-- scores could only fall.
--
-- Of two calls for one user at once the later one's merge wins.
--
CREATE FUNCTION @extschema@.update_user_session_state(p_session_id uuid, p_user_id uuid, p_user_name text DEFAULT NULL, p_connection_state text DEFAULT NULL, p_current_provider text DEFAULT NULL, p_device_info jsonb DEFAULT NULL)
RETURNS json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	info jsonb;
	assignment @extschema@.harthio_assignment;
BEGIN
	IF p_user_id IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'p_user_id must not be null';
	END IF;

	IF p_connection_state = 'ended' THEN
		PERFORM @extschema@.harthio_leave_session(p_session_id::text, p_user_id::text);
		RETURN json_build_object('success', true);
	ELSIF p_connection_state = 'initializing' THEN
		PERFORM @extschema@.harthio_claim_provider(p_session_id::text, p_user_id::text);
	END IF;

	SELECT p -> 'info' INTO info
	  FROM jsonb_array_elements(@extschema@.harthio_session(p_session_id::text)::jsonb -> 'participants') AS p
	 WHERE p ->> 'participantId' = p_user_id::text;
	IF info IS NULL THEN
		RAISE insufficient_privilege USING MESSAGE =
			format('user %s is not in session %s', p_user_id, p_session_id);
	END IF;

	info := info || jsonb_strip_nulls(jsonb_build_object(
		'user_name', p_user_name,
		'connection_state', p_connection_state,
		'current_provider', p_current_provider));
	IF p_device_info IS NOT NULL THEN
		info := info || jsonb_build_object('device_info', p_device_info);
	END IF;

	assignment := @extschema@.harthio_claim_provider(p_session_id::text, p_user_id::text, info);
	IF assignment.is_new THEN
		-- it was ended since we looked; this takes back that we opened it
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('session %s has ended', p_session_id);
	END IF;
	IF p_connection_state = 'connected' AND p_current_provider = assignment.provider THEN
		PERFORM @extschema@.harthio_report_outcome(p_session_id::text, assignment.epoch, true,
			participant_id => p_user_id::text);
	END IF;

	RETURN json_build_object('success', true);
EXCEPTION
	WHEN null_value_not_allowed OR invalid_parameter_value OR insufficient_privilege OR undefined_object
		OR configuration_limit_exceeded OR program_limit_exceeded OR object_not_in_prerequisite_state
		OR raise_exception THEN
		RETURN json_build_object('success', false, 'error', SQLERRM, 'code', SQLSTATE);
END $$;
REVOKE ALL ON FUNCTION @extschema@.update_user_session_state(uuid, uuid, text, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.update_user_session_state(uuid, uuid, text, text, text, jsonb) IS
'For the Harthio app: keep what a user says of itself; what is null stays as it was. State "initializing" joins the session, "ended" leaves it, "connected" on the session''s provider reports a success. {success}';

--
-- Only providers and their scores are read with the rights of the owner, and
-- only after harthio_session has let the caller through.
--
CREATE FUNCTION @extschema@.get_session_coordination_info(p_session_id uuid)
RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	state constant jsonb := @extschema@.harthio_session(p_session_id::text);
	assigned_at constant timestamptz := to_timestamp((state ->> 'timestamp')::bigint / 1000.0);
	fallback text;
BEGIN
	-- a forecast: the choice is made when it is needed
	SELECT p.provider INTO fallback
	  FROM @extschema@.harthio_providers() AS p
	 WHERE p.enabled AND p.provider <> state ->> 'provider'
	 ORDER BY p.score DESC, p.priority, p.provider COLLATE "C"
	 LIMIT 1;

	RETURN json_build_object(
		'success', true,
		'session', json_build_object(
			'session_id', p_session_id,
			'active_provider', state -> 'provider',
			'fallback_provider', fallback,
			'room_info', json_build_object(
				'roomId', state -> 'room',
				'selectedBy', state -> 'initiatedBy',
				'selectedAt', assigned_at,
				'recoveryFrom', state -> 'failedProvider',
				'recoveryReason', CASE WHEN state ? 'failedProvider' THEN state -> 'reason' END),
			'last_provider_change', assigned_at,
			'reconnection_in_progress', EXISTS (
				SELECT FROM jsonb_array_elements(state -> 'participants') AS p
				 WHERE p -> 'info' ->> 'connection_state' = 'reconnecting')),
		'users', (SELECT coalesce(json_agg(json_build_object(
				'user_id', p -> 'participantId',
				'user_name', p -> 'info' -> 'user_name',
				'connection_state', p -> 'info' -> 'connection_state',
				'current_provider', p -> 'info' -> 'current_provider',
				'device_info', coalesce(p -> 'info' -> 'device_info', '{}'),
				'joined_at', to_timestamp((p ->> 'joinedAt')::bigint / 1000.0)) ORDER BY n), '[]')
			FROM jsonb_array_elements(state -> 'participants') WITH ORDINALITY AS participant(p, n)));
END $$;
REVOKE ALL ON FUNCTION @extschema@.get_session_coordination_info(uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.get_session_coordination_info(uuid) IS
'For the Harthio app: a session and who is in it, for one of them; fallback_provider is the best other one now, reconnection_in_progress says that a user is reconnecting. Errors are raised, as by harthio_session. {success, session {session_id, active_provider, fallback_provider, room_info, last_provider_change, reconnection_in_progress}, users [...]}';

--
-- Nothing is written: a row for each ping would be the busiest of all, and
-- who is connected is known where the connections are.
--
CREATE FUNCTION @extschema@.heartbeat_ping(p_session_id uuid, p_user_id uuid)
RETURNS json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	assignment @extschema@.harthio_assignment;
BEGIN
	IF NOT EXISTS (
		SELECT FROM jsonb_array_elements(@extschema@.harthio_session(p_session_id::text)::jsonb -> 'participants') AS p
		 WHERE p ->> 'participantId' = p_user_id::text) THEN
		RAISE insufficient_privilege USING MESSAGE =
			format('user %s is not in session %s', coalesce(p_user_id::text, 'null'), p_session_id);
	END IF;

	assignment := @extschema@.harthio_claim_provider(p_session_id::text, p_user_id::text);
	IF assignment.is_new THEN
		-- it was ended since we looked; this takes back that we opened it
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('session %s has ended', p_session_id);
	END IF;

	RETURN json_build_object(
		'success', true,
		'active_provider', assignment.provider,
		'room_id', assignment.room);
EXCEPTION
	WHEN null_value_not_allowed OR invalid_parameter_value OR insufficient_privilege OR undefined_object
		OR configuration_limit_exceeded OR object_not_in_prerequisite_state OR raise_exception THEN
		RETURN json_build_object('success', false, 'error', SQLERRM, 'code', SQLSTATE);
END $$;
REVOKE ALL ON FUNCTION @extschema@.heartbeat_ping(uuid, uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.heartbeat_ping(uuid, uuid) IS
'For the Harthio app: is the user in the session, and on which provider is it? Writes nothing. {success, active_provider, room_id}';

	$script$, '@extschema@', home);

	-- rights, as for the extension's own functions
	FOR function IN
		SELECT p.oid FROM pg_proc p
		 WHERE p.pronamespace = home::regnamespace AND p.prokind = 'f'
		   AND p.proname IN ('select_session_provider', 'coordinate_provider_recovery',
				'update_user_session_state', 'get_session_coordination_info', 'heartbeat_ping')
	LOOP
		IF to_regrole('authenticated') IS NOT NULL THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO authenticated', function);
		END IF;
		IF to_regrole('service_role') IS NOT NULL THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', function);
		END IF;
	END LOOP;

	PERFORM set_config('search_path', old_path, true);
END
$load$;
