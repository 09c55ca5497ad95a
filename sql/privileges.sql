--
-- What an unprivileged role can do, and what it cannot make us do.
--
SELECT epoch FROM harthio_claim_provider('privileges', 'alice');
CREATE SCHEMA hostile AUTHORIZATION authenticated;

-- what an operator may have added, both careless about names
CREATE FUNCTION names_index(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN RETURN $1 = 'a name'; END $$;
CREATE INDEX participant_names ON harthio.participant (names_index(participant_id));
CREATE INDEX assignment_names ON harthio.assignment (epoch) WHERE names_index(session_id);
CREATE FUNCTION all_may_join(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RETURN $1 = $1; END $$;
GRANT EXECUTE ON FUNCTION all_may_join TO authenticated;
SET harthio.authorize_function = 'public.all_may_join';

-- without a grant: nothing
SET ROLE regress_stranger;
SELECT harthio_claim_provider('privileges');
SELECT harthio_report_outcome('privileges', 1, false);
SELECT harthio_switch_provider('privileges', 1);
SELECT harthio_leave_session('privileges');
SELECT harthio_end_session('privileges');
SELECT harthio_session('privileges');
SELECT * FROM harthio_providers();
SELECT harthio_authorize('privileges');
SELECT * FROM harthio_snapshot('{privileges}');
SELECT harthio.protocol_version();
SELECT * FROM harthio.probes();
RESET ROLE;

-- a client role calls the functions and sees no table
SET ROLE authenticated;
SET request.jwt.claims = '{"role": "authenticated", "sub": "bob"}';
SELECT epoch, claimed_by FROM harthio_claim_provider('privileges');
SELECT * FROM harthio.assignment;
SELECT * FROM harthio.participant;
SELECT * FROM harthio.outcome;
SELECT * FROM harthio.provider;
SELECT * FROM harthio.provider_score;
SELECT * FROM harthio_snapshot('{privileges}');
SELECT * FROM harthio_providers();
SET harthio.success_points = 100;

-- objects of the caller are not used, wherever its search_path puts them
CREATE TEMP TABLE assignment (session_id text, epoch integer, provider text, room text);
INSERT INTO assignment VALUES ('hostile', 1, 'evil', 'evil');
CREATE TEMP TABLE provider (provider text, base_score integer, room_template text, priority integer, enabled boolean);
INSERT INTO provider VALUES ('evil', 100, 'evil', 0, true);
CREATE FUNCTION hostile.never(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the caller''s operator was used as %', current_user; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.never);
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the caller''s function was used as %', current_user; END $$;
SET search_path = pg_temp, hostile, pg_catalog, public;
SELECT epoch, provider <> 'evil' AS ours FROM harthio_claim_provider('hostile');
SELECT epoch FROM harthio_report_outcome('hostile', 1, true);
SELECT epoch, provider <> 'evil' AS ours FROM harthio_report_outcome('hostile', 1, false);
SELECT epoch, provider <> 'evil' AS ours FROM harthio_switch_provider('hostile', 2);
SELECT harthio_session('hostile') ->> 'epoch' AS epoch;
SELECT harthio_leave_session('hostile');
SELECT epoch FROM harthio_end_session('hostile');
RESET search_path;
RESET request.jwt.claims;
RESET ROLE;
RESET harthio.authorize_function;
DROP FUNCTION all_may_join;
DROP FUNCTION names_index CASCADE;
DROP SCHEMA hostile CASCADE;

-- the notifier's role asks its questions
SET ROLE harthio_notifier;
SELECT harthio.protocol_version();
SELECT * FROM harthio.probes();
SELECT publisher_lag_ms >= 0 AS lag FROM harthio.activity_now();
SELECT session_id FROM harthio_snapshot('{privileges}');
SET request.jwt.claims = '{"role": "authenticated", "sub": "bob"}';
SELECT harthio_authorize('privileges');
RESET request.jwt.claims;
SELECT harthio_claim_provider('privileges');
SELECT * FROM harthio.assignment;
RESET ROLE;
