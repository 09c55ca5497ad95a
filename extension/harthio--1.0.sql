/* extension/harthio--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION harthio" to load this file. \quit

--
-- Tables.  Clients have no rights on them: they call the functions below.
-- The library reads and writes some by column number (extension/row.h).
-- Names are compared as bytes, which needs no locale and is faster.
--
CREATE SCHEMA harthio;
COMMENT ON SCHEMA harthio IS 'Harthio: one video provider for everybody in a session';

CREATE TABLE harthio.provider (
	provider text COLLATE "C" PRIMARY KEY
		CHECK (provider ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
	base_score integer NOT NULL
		CHECK (base_score BETWEEN 0 AND 100),
	room_template text NOT NULL DEFAULT '{session_id}'
		CHECK (octet_length(room_template) BETWEEN 1 AND 512 AND room_template !~ '[[:cntrl:]]'),
	priority integer NOT NULL DEFAULT 100,
	enabled boolean NOT NULL DEFAULT true,
	max_sessions integer CHECK (max_sessions > 0),
	is_default boolean NOT NULL DEFAULT false,
	probe text
		CHECK (octet_length(probe) <= 512
			AND probe ~ '^(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?|tcp://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|(stun|turn):([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)$')
);
COMMENT ON TABLE harthio.provider IS 'Ways of carrying a call; operators add, change and disable rows';
COMMENT ON COLUMN harthio.provider.provider IS 'name: 1 to 63 of a-z 0-9 _ -, not beginning with _ or -';
COMMENT ON COLUMN harthio.provider.base_score IS 'score before anything was learnt, 0 to 100';
COMMENT ON COLUMN harthio.provider.room_template IS 'where a session goes on this provider; {session_id} is filled in';
COMMENT ON COLUMN harthio.provider.priority IS 'decides between equal scores: the lower number wins, then the name';
COMMENT ON COLUMN harthio.provider.enabled IS 'false: drained, which is not chosen any more; sessions that are on it stay';
COMMENT ON COLUMN harthio.provider.max_sessions IS 'sessions that it carries at a time; null: no limit. Claims at the same moment may exceed it by as many';

COMMENT ON COLUMN harthio.provider.probe IS 'how notifiers check that it is there: https://host/path, http://host/path, tcp://host:port, stun:host:port or turn:host:port; null: not at all';
COMMENT ON COLUMN harthio.provider.is_default IS 'as it came with the extension: an INSERT of the same name replaces it';

INSERT INTO harthio.provider (provider, base_score, room_template, priority, is_default) VALUES
	('daily', 80, 'https://harthio.daily.co/{session_id}', 1, true),
	('p2p', 60, '{session_id}', 2, true);

--
-- A restored dump brings its own rows for the two that CREATE EXTENSION has
-- just made; and if one of these were deleted, a restore would bring it back.
--
CREATE FUNCTION harthio.provider_replace_default()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM harthio.provider p WHERE p.provider = NEW.provider AND p.is_default;
	RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION harthio.provider_replace_default() FROM PUBLIC;
COMMENT ON FUNCTION harthio.provider_replace_default() IS 'Trigger: a new row takes the place of one that came with the extension';

CREATE FUNCTION harthio.provider_is_changed()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	NEW.is_default := false;
	RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION harthio.provider_is_changed() FROM PUBLIC;
COMMENT ON FUNCTION harthio.provider_is_changed() IS 'Trigger: what the operator has changed is not as it came any more';

CREATE FUNCTION harthio.provider_keep()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION USING
		ERRCODE = 'object_not_in_prerequisite_state',
		MESSAGE = pg_catalog.format('provider "%s" comes with the extension', OLD.provider),
		DETAIL = 'If it were deleted, restoring a dump would bring it back.',
		HINT = pg_catalog.format('Disable it: UPDATE harthio.provider SET enabled = false WHERE provider = %L', OLD.provider);
END
$$;
REVOKE ALL ON FUNCTION harthio.provider_keep() FROM PUBLIC;
COMMENT ON FUNCTION harthio.provider_keep() IS 'Trigger: refuses to delete a provider that came with the extension (55000)';

CREATE TRIGGER replace_default BEFORE INSERT ON harthio.provider
	FOR EACH ROW EXECUTE FUNCTION harthio.provider_replace_default();
CREATE TRIGGER is_changed BEFORE UPDATE ON harthio.provider
	FOR EACH ROW EXECUTE FUNCTION harthio.provider_is_changed();
CREATE TRIGGER keep BEFORE DELETE ON harthio.provider
	FOR EACH ROW WHEN (OLD.provider IN ('daily', 'p2p') AND pg_catalog.pg_trigger_depth() = 0)
	EXECUTE FUNCTION harthio.provider_keep();

-- every backend keeps the rows (extension/provider_cache.c); replicated changes count too
CREATE FUNCTION harthio.provider_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'harthio_provider_changed' LANGUAGE C SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION harthio.provider_changed() FROM PUBLIC;
COMMENT ON FUNCTION harthio.provider_changed() IS 'Trigger: has every backend read the providers anew once this is committed';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON harthio.provider
	FOR EACH ROW EXECUTE FUNCTION harthio.provider_changed();
ALTER TABLE harthio.provider ENABLE ALWAYS TRIGGER changed;

CREATE TABLE harthio.scope (
	scope text COLLATE "C" PRIMARY KEY,
	arrivals double precision NOT NULL,
	arrivals_at timestamptz,
	first_at timestamptz,
	half_life double precision NOT NULL,
	drift_half_life double precision NOT NULL,
	heard_at timestamptz NOT NULL
);
COMMENT ON TABLE harthio.scope IS 'Kinds of networks, and their traffic as of the last second, for the next start of the server';
COMMENT ON COLUMN harthio.scope.scope IS 'empty: all sessions; or net or net/region, from the info of a session''s first claim';
COMMENT ON COLUMN harthio.scope.arrivals IS 'sessions, decayed with a half-life of two hours';
COMMENT ON COLUMN harthio.scope.arrivals_at IS 'when arrivals was true';
COMMENT ON COLUMN harthio.scope.first_at IS 'first session';
COMMENT ON COLUMN harthio.scope.half_life IS 'of evidence, at this traffic, in seconds';
COMMENT ON COLUMN harthio.scope.drift_half_life IS 'of points, at this traffic, in seconds';
COMMENT ON COLUMN harthio.scope.heard_at IS 'last report; when there are too many scopes the one that was quiet for longest goes';

CREATE TABLE harthio.provider_score (
	scope text COLLATE "C" NOT NULL REFERENCES harthio.scope ON DELETE CASCADE,
	provider text COLLATE "C" NOT NULL REFERENCES harthio.provider ON DELETE CASCADE,
	score double precision NOT NULL,
	prior double precision NOT NULL,
	points double precision NOT NULL,
	good double precision NOT NULL,
	bad double precision NOT NULL,
	updated_at timestamptz NOT NULL,
	open_until timestamptz,
	closed_at timestamptz,
	breaker integer NOT NULL CHECK (breaker BETWEEN 0 AND 2),
	reason integer NOT NULL CHECK (reason BETWEEN 0 AND 2),
	consecutive integer NOT NULL,
	ejections integer NOT NULL,
	demotions integer NOT NULL,
	verdicts integer NOT NULL,
	failed integer NOT NULL,
	probes_ok integer NOT NULL,
	successes bigint NOT NULL,
	failures bigint NOT NULL,
	last_success_at timestamptz,
	last_failure_at timestamptz,
	PRIMARY KEY (scope, provider)
);
COMMENT ON TABLE harthio.provider_score IS 'What was learnt of the providers, as of the last second, for the next start of the server; harthio.provider_scores() has what is live';
COMMENT ON COLUMN harthio.provider_score.scope IS 'what it was learnt from; empty: all sessions';
COMMENT ON COLUMN harthio.provider_score.score IS '0 to 100, higher is better';
COMMENT ON COLUMN harthio.provider_score.prior IS 'score without evidence: the base score, or the score in the scope above';
COMMENT ON COLUMN harthio.provider_score.points IS 'score of policy additive at updated_at';
COMMENT ON COLUMN harthio.provider_score.good IS 'evidence of successes, decayed, at updated_at';
COMMENT ON COLUMN harthio.provider_score.bad IS 'evidence of failures, decayed, at updated_at';
COMMENT ON COLUMN harthio.provider_score.updated_at IS 'when points, good and bad were true';
COMMENT ON COLUMN harthio.provider_score.open_until IS 'until when the provider is left alone, while its breaker is open';
COMMENT ON COLUMN harthio.provider_score.closed_at IS 'when its breaker last closed';
COMMENT ON COLUMN harthio.provider_score.breaker IS '0 closed: in use; 1 open: left alone; 2 half open: tried by single sessions';
COMMENT ON COLUMN harthio.provider_score.reason IS 'why the breaker was last opened: 0 never, 1 failures, 2 another was better';
COMMENT ON COLUMN harthio.provider_score.consecutive IS 'failures in a row, of different reporters';
COMMENT ON COLUMN harthio.provider_score.ejections IS 'openings for failures that time has not forgiven';
COMMENT ON COLUMN harthio.provider_score.demotions IS 'openings since another was better';
COMMENT ON COLUMN harthio.provider_score.verdicts IS 'verdicts since the breaker last closed';
COMMENT ON COLUMN harthio.provider_score.failed IS 'failures among them';
COMMENT ON COLUMN harthio.provider_score.probes_ok IS 'successful probes since it is half open';
COMMENT ON COLUMN harthio.provider_score.successes IS 'success verdicts';
COMMENT ON COLUMN harthio.provider_score.failures IS 'failure verdicts';
COMMENT ON COLUMN harthio.provider_score.last_success_at IS 'last success verdict';
COMMENT ON COLUMN harthio.provider_score.last_failure_at IS 'last failure verdict';
COMMENT ON COLUMN harthio.provider_score.provider IS 'that it is about';

CREATE TABLE harthio.score_history (
	provider text COLLATE "C" NOT NULL REFERENCES harthio.provider ON DELETE CASCADE,
	minute timestamptz NOT NULL,
	score double precision NOT NULL,
	PRIMARY KEY (provider, minute)
);
COMMENT ON TABLE harthio.score_history IS 'Scores over time: the last one of each minute in which something was learnt, for seven days';
COMMENT ON COLUMN harthio.score_history.minute IS 'its beginning';
COMMENT ON COLUMN harthio.score_history.score IS '0 to 100, higher is better';
COMMENT ON COLUMN harthio.score_history.provider IS 'that it is about';

CREATE TABLE harthio.assignment (
	session_id text COLLATE "C" NOT NULL,
	epoch integer NOT NULL CHECK (epoch >= 1),
	provider text COLLATE "C",
	room text,
	reason text NOT NULL,
	claimed_by text NOT NULL,
	assigned_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	generation integer NOT NULL,
	scope text COLLATE "C" NOT NULL DEFAULT '',
	PRIMARY KEY (session_id, epoch),
	CHECK ((provider IS NULL) = (room IS NULL))
);
COMMENT ON TABLE harthio.assignment IS 'Which provider carries a session in which epoch; rows are inserted and never changed';
COMMENT ON COLUMN harthio.assignment.session_id IS 'one call: 1 to 128 of A-Z a-z 0-9 _ -';
COMMENT ON COLUMN harthio.assignment.epoch IS '1, 2, 3 ... within a session: a claim, a switch and an end each make the next one';
COMMENT ON COLUMN harthio.assignment.provider IS 'null: the session ended with this epoch';
COMMENT ON COLUMN harthio.assignment.room IS 'where to go on that provider';
COMMENT ON COLUMN harthio.assignment.reason IS 'claimed, reopened, failed, evacuated, ended, expired, or what the caller of harthio_switch_provider gave';
COMMENT ON COLUMN harthio.assignment.claimed_by IS 'participant who caused this epoch';
COMMENT ON COLUMN harthio.assignment.generation IS 'timeline of the database when the row was written';
COMMENT ON COLUMN harthio.assignment.scope IS 'kind of network, see harthio.scope';
COMMENT ON COLUMN harthio.assignment.assigned_at IS 'when the epoch was made';

CREATE TABLE harthio.participant (
	session_id text COLLATE "C" NOT NULL,
	participant_id text COLLATE "C" NOT NULL,
	device text COLLATE "C" NOT NULL DEFAULT '',
	incarnation bigint NOT NULL DEFAULT 0,
	info jsonb NOT NULL DEFAULT '{}',
	joined_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	left_at timestamptz,
	lost boolean NOT NULL DEFAULT false,
	PRIMARY KEY (session_id, participant_id, device)
);
COMMENT ON TABLE harthio.participant IS 'Who is, or was, in a session, and with which of its devices';
COMMENT ON COLUMN harthio.participant.device IS 'one of the participant''s devices, as it names itself; empty if it does not';
COMMENT ON COLUMN harthio.participant.incarnation IS 'life of the device, such as a page load; the newest one speaks for it';
COMMENT ON COLUMN harthio.participant.participant_id IS 'the JWT''s sub, or as given by a trusted caller, or the name of the login role';
COMMENT ON COLUMN harthio.participant.info IS 'what the participant said of itself when it joined';
COMMENT ON COLUMN harthio.participant.left_at IS 'null while the device is there';
COMMENT ON COLUMN harthio.participant.lost IS 'it left only because no notifier had it any more; attached again before the session ends it is present again';
COMMENT ON COLUMN harthio.participant.session_id IS 'one call';
COMMENT ON COLUMN harthio.participant.joined_at IS 'when the participant, or this device, last came';

CREATE TABLE harthio.outcome (
	session_id text COLLATE "C" NOT NULL,
	epoch integer NOT NULL,
	participant_id text COLLATE "C" NOT NULL,
	success boolean NOT NULL,
	verdict boolean NOT NULL,
	counted boolean NOT NULL CHECK (counted OR NOT verdict),
	provider text COLLATE "C" NOT NULL,
	connect_ms integer CHECK (connect_ms >= 0),
	detail jsonb NOT NULL DEFAULT '{}',
	reported_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	place text COLLATE "C" NOT NULL GENERATED ALWAYS AS (CASE WHEN verdict THEN '' ELSE participant_id END) STORED,
	PRIMARY KEY (session_id, epoch, success, place)
);
COMMENT ON TABLE harthio.outcome IS 'Reports of participants that they connected, or failed, at an epoch';
COMMENT ON COLUMN harthio.outcome.verdict IS 'the one report of its session, epoch and kind that moved a score: with it a majority of the members agreed';
COMMENT ON COLUMN harthio.outcome.counted IS 'of a member, about the epoch that it was in, and not the client''s own fault';
COMMENT ON COLUMN harthio.outcome.provider IS 'the provider of that epoch';
COMMENT ON COLUMN harthio.outcome.connect_ms IS 'time from the claim to the connection, in milliseconds';
COMMENT ON COLUMN harthio.outcome.detail IS 'what the participant said of it';
COMMENT ON COLUMN harthio.outcome.session_id IS 'one call';
COMMENT ON COLUMN harthio.outcome.epoch IS 'that the report is about';
COMMENT ON COLUMN harthio.outcome.participant_id IS 'who reports';
COMMENT ON COLUMN harthio.outcome.success IS 'it connected; false: it failed';
COMMENT ON COLUMN harthio.outcome.reported_at IS 'when the report came';
COMMENT ON COLUMN harthio.outcome.place IS 'empty: the one place for the verdict of its session, epoch and kind; or the participant''s own';

CREATE TABLE harthio.session_quality (
	session_id text COLLATE "C" NOT NULL,
	participant_id text COLLATE "C" NOT NULL,
	joined_at timestamptz NOT NULL,
	left_at timestamptz NOT NULL,
	present interval NOT NULL,
	measured interval NOT NULL,
	bad interval NOT NULL,
	samples bigint NOT NULL CHECK (samples > 0),
	min_quality double precision NOT NULL,
	avg_quality double precision NOT NULL,
	max_quality double precision NOT NULL,
	drops integer NOT NULL,
	switches integer NOT NULL,
	lowest_rung integer NOT NULL,
	PRIMARY KEY (session_id, participant_id)
);
COMMENT ON TABLE harthio.session_quality IS 'How good a session was for each participant who was measured in it; written when it leaves, or the session ends, and added to when it comes back and leaves again';
COMMENT ON COLUMN harthio.session_quality.joined_at IS 'when it first came';
COMMENT ON COLUMN harthio.session_quality.left_at IS 'when it last left';
COMMENT ON COLUMN harthio.session_quality.present IS 'time in the session';
COMMENT ON COLUMN harthio.session_quality.measured IS 'time between samples; a silence of more than 15 seconds does not count';
COMMENT ON COLUMN harthio.session_quality.bad IS 'part of it in which the quality was below 40';
COMMENT ON COLUMN harthio.session_quality.samples IS 'quality reports that counted';
COMMENT ON COLUMN harthio.session_quality.min_quality IS 'smoothed quality at its lowest, 20 to 100';
COMMENT ON COLUMN harthio.session_quality.avg_quality IS 'its mean over the samples';
COMMENT ON COLUMN harthio.session_quality.max_quality IS 'at its highest';
COMMENT ON COLUMN harthio.session_quality.drops IS 'times that it fell below 40';
COMMENT ON COLUMN harthio.session_quality.switches IS 'provider switches of the session while it was there';
COMMENT ON COLUMN harthio.session_quality.lowest_rung IS 'lowest rung that it needed: lines of the picture, 0 is audio only';
COMMENT ON COLUMN harthio.session_quality.session_id IS 'one call';
COMMENT ON COLUMN harthio.session_quality.participant_id IS 'who was measured';

--
-- Leases of notifiers, and what the sweeper has to look after
--
CREATE TABLE harthio.node (
	node_id text COLLATE "C" PRIMARY KEY,
	renewed_at timestamptz NOT NULL
);
COMMENT ON TABLE harthio.node IS 'Notifiers that hold a lease; not renewed for harthio.leave_grace it is taken away';
COMMENT ON COLUMN harthio.node.node_id IS 'one life of a notifier: another one after each start';
COMMENT ON COLUMN harthio.node.renewed_at IS 'when the notifier last said that it is alive';

CREATE TABLE harthio.attachment (
	session_id text COLLATE "C" NOT NULL,
	participant_id text COLLATE "C" NOT NULL,
	node_id text COLLATE "C" NOT NULL,
	detached_at timestamptz,
	PRIMARY KEY (session_id, participant_id, node_id)
);
CREATE INDEX attachment_detached ON harthio.attachment (session_id, detached_at) WHERE detached_at IS NOT NULL;
COMMENT ON TABLE harthio.attachment IS 'At which notifiers participants are; who has been at none for harthio.leave_grace leaves';
COMMENT ON COLUMN harthio.attachment.detached_at IS 'null while the participant is there';
COMMENT ON COLUMN harthio.attachment.session_id IS 'which may not have been claimed yet';
COMMENT ON COLUMN harthio.attachment.participant_id IS 'who is connected';
COMMENT ON COLUMN harthio.attachment.node_id IS 'notifier at which';

CREATE TABLE harthio.vacancy (
	session_id text COLLATE "C" PRIMARY KEY,
	since timestamptz NOT NULL
);
COMMENT ON TABLE harthio.vacancy IS 'Sessions that somebody has left; after harthio.session_ttl they end if nobody is there';
COMMENT ON COLUMN harthio.vacancy.since IS 'when the last one left';
COMMENT ON COLUMN harthio.vacancy.session_id IS 'one call';

CREATE TABLE harthio.evacuation (
	provider text COLLATE "C" PRIMARY KEY REFERENCES harthio.provider ON DELETE CASCADE,
	requested_by text NOT NULL,
	started_at timestamptz NOT NULL,
	sessions integer NOT NULL,
	moved integer NOT NULL,
	finished_at timestamptz
);
COMMENT ON TABLE harthio.evacuation IS 'The last evacuation of each provider; one that was cancelled is gone';
COMMENT ON COLUMN harthio.evacuation.requested_by IS 'who asked for it; the epochs that it makes are by that one';
COMMENT ON COLUMN harthio.evacuation.sessions IS 'how many were on the provider when it started';
COMMENT ON COLUMN harthio.evacuation.moved IS 'how many the sweeper has moved so far; others may move by themselves';
COMMENT ON COLUMN harthio.evacuation.finished_at IS 'null while there are, or may be, sessions on the provider';
COMMENT ON COLUMN harthio.evacuation.provider IS 'that is being left';
COMMENT ON COLUMN harthio.evacuation.started_at IS 'when it was asked for';

--
-- A dump has what the tables hold
--
SELECT pg_catalog.pg_extension_config_dump('harthio.provider', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.scope', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.provider_score', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.score_history', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.assignment', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.participant', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.outcome', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.node', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.attachment', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.vacancy', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.evacuation', '');
SELECT pg_catalog.pg_extension_config_dump('harthio.session_quality', '');

--
-- What clients call.  For claims and reports the library pins the search_path
-- where it matters (extension/search_path.h): done here, it is felt.
--
CREATE TYPE @extschema@.harthio_assignment AS (
	session_id text,
	epoch integer,
	provider text,
	room text,
	is_new boolean,
	reason text,
	claimed_by text,
	assigned_at timestamptz,
	generation integer
);
COMMENT ON TYPE @extschema@.harthio_assignment IS 'A session''s provider in an epoch, as told to a caller; is_new: made by this very call; provider and room are null when the session has ended';

CREATE FUNCTION @extschema@.harthio_claim_provider(session_id text, participant_id text DEFAULT NULL, info jsonb DEFAULT '{}')
RETURNS @extschema@.harthio_assignment
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER;
REVOKE ALL ON FUNCTION @extschema@.harthio_claim_provider(text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_claim_provider(text, text, jsonb) IS
'Join a session and be told its provider: the first joiner fixes the best one for everybody. Repeating it changes nothing. info.net (p2p-ok, symmetric, udp-blocked, unknown) and info.region of the first joiner say in which kind of network the session is. info.device, 1 to 64 bytes, and info.incarnation, an integer from 0 to 2^53-1, say which device joins, and which life of it; the newest one replaces older ones. Errors: 22023 invalid session id, device or incarnation, 42501 another participant, or not allowed by harthio.authorize_function, 53400 session full, too many devices, or no provider has room, 55000 no provider enabled, or a newer incarnation is there, 40001 retry';

CREATE FUNCTION @extschema@.harthio_report_outcome(session_id text, epoch integer, success boolean, connect_ms integer DEFAULT NULL, detail jsonb DEFAULT '{}', participant_id text DEFAULT NULL)
RETURNS @extschema@.harthio_assignment
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER;
REVOKE ALL ON FUNCTION @extschema@.harthio_report_outcome(text, integer, boolean, integer, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_report_outcome(text, integer, boolean, integer, jsonb, text) IS
'Report that the participant connected at an epoch (after connect_ms milliseconds), or failed; a failure of the current epoch moves the whole session to the best other provider. detail.reason says why: permission_denied, no_device, user_cancelled, client_offline, signalling_lost and token_error are the client''s own fault, which is kept, and moves nobody. Returns the current assignment. Errors: 42704 unknown session, 22023 epoch of the future, 42501 not a participant, 55000 session ended, 40001 retry';

CREATE TYPE @extschema@.harthio_advice AS (
	score double precision,
	level text,
	rung integer,
	session_rung integer,
	max_kbps integer,
	max_fps integer,
	assignment @extschema@.harthio_assignment
);
COMMENT ON TYPE @extschema@.harthio_advice IS 'How good a participant''s connection is, how much it should send, and where to be; score (20 to 100) and level (excellent, good, fair, poor, lost) are smoothed, and null before the first sample of an epoch; rung is what the participant needs and session_rung what everybody sends at most, with max_kbps and max_fps: 720, 480, 360 or 240 lines, 0 is audio only';

CREATE FUNCTION @extschema@.harthio_report_quality(session_id text, epoch integer, metrics jsonb, participant_id text DEFAULT NULL)
RETURNS @extschema@.harthio_advice
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_report_quality(text, integer, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_report_quality(text, integer, jsonb, text) IS
'Report, about every five seconds, what the participant measured: rtt_ms, jitter_ms, jitter_buffer_ms, loss and video_loss (percent after repair), bitrate_kbps, target_kbps, fps, expected_fps, freeze_ratio (0 to 1), height, available_kbps; fec, muted, cpu_limited, screen_share (booleans). Missing or null is not measured. Returns advice; when most participants have been below 40 for 15 seconds it moves the session to a better provider. Errors: 42704 unknown session, 22023 invalid metric or epoch of the future, 42501 not a participant, 55000 session ended, 25006 read-only transaction, 40001 retry';

CREATE FUNCTION @extschema@.harthio_switch_provider(session_id text, epoch integer, reason text DEFAULT 'requested')
RETURNS @extschema@.harthio_assignment
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_switch_provider(text, integer, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_switch_provider(text, integer, text) IS
'Move the whole session to the best other provider if epoch is its current one; returns the current assignment either way. Errors: 42704 unknown session, 22023 epoch of the future, 42501 not a participant, 55000 session ended or no provider enabled, 40001 retry';

CREATE FUNCTION @extschema@.harthio_leave_session(session_id text, participant_id text DEFAULT NULL, device text DEFAULT NULL, incarnation bigint DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_leave_session(text, text, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_leave_session(text, text, text, bigint) IS
'Leave a session, with one device or with all (null), unless a newer incarnation is there; returns whether anybody left. Errors: 22023 invalid device or incarnation, 42704 unknown session, 42501 not a participant';

CREATE FUNCTION @extschema@.harthio_end_session(session_id text)
RETURNS @extschema@.harthio_assignment
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_end_session(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_end_session(text) IS
'End a session for everybody, in its next epoch; it can be claimed anew. Errors: 42704 unknown session, 42501 not a participant, 40001 retry';

CREATE FUNCTION @extschema@.harthio_session(session_id text)
RETURNS json
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_session(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_session(text) IS
'The state of a session, as it is pushed, and its participants: each once, with devices (device, incarnation) if one of them has a name. Errors: 42704 unknown session, 42501 not a participant';

--
-- What operators and their backends call
--
CREATE FUNCTION @extschema@.harthio_providers(OUT provider text, OUT score double precision, OUT band text, OUT enabled boolean, OUT priority integer, OUT successes bigint, OUT failures bigint, OUT last_outcome_at timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_providers() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_providers() IS
'The providers and their live scores (0 to 100); band: excellent from 80, good from 60, poor from 40, failed below; successes and failures are verdicts';

CREATE FUNCTION harthio.provider_scores(OUT scope text, OUT provider text, OUT score double precision, OUT evidence double precision, OUT successes bigint, OUT failures bigint, OUT last_success_at timestamptz, OUT last_failure_at timestamptz, OUT breaker text, OUT reason text, OUT open_until timestamptz, OUT sessions bigint, OUT sessions_per_minute double precision, OUT probe_ok boolean, OUT probe_latency_ms integer, OUT probed_at timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'harthio_provider_scores' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION harthio.provider_scores() FROM PUBLIC;
COMMENT ON FUNCTION harthio.provider_scores() IS
'What is known of the providers in each scope (empty: all sessions), live: score 0 to 100; evidence, the outcomes that it rests on, which fade; verdicts; breaker closed, open (until open_until) or half-open, and the reason why it was last opened; sessions on the provider now, in all scopes; new sessions a minute in the scope; the last health check';

CREATE FUNCTION @extschema@.harthio_report_probe(provider text, ok boolean, latency_ms integer DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_report_probe(text, boolean, integer) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_report_probe(text, boolean, integer) IS
'Tell the result of a health check of a provider from outside, and how long it took in milliseconds: two failed in a row keep sessions away from it, two good ones in a row after that let the first ones try it again. Errors: 42704 unknown provider';

CREATE FUNCTION harthio.activity_now(OUT claims bigint, OUT switches bigint, OUT ends bigint, OUT probes bigint, OUT retries bigint, OUT panics bigint, OUT ring_size integer, OUT ring_depth integer, OUT changes bigint, OUT overflows bigint, OUT publisher_pid integer, OUT publisher_lag_ms double precision, OUT batches bigint, OUT last_batch integer, OUT largest_batch integer, OUT last_batch_lag_ms double precision, OUT last_published_at timestamptz)
AS 'MODULE_PATHNAME', 'harthio_activity' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION harthio.activity_now() FROM PUBLIC;
COMMENT ON FUNCTION harthio.activity_now() IS 'See the view harthio.activity';

CREATE FUNCTION @extschema@.harthio_evacuate_provider(provider text)
RETURNS integer
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_evacuate_provider(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_evacuate_provider(text) IS
'Disable a provider and have the sweeper move the sessions on it, of which it returns the number; harthio.evacuation tells the progress. Errors: 42704 unknown provider, 55000 no other one is enabled';

CREATE FUNCTION @extschema@.harthio_drain_provider(provider text)
RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_drain_provider(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_drain_provider(text) IS
'Disable a provider: it takes no new sessions, and those on it stay. Errors: 42704 unknown provider';

CREATE FUNCTION @extschema@.harthio_enable_provider(provider text)
RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_enable_provider(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_enable_provider(text) IS
'Enable a provider, which cancels its evacuation. Errors: 42704 unknown provider';

CREATE FUNCTION harthio.sweep(OUT lost integer, OUT ended integer, OUT removed integer, OUT moved integer)
RETURNS record
AS 'MODULE_PATHNAME', 'harthio_sweep' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION harthio.sweep() FROM PUBLIC;
COMMENT ON FUNCTION harthio.sweep() IS
'Do now, in this transaction, what the sweeper does by itself; how many participants were lost, and how many sessions ended, removed and moved to another provider. Errors: 0A000 under REPEATABLE READ or SERIALIZABLE';

--
-- What notifiers call
--
CREATE FUNCTION @extschema@.harthio_authorize(session_id text, participant_id text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_authorize(text, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_authorize(text, text) IS
'May the caller, by its request.jwt.claims, take part in the session? The session need not exist. See harthio.authorize_function. Errors: 22023 invalid session id, 55000 no such authorize function';

CREATE FUNCTION @extschema@.harthio_snapshot(session_ids text[], OUT session_id text, OUT state json)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_snapshot(text[]) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_snapshot(text[]) IS
'The current state of each of the sessions that exists';

CREATE FUNCTION @extschema@.harthio_attach(node_id text, session_id text, participant_ids text[])
RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_attach(text, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_attach(text, text, text[]) IS
'These, and only these, participants of the session are attached at this notifier. Returns whether it had a lease: if not it has one now, and should attach all its sessions again. node_id, 1 to 128 bytes, is for one life of the notifier. Errors: 22023 invalid id, 22004 null';

CREATE FUNCTION @extschema@.harthio_renew_lease(node_id text)
RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE ALL ON FUNCTION @extschema@.harthio_renew_lease(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.harthio_renew_lease(text) IS
'Renew the lease of a notifier; due several times in harthio.leave_grace. Returns the same as harthio_attach. Errors: 22023 invalid id, 22004 null';

CREATE FUNCTION harthio.probes(OUT provider text, OUT probe text)
RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT p.provider, p.probe FROM harthio.provider p WHERE p.probe IS NOT NULL ORDER BY p.provider
$$;
REVOKE ALL ON FUNCTION harthio.probes() FROM PUBLIC;
COMMENT ON FUNCTION harthio.probes() IS 'The providers that notifiers check, and how; what they find goes to harthio_report_probe';

CREATE FUNCTION harthio.protocol_version()
RETURNS integer
AS 'MODULE_PATHNAME', 'harthio_protocol_version' LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION harthio.protocol_version() FROM PUBLIC;
COMMENT ON FUNCTION harthio.protocol_version() IS
'What a notifier must speak. Errors: 55000 the library is not preloaded, or harthio.database is another database';

CREATE FUNCTION harthio.note_message()
RETURNS trigger
AS 'MODULE_PATHNAME', 'harthio_note_message' LANGUAGE C;
REVOKE ALL ON FUNCTION harthio.note_message() FROM PUBLIC;
COMMENT ON FUNCTION harthio.note_message() IS
'Trigger of realtime.messages (harthio_realtime.sql): notifiers look for new messages once the transaction is committed. Errors: 39P01 not called as a trigger; 55000 the library is not preloaded, or harthio.database is another database; 0A000 at PREPARE TRANSACTION';

--
-- To look at.  Who may see them: members of pg_monitor.
--
CREATE VIEW harthio.provider_stats AS
SELECT p.provider, p.enabled, p.priority, p.base_score, p.max_sessions,
	coalesce(s.score, p.base_score) AS score,
	CASE WHEN coalesce(s.score, p.base_score) >= 80::double precision THEN 'excellent'
		WHEN coalesce(s.score, p.base_score) >= 60::double precision THEN 'good'
		WHEN coalesce(s.score, p.base_score) >= 40::double precision THEN 'poor'
		ELSE 'failed' END AS band,
	coalesce(s.sessions, 0) AS sessions,
	coalesce(s.breaker, 'closed') AS breaker, s.reason AS breaker_reason, s.open_until,
	coalesce(s.successes, 0) AS successes, coalesce(s.failures, 0) AS failures,
	s.last_success_at, s.last_failure_at,
	o.reports, o.success_rate, o.connect_ms_p50, o.connect_ms_p95,
	s.probe_ok, s.probe_latency_ms, s.probed_at,
	(SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(h.minute, h.score) ORDER BY h.minute)
	   FROM harthio.score_history h
	  WHERE h.provider = p.provider
	    AND h.minute > pg_catalog.now() - interval '1 day') AS score_history
FROM harthio.provider p
LEFT JOIN harthio.provider_scores() s ON s.scope = '' AND s.provider = p.provider
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) AS reports,
		pg_catalog.avg(r.success::integer)::double precision AS success_rate,
		pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY r.connect_ms) FILTER (WHERE r.success) AS connect_ms_p50,
		pg_catalog.percentile_cont(0.95) WITHIN GROUP (ORDER BY r.connect_ms) FILTER (WHERE r.success) AS connect_ms_p95
	  FROM harthio.outcome r
	 WHERE r.provider = p.provider AND r.counted
	   AND r.reported_at > pg_catalog.now() - interval '1 day') o;
COMMENT ON VIEW harthio.provider_stats IS 'Each provider: what the operator set, its live score, sessions and breaker, and its last day';
COMMENT ON COLUMN harthio.provider_stats.score IS '0 to 100, live';
COMMENT ON COLUMN harthio.provider_stats.sessions IS 'on it now';
COMMENT ON COLUMN harthio.provider_stats.breaker IS 'closed: in use; open: left alone until open_until; half-open: tried by single sessions';
COMMENT ON COLUMN harthio.provider_stats.breaker_reason IS 'why it was last opened';
COMMENT ON COLUMN harthio.provider_stats.successes IS 'success verdicts, ever';
COMMENT ON COLUMN harthio.provider_stats.failures IS 'failure verdicts, ever';
COMMENT ON COLUMN harthio.provider_stats.reports IS 'reports of the last day that count';
COMMENT ON COLUMN harthio.provider_stats.success_rate IS '0 to 1, of these';
COMMENT ON COLUMN harthio.provider_stats.connect_ms_p50 IS 'median time to connect on the last day, in milliseconds';
COMMENT ON COLUMN harthio.provider_stats.connect_ms_p95 IS 'what 95 of 100 did not exceed';
COMMENT ON COLUMN harthio.provider_stats.probe_ok IS 'the last health check';
COMMENT ON COLUMN harthio.provider_stats.score_history IS '[minute, score] pairs of the last day, for the minutes in which something was learnt';
COMMENT ON COLUMN harthio.provider_stats.provider IS 'name';
COMMENT ON COLUMN harthio.provider_stats.enabled IS 'false: takes no new sessions';
COMMENT ON COLUMN harthio.provider_stats.priority IS 'decides between equal scores: the lower number wins';
COMMENT ON COLUMN harthio.provider_stats.base_score IS 'score before anything was learnt';
COMMENT ON COLUMN harthio.provider_stats.max_sessions IS 'sessions that it carries at a time; null: no limit';
COMMENT ON COLUMN harthio.provider_stats.band IS 'excellent from 80, good from 60, poor from 40, failed below';
COMMENT ON COLUMN harthio.provider_stats.open_until IS 'null unless the breaker is open';
COMMENT ON COLUMN harthio.provider_stats.last_success_at IS 'last success verdict';
COMMENT ON COLUMN harthio.provider_stats.last_failure_at IS 'last failure verdict';
COMMENT ON COLUMN harthio.provider_stats.probe_latency_ms IS 'how long it took, in milliseconds';
COMMENT ON COLUMN harthio.provider_stats.probed_at IS 'when it was';

CREATE VIEW harthio.session_overview AS
SELECT a.session_id, a.epoch, a.provider, a.room, a.reason, a.claimed_by, a.assigned_at, a.scope,
	opened.assigned_at AS opened_at,
	a.epoch - opened.epoch AS switches,
	(SELECT pg_catalog.count(DISTINCT p.participant_id) FROM harthio.participant p
	  WHERE p.session_id = a.session_id AND p.left_at IS NULL) AS participants
FROM harthio.assignment a
CROSS JOIN LATERAL (
	SELECT o.epoch, o.assigned_at FROM harthio.assignment o
	 WHERE o.session_id = a.session_id AND o.reason IN ('claimed', 'reopened')
	 ORDER BY o.epoch DESC LIMIT 1) opened
WHERE a.provider IS NOT NULL
  AND NOT EXISTS (SELECT FROM harthio.assignment n WHERE n.session_id = a.session_id AND n.epoch = a.epoch + 1);
COMMENT ON VIEW harthio.session_overview IS 'Each session that has not ended: where it is, since when, and how many are there';
COMMENT ON COLUMN harthio.session_overview.opened_at IS 'when it was claimed, or claimed anew after an end';
COMMENT ON COLUMN harthio.session_overview.switches IS 'epochs since then';
COMMENT ON COLUMN harthio.session_overview.participants IS 'present';
COMMENT ON COLUMN harthio.session_overview.session_id IS 'one call';
COMMENT ON COLUMN harthio.session_overview.epoch IS 'the current one';
COMMENT ON COLUMN harthio.session_overview.provider IS 'where the session is';
COMMENT ON COLUMN harthio.session_overview.room IS 'where on that provider';
COMMENT ON COLUMN harthio.session_overview.reason IS 'why it is there';
COMMENT ON COLUMN harthio.session_overview.claimed_by IS 'participant who caused this epoch';
COMMENT ON COLUMN harthio.session_overview.assigned_at IS 'since when';
COMMENT ON COLUMN harthio.session_overview.scope IS 'kind of network, see harthio.scope';

CREATE VIEW harthio.asymmetry AS
WITH confirmed AS (
	SELECT p.session_id, p.participant_id, o.epoch, o.provider, o.reported_at
	  FROM (SELECT DISTINCT session_id, participant_id FROM harthio.participant WHERE left_at IS NULL) p
	 CROSS JOIN LATERAL (
		SELECT r.epoch, r.provider, r.reported_at FROM harthio.outcome r
		 WHERE r.session_id = p.session_id AND r.participant_id = p.participant_id AND r.success AND r.counted
		 ORDER BY r.epoch DESC LIMIT 1) o)
SELECT behind.session_id,
	behind.participant_id AS behind, behind.epoch AS behind_epoch, behind.provider AS behind_provider,
	ahead.participant_id AS ahead, ahead.epoch AS ahead_epoch, ahead.provider AS ahead_provider,
	pg_catalog.clock_timestamp() - ahead.reported_at AS lasting
FROM confirmed behind
JOIN confirmed ahead ON ahead.session_id = behind.session_id AND ahead.epoch > behind.epoch;
COMMENT ON VIEW harthio.asymmetry IS 'Pairs of participants, both present, who last reported that they connected in different epochs; empty but for the moment of a switch';
COMMENT ON COLUMN harthio.asymmetry.behind IS 'participant who has not connected in the later epoch yet';
COMMENT ON COLUMN harthio.asymmetry.lasting IS 'since the other one has';
COMMENT ON COLUMN harthio.asymmetry.session_id IS 'one call';
COMMENT ON COLUMN harthio.asymmetry.behind_epoch IS 'in which that one last connected';
COMMENT ON COLUMN harthio.asymmetry.behind_provider IS 'of that epoch';
COMMENT ON COLUMN harthio.asymmetry.ahead IS 'participant who has connected in a later epoch';
COMMENT ON COLUMN harthio.asymmetry.ahead_epoch IS 'which that is';
COMMENT ON COLUMN harthio.asymmetry.ahead_provider IS 'of that epoch';

CREATE VIEW harthio.activity AS SELECT * FROM harthio.activity_now();
COMMENT ON VIEW harthio.activity IS 'What has happened since the server started, and how far the publisher is behind';
COMMENT ON COLUMN harthio.activity.claims IS 'sessions opened, also anew';
COMMENT ON COLUMN harthio.activity.switches IS 'epochs that moved a session';
COMMENT ON COLUMN harthio.activity.ends IS 'sessions ended';
COMMENT ON COLUMN harthio.activity.probes IS 'choices of a half open provider, by single sessions';
COMMENT ON COLUMN harthio.activity.retries IS 'choices of one that failed in the session, since all others were known to be worse';
COMMENT ON COLUMN harthio.activity.panics IS 'choices where no provider was usable';
COMMENT ON COLUMN harthio.activity.ring_depth IS 'changes that wait for the publisher';
COMMENT ON COLUMN harthio.activity.changes IS 'changes that came into the ring';
COMMENT ON COLUMN harthio.activity.overflows IS 'times that the ring was full, and notifiers were told to take snapshots';
COMMENT ON COLUMN harthio.activity.publisher_pid IS 'null: it does not run';
COMMENT ON COLUMN harthio.activity.publisher_lag_ms IS 'for how long the oldest change has been waiting, in milliseconds; 0: none is';
COMMENT ON COLUMN harthio.activity.batches IS 'transactions in which the publisher notified';
COMMENT ON COLUMN harthio.activity.last_batch IS 'changes in the last one';
COMMENT ON COLUMN harthio.activity.last_batch_lag_ms IS 'from the commit of its first change to its own';
COMMENT ON COLUMN harthio.activity.ring_size IS 'changes that fit into the ring';
COMMENT ON COLUMN harthio.activity.largest_batch IS 'changes in the largest one';
COMMENT ON COLUMN harthio.activity.last_published_at IS 'when the publisher last notified; null: not yet';

CREATE VIEW harthio.switches AS
SELECT a.session_id, a.epoch, f.provider AS from_provider, a.provider AS to_provider, a.reason,
	a.claimed_by AS caused_by, a.assigned_at AS switched_at
FROM harthio.assignment a
JOIN harthio.assignment f ON f.session_id = a.session_id AND f.epoch = a.epoch - 1
WHERE a.epoch > 1 AND a.provider IS NOT NULL AND f.provider IS NOT NULL;
COMMENT ON VIEW harthio.switches IS 'Each epoch that moved a session from one provider to another, for as long as its rows are kept';
COMMENT ON COLUMN harthio.switches.session_id IS 'one call';
COMMENT ON COLUMN harthio.switches.epoch IS 'that began with the switch';
COMMENT ON COLUMN harthio.switches.from_provider IS 'of the epoch before';
COMMENT ON COLUMN harthio.switches.to_provider IS 'where the session went';
COMMENT ON COLUMN harthio.switches.reason IS 'failed, evacuated, or what the caller of harthio_switch_provider gave';
COMMENT ON COLUMN harthio.switches.caused_by IS 'participant, or operator, who caused it';
COMMENT ON COLUMN harthio.switches.switched_at IS 'when';

--
-- All that the operator's page shows, of one moment.  Lists are bounded: the page
-- asks each second.
--
CREATE FUNCTION harthio.operator_state()
RETURNS json LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH stats AS MATERIALIZED (SELECT * FROM harthio.provider_stats),
apart AS MATERIALIZED (SELECT * FROM harthio.asymmetry)
SELECT json_build_object(
	'now', clock_timestamp(),
	'sessions', json_build_object(
		'count', (SELECT coalesce(sum(sessions), 0) FROM stats),
		'newest', (SELECT coalesce(json_agg(n), '[]') FROM (
			SELECT session_id, epoch, provider, reason, scope, participants, switches, opened_at, assigned_at
			  FROM harthio.session_overview ORDER BY assigned_at DESC, session_id LIMIT 100) n)),
	'providers', (SELECT coalesce(json_agg(p), '[]') FROM (
		SELECT provider, enabled, priority, max_sessions, score, band, sessions, breaker, breaker_reason, open_until,
			successes, failures, reports, success_rate, connect_ms_p50, connect_ms_p95, probe_ok, probe_latency_ms,
			(SELECT coalesce(json_agg(json_build_array(h.minute, h.score) ORDER BY h.minute), '[]') FROM harthio.score_history h
			  WHERE h.provider = stats.provider AND h.minute > now() - interval '3 hours') AS score_history
		  FROM stats ORDER BY stats.priority, stats.provider) p),
	'asymmetry', json_build_object(
		'count', (SELECT count(*) FROM apart),
		'longest', (SELECT coalesce(json_agg(a), '[]') FROM (
			SELECT session_id, behind, behind_epoch, behind_provider, ahead, ahead_epoch, ahead_provider,
				extract(epoch FROM lasting)::double precision AS lasting_seconds
			  FROM apart ORDER BY lasting DESC, session_id, behind, ahead LIMIT 50) a)),
	'switches', (SELECT coalesce(json_agg(w), '[]') FROM (
		SELECT * FROM harthio.switches WHERE switched_at > now() - interval '1 day'
		 ORDER BY switched_at DESC, session_id LIMIT 50) w),
	'evacuations', (SELECT coalesce(json_agg(e ORDER BY e.provider), '[]') FROM harthio.evacuation e),
	'activity', (SELECT row_to_json(c) FROM harthio.activity c))
$$;
REVOKE ALL ON FUNCTION harthio.operator_state() FROM PUBLIC;
COMMENT ON FUNCTION harthio.operator_state() IS
'What the operator''s page shows, as the caller may see it: the sessions (count, and the 100 claimed or switched last), each provider with its scores of three hours ([minute, score]), who is apart from whom (count, and the 50 pairs that have been so for longest), the last 50 switches of a day, evacuations, and harthio.activity';

-- refuse a server that is not prepared now, not at the first call
SELECT harthio.protocol_version();

--
-- Default privileges of the database, which hosts set for schema public, may
-- have granted rights on what was made above.  They end here.
--
DO $$
DECLARE
	grant_ record;
BEGIN
	FOR grant_ IN
		SELECT 'FUNCTION' AS kind, p.oid::regprocedure::text AS object, a.grantee::regrole::text AS role
		  FROM pg_catalog.pg_depend d, pg_catalog.pg_proc p, pg_catalog.pg_extension e, pg_catalog.aclexplode(p.proacl) a
		 WHERE d.deptype = 'e' AND d.classid = 'pg_catalog.pg_proc'::regclass::oid AND p.oid = d.objid
		   AND d.refobjid = e.oid AND e.extname = 'harthio' AND a.grantee NOT IN (0::oid, p.proowner)
		UNION
		SELECT 'TABLE', c.oid::regclass::text, a.grantee::regrole::text
		  FROM pg_catalog.pg_depend d, pg_catalog.pg_class c, pg_catalog.pg_extension e, pg_catalog.aclexplode(c.relacl) a
		 WHERE d.deptype = 'e' AND d.classid = 'pg_catalog.pg_class'::regclass::oid AND c.oid = d.objid
		   AND d.refobjid = e.oid AND e.extname = 'harthio' AND a.grantee NOT IN (0::oid, c.relowner)
		UNION
		SELECT 'SCHEMA', n.nspname::text, a.grantee::regrole::text
		  FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
		 WHERE n.nspname = 'harthio' AND a.grantee NOT IN (0::oid, n.nspowner)
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', grant_.kind, grant_.object, grant_.role);
	END LOOP;
END
$$;

--
-- Rights for those who monitor, for the roles of a Supabase-like setup and for
-- the notifier's role, where they exist.  Others are granted by the operator.
--
GRANT USAGE ON SCHEMA harthio TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.harthio_providers(), harthio.provider_scores(), harthio.activity_now() TO pg_monitor;
GRANT SELECT ON harthio.provider_stats, harthio.session_overview, harthio.asymmetry, harthio.activity, harthio.evacuation TO pg_monitor;
GRANT EXECUTE ON FUNCTION harthio.operator_state() TO pg_monitor;
GRANT SELECT ON harthio.switches, harthio.score_history TO pg_monitor;
DO $$
DECLARE
	client_functions constant text :=
		'@extschema@.harthio_claim_provider(text, text, jsonb), '
		'@extschema@.harthio_report_outcome(text, integer, boolean, integer, jsonb, text), '
		'@extschema@.harthio_report_quality(text, integer, jsonb, text), '
		'@extschema@.harthio_switch_provider(text, integer, text), '
		'@extschema@.harthio_leave_session(text, text, text, bigint), '
		'@extschema@.harthio_end_session(text), '
		'@extschema@.harthio_session(text)';
BEGIN
	IF pg_catalog.to_regrole('authenticated') IS NOT NULL THEN
		EXECUTE 'GRANT EXECUTE ON FUNCTION ' || client_functions || ' TO authenticated';
	END IF;
	IF pg_catalog.to_regrole('service_role') IS NOT NULL THEN
		EXECUTE 'GRANT EXECUTE ON FUNCTION ' || client_functions || ' TO service_role';
		GRANT EXECUTE ON FUNCTION
			@extschema@.harthio_providers(),
			@extschema@.harthio_report_probe(text, boolean, integer),
			@extschema@.harthio_evacuate_provider(text),
			@extschema@.harthio_drain_provider(text),
			@extschema@.harthio_enable_provider(text)
			TO service_role;
	END IF;
	IF pg_catalog.to_regrole('harthio_notifier') IS NOT NULL THEN
		GRANT USAGE ON SCHEMA harthio TO harthio_notifier;
		GRANT EXECUTE ON FUNCTION
			harthio.protocol_version(),
			harthio.probes(),
			harthio.activity_now(),
			@extschema@.harthio_authorize(text, text),
			@extschema@.harthio_snapshot(text[]),
			@extschema@.harthio_report_probe(text, boolean, integer),
			@extschema@.harthio_attach(text, text, text[]),
			@extschema@.harthio_renew_lease(text)
			TO harthio_notifier;
	END IF;
END
$$;
