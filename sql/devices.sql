--
-- A participant's devices, and the lives of a device.
--
CREATE FUNCTION pg_temp.claim(participant text, info jsonb) RETURNS TABLE (epoch integer, is_new boolean) LANGUAGE sql AS
	$$ SELECT epoch, is_new FROM harthio_claim_provider('devices', participant, info) $$;
CREATE FUNCTION pg_temp.participants() RETURNS TABLE (participant jsonb) LANGUAGE sql AS
	$$ SELECT p - 'joinedAt' FROM jsonb_array_elements(harthio_session('devices')::jsonb -> 'participants') p $$;
CREATE FUNCTION pg_temp.try(command text) RETURNS TABLE (code text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	code := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;

-- a participant is listed once, with its devices if they have names
SELECT * FROM pg_temp.claim('alice', '{"name": "Alice", "device": "tab-1", "incarnation": 10}');
SELECT * FROM pg_temp.claim('alice', '{"name": "Alice", "device": "tab-2", "incarnation": 20}');
SELECT * FROM pg_temp.claim('bob', '{"name": "Bob"}');
SELECT * FROM pg_temp.participants();
SELECT participant_id, device, incarnation, info FROM harthio.participant WHERE session_id = 'devices' ORDER BY 1, 2;

-- a reload replaces the page that was there, and nobody notices
CREATE TEMP TABLE before AS SELECT device, joined_at FROM harthio.participant WHERE session_id = 'devices' AND participant_id = 'alice';
SELECT * FROM pg_temp.claim('alice', '{"device": "tab-1", "incarnation": 11}');
SELECT device, incarnation, info, p.joined_at = before.joined_at AS as_before
  FROM harthio.participant p JOIN before USING (device) WHERE session_id = 'devices' AND participant_id = 'alice' ORDER BY 1;

-- what the old page still says is not meant any more
\x on
SELECT * FROM pg_temp.try($$ SELECT pg_temp.claim('alice', '{"device": "tab-1", "incarnation": 10}') $$);
\x off
SELECT harthio_leave_session('devices', 'alice', 'tab-1', 10);
SELECT harthio_leave_session('devices', 'alice', incarnation => 9);
SELECT * FROM pg_temp.participants();
SELECT count(*) AS notes FROM harthio.vacancy WHERE session_id = 'devices';

SELECT epoch, provider IS NOT NULL AS stays FROM harthio_report_outcome('devices', 1, false, 1, '{"device": "tab-1", "incarnation": 10}', 'alice');
SELECT counted FROM harthio.outcome WHERE session_id = 'devices';
DELETE FROM harthio.outcome WHERE session_id = 'devices';
-- its words are free to mean something else in a report; and two members,
-- with however many devices, need no majority
SELECT epoch FROM harthio_report_outcome('devices', 1, true, 1, '{"device": {"os": "x"}, "incarnation": 1}', 'alice');
SELECT epoch FROM harthio_report_outcome('devices', 1, true, 1, '{"device": "tab-1", "incarnation": "x"}', 'bob');
SELECT participant_id, counted, verdict FROM harthio.outcome WHERE session_id = 'devices' ORDER BY 1;
DELETE FROM harthio.outcome WHERE session_id = 'devices';

-- to be there already writes nothing
CREATE TEMP TABLE rows AS SELECT participant_id, device, xmin AS was_xmin, ctid AS was_ctid FROM harthio.participant WHERE session_id = 'devices';
SELECT * FROM pg_temp.claim('alice', '{"device": "tab-1", "incarnation": 11}');
SELECT * FROM pg_temp.claim('bob', '{}');
SELECT count(*) AS untouched FROM harthio.participant p JOIN rows r USING (participant_id, device)
 WHERE p.session_id = 'devices' AND p.xmin = was_xmin AND p.ctid = was_ctid;

-- somebody is there as long as one of its devices is
SELECT harthio_leave_session('devices', 'alice', 'tab-1', 11);
SELECT harthio_leave_session('devices', 'alice', 'tab-1', 11);
SELECT * FROM pg_temp.participants();
SELECT epoch FROM harthio_report_outcome('devices', 1, true, participant_id => 'alice');
SELECT verdict FROM harthio.outcome WHERE session_id = 'devices';
SELECT harthio_leave_session('devices', 'alice', 'never-seen');
SELECT harthio_leave_session('devices', 'alice');
SELECT * FROM pg_temp.participants();

-- with a name or without: without is one device, too
SELECT * FROM pg_temp.claim('bob', '{"device": "phone"}');
SELECT * FROM pg_temp.participants();
SELECT harthio_leave_session('devices', 'bob', device => 'phone', incarnation => 0);
SELECT * FROM pg_temp.participants();
SELECT * FROM pg_temp.claim('bob', '{"device": "phone"}');
SELECT harthio_leave_session('devices', 'bob', '');
SELECT * FROM pg_temp.participants();

-- who comes back is new
SELECT * FROM pg_temp.claim('alice', '{"device": "tab-1", "incarnation": 11}');
SELECT device, left_at IS NULL AS present, p.joined_at > before.joined_at AS anew
  FROM harthio.participant p JOIN before USING (device) WHERE session_id = 'devices' AND participant_id = 'alice' ORDER BY 1;

-- a limit counts participants, not devices
SET harthio.max_participants = 2;
SELECT * FROM pg_temp.claim('alice', '{"device": "tab-3"}');
SELECT code FROM pg_temp.try($$ SELECT pg_temp.claim('carol', '{}') $$);
SET harthio.max_participants = 3;
SELECT code FROM pg_temp.try($$ SELECT pg_temp.claim('carol', '{}') $$);
RESET harthio.max_participants;

-- there is an end to making up devices, and to what is remembered of them
SELECT count((harthio_claim_provider('devices', 'dave', jsonb_build_object('device', n::text))).epoch) FROM generate_series(1, 16) n;
\x on
SELECT * FROM pg_temp.try($$ SELECT pg_temp.claim('dave', '{"device": "17"}') $$);
\x off
SELECT count((harthio_claim_provider('devices', 'erin', jsonb_build_object('device', n::text))).epoch),
	count(harthio_leave_session('devices', 'erin', n::text)) FROM generate_series(1, 40) n;
SELECT * FROM pg_temp.claim('erin', '{"device": "41"}');
SELECT count(*) FILTER (WHERE left_at IS NULL) AS present, count(*) FILTER (WHERE left_at IS NOT NULL) AS left
  FROM harthio.participant WHERE session_id = 'devices' AND participant_id = 'erin';

-- what is not a device, and what is not an incarnation
SELECT info, t.code, t.message, t.detail FROM unnest(ARRAY[
	'{"device": ""}', '{"device": 7}', '{"device": null}', '{"device": "a\nb"}',
	'{"incarnation": -1}', '{"incarnation": 1.5}', '{"incarnation": "1"}', '{"incarnation": 1e400}',
	'{"incarnation": 9007199254740992}', '{"incarnation": 9007199254740991}', '{"incarnation": 0}']) AS info,
	pg_temp.try(format('SELECT harthio_claim_provider(%L, %L, %L)', 'devices-bad', 'alice', info)) t;
SELECT code, message, hint FROM pg_temp.try($$ SELECT pg_temp.claim('alice', jsonb_build_object('device', repeat('x', 65))) $$);
SELECT code, message FROM pg_temp.try($$ SELECT harthio_leave_session('devices', 'alice', repeat('x', 65)) $$);
SELECT code, message, detail, hint FROM pg_temp.try($$ SELECT harthio_leave_session('devices', 'alice', 'tab-1', -1) $$);
