--
-- harthio_report_quality: measurements in, advice out.
--
-- harthio.clock_offset makes the time pass that a report is said to be later.
--
CREATE FUNCTION pg_temp.at(seconds numeric) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('harthio.clock_offset', seconds::text, false);
$$;
CREATE FUNCTION pg_temp.report(session text, who text, seconds numeric, metrics jsonb)
RETURNS TABLE (score numeric, level text, rung integer, session_rung integer)
LANGUAGE sql AS $$
	SELECT pg_temp.at(seconds);
	SELECT round(a.score::numeric, 1), a.level, a.rung, a.session_rung
	  FROM harthio_report_quality(session, 1, metrics, who) a;
$$;
CREATE FUNCTION pg_temp.join(session text, VARIADIC who text[]) RETURNS void LANGUAGE sql AS $$
	SELECT harthio_claim_provider(session, w) FROM unnest(who) w;
$$;

-- the check values of the model: R / 0.932 within rounding
CREATE TEMP TABLE checks (who text, rtt numeric, jitter numeric, loss numeric, r numeric);
INSERT INTO checks VALUES
	('p0', 40, 5, 0, 92.0), ('p1', 100, 10, 0.5, 88.7), ('p2', 150, 15, 1, 85.7), ('p3', 200, 20, 2, 80.7),
	('p4', 320, 12, 1.2, 80.0), ('p5', 300, 30, 3, 69.5), ('p6', 400, 40, 5, 53.5), ('p7', 600, 60, 8, 26.6),
	('p8', 100, 5, 10, 59.6), ('p9', 50, 5, 20, 44.4);
SELECT pg_temp.join('q-check', VARIADIC (SELECT array_agg(who) FROM checks));
SELECT who, abs(a.score - r / 0.932) < 0.06 AS right, a.level
  FROM checks, harthio_report_quality('q-check', 1, jsonb_build_object(
		'rtt_ms', rtt, 'jitter_ms', jitter, 'loss', loss, 'fec', true), who) a
 ORDER BY who;
SELECT epoch FROM harthio_end_session('q-check');

-- the whole answer
SELECT pg_temp.join('q-answer', 'alice', 'bob');
SELECT score, level, rung, session_rung, max_kbps, max_fps, (assignment).session_id, (assignment).epoch,
	(assignment).provider IS NOT NULL AS open, (assignment).is_new, (assignment).reason, (assignment).claimed_by
  FROM harthio_report_quality('q-answer', 1, '{"video_loss": 3}', 'alice');
SELECT row_to_json(a)::jsonb -> 'assignment' ->> 'epoch' AS epoch_in_json
  FROM harthio_report_quality('q-answer', 1, '{}', 'alice') a;

-- what is unknown is ignored; null is not measured; flags are booleans
SELECT * FROM pg_temp.report('q-answer', 'bob', 0,
	'{"video_loss": 3, "rtt_ms": null, "fec": null, "codec": "VP8", "nested": {"rtt_ms": "x"}, "RTT_MS": -1}');

-- getting worse shows soon, getting better slowly
SELECT * FROM pg_temp.report('q-answer', 'alice', 5, '{"video_loss": 5.5}');
SELECT * FROM pg_temp.report('q-answer', 'alice', 10, '{"video_loss": 3}');

-- what measures nothing is answered and not counted
SELECT * FROM pg_temp.report('q-answer', 'alice', 15, '{"video_loss": 9, "muted": true}');
SELECT * FROM pg_temp.report('q-answer', 'alice', 15, '{"target_kbps": 1500, "height": 720}');
SELECT * FROM pg_temp.report('q-answer', 'alice', 15, '{}');
SELECT pg_temp.join('q-answer', 'mute');
SELECT * FROM pg_temp.report('q-answer', 'mute', 15, '{"muted": true}');

-- nor is who reports too often
SELECT * FROM pg_temp.report('q-answer', 'alice', 15, '{"video_loss": 3}');
SELECT * FROM pg_temp.report('q-answer', 'alice', 17, '{"video_loss": 9}');
SELECT * FROM pg_temp.report('q-answer', 'alice', 18, '{"video_loss": 3}');

-- the session is on the lowest rung that somebody needs, at once
SELECT pg_temp.join('q-rung', 'alice', 'bob');
CREATE FUNCTION pg_temp.state_rung(session text) RETURNS text LANGUAGE sql AS $$
	SELECT (s.state ->> 'rung') || '/' || (harthio_session(session) ->> 'rung') FROM harthio_snapshot(ARRAY[session]) s;
$$;
SELECT pg_temp.state_rung('q-rung');
SELECT * FROM pg_temp.report('q-rung', 'bob', 0, '{"rtt_ms": 20, "loss": 0}');
SELECT * FROM pg_temp.report('q-rung', 'alice', 0, '{"rtt_ms": 20, "loss": 16}');
SELECT pg_temp.state_rung('q-rung');
SELECT * FROM pg_temp.report('q-rung', 'bob', 5, '{"rtt_ms": 20, "loss": 0}');
SELECT max_kbps, max_fps FROM harthio_report_quality('q-rung', 1, '{}', 'bob');

-- up one at a time: three good samples and 20 seconds
SELECT pg_temp.report('q-rung', 'alice', t, '{"rtt_ms": 20, "loss": 0}') FROM generate_series(5, 15, 5) t;
SELECT * FROM pg_temp.report('q-rung', 'alice', 20, '{"rtt_ms": 20, "loss": 0}');
SELECT pg_temp.report('q-rung', 'alice', t, '{"rtt_ms": 20, "loss": 0}') FROM generate_series(25, 35, 5) t;
SELECT * FROM pg_temp.report('q-rung', 'alice', 40, '{"rtt_ms": 20, "loss": 0}');
SELECT pg_temp.state_rung('q-rung');

-- audio only, when even 240 lines are too many for long
SELECT pg_temp.report('q-rung', 'alice', t, '{"rtt_ms": 20, "loss": 40}') FROM generate_series(45, 65, 5) t;
SELECT rung, session_rung, max_kbps, max_fps FROM harthio_report_quality('q-rung', 1, '{}', 'alice');

-- who needed it has left: the others climb slowly
SELECT harthio_leave_session('q-rung', 'alice');
SELECT * FROM pg_temp.report('q-rung', 'bob', 67, '{"rtt_ms": 20, "loss": 0}');
SELECT pg_temp.report('q-rung', 'bob', t, '{"rtt_ms": 20, "loss": 0}') FROM generate_series(70, 85, 5) t;

-- a session that has ended has no rung; opened again, it begins at the top
SELECT epoch FROM harthio_end_session('q-rung');
SELECT (state ->> 'rung') IS NULL AS none FROM harthio_snapshot('{q-rung}');
SELECT pg_temp.join('q-rung', 'alice');
SELECT pg_temp.state_rung('q-rung');

-- an older epoch is answered and not counted; a new one begins anew, its rung does not
SELECT pg_temp.join('q-epoch', 'alice', 'bob');
SELECT * FROM pg_temp.report('q-epoch', 'alice', 0, '{"video_loss": 8}');
SELECT epoch FROM harthio_switch_provider('q-epoch', 1);
SELECT score, rung, (assignment).epoch FROM harthio_report_quality('q-epoch', 1, '{"video_loss": 0}', 'alice');
SELECT score, rung, (assignment).epoch FROM harthio_report_quality('q-epoch', 2, '{"muted": true}', 'alice');
SELECT pg_temp.at(5);
SELECT score, rung, (assignment).epoch FROM harthio_report_quality('q-epoch', 2, '{"video_loss": 2}', 'alice');

-- a savepoint or transaction that is rolled back told nobody of a rung: the next one does
SELECT pg_temp.join('q-tell', 'alice');
BEGIN;
SELECT * FROM pg_temp.report('q-tell', 'alice', 0, '{"video_loss": 8}');
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS tells;
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT * FROM pg_temp.report('q-tell', 'alice', 0, '{}');
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS tells;
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT out;
SAVEPOINT ins;
SELECT * FROM pg_temp.report('q-tell', 'alice', 0, '{}');
RELEASE ins;
ROLLBACK TO out;
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT * FROM pg_temp.report('q-tell', 'alice', 0, '{}');
RELEASE s;
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS tells;
COMMIT;
BEGIN;
SELECT * FROM pg_temp.report('q-tell', 'alice', 0, '{}');
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS tells;
COMMIT;

-- so does the first report in a session: clients may know of a rung from before
SELECT pg_temp.join('q-first', 'alice');
BEGIN;
SELECT * FROM pg_temp.report('q-first', 'alice', 0, '{"video_loss": 0}');
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS tells;
COMMIT;
BEGIN;
SELECT * FROM pg_temp.report('q-first', 'alice', 0, '{"video_loss": 0}');
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS tells;
COMMIT;

-- more participants than slots: the one that was sampled longest ago is forgotten
SELECT current_setting('harthio.quality_slots')::integer < 40 AS fewer_slots;
SELECT pg_temp.join('q-many', VARIADIC (SELECT array_agg('m' || n) FROM generate_series(1, 40) n));
SELECT count(*) FILTER (WHERE a.score > 90) AS measured
  FROM generate_series(1, 40) n, LATERAL pg_temp.report('q-many', 'm' || n, 1000 + n * 0.1, '{"rtt_ms": 20}') a;
SELECT score IS NULL AS forgotten FROM harthio_report_quality('q-many', 1, '{}', 'm1');
SELECT score IS NULL AS forgotten FROM harthio_report_quality('q-many', 1, '{}', 'm40');
SELECT count(harthio_leave_session('q-many', 'm' || n)) AS left FROM generate_series(1, 40) n;
SELECT count(*) = current_setting('harthio.quality_slots')::integer AS rows_of_the_others
  FROM harthio.session_quality WHERE session_id = 'q-many';

-- what can go wrong
CREATE FUNCTION pg_temp.try(metrics text, who text DEFAULT 'alice', epoch integer DEFAULT 1, session text DEFAULT 'q-errors')
RETURNS TABLE (code text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM harthio_report_quality(session, epoch, metrics::jsonb, who);
	code := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
SELECT pg_temp.join('q-errors', 'alice', 'bob');
\x on
SELECT * FROM pg_temp.try('{"rtt_ms": "20"}');
SELECT * FROM pg_temp.try('{"rtt_ms": true}');
SELECT * FROM pg_temp.try('{"rtt_ms": [20]}');
SELECT * FROM pg_temp.try('{"rtt_ms": -1}');
SELECT * FROM pg_temp.try('{"loss": 100.5}');
SELECT * FROM pg_temp.try('{"freeze_ratio": 2}');
SELECT * FROM pg_temp.try('{"bitrate_kbps": 1e400}');
SELECT * FROM pg_temp.try('{"bitrate_kbps": 1e99}');
SELECT code FROM pg_temp.try('{"rtt_ms": 1e-400, "jitter_ms": 0.0}');
SELECT * FROM pg_temp.try('{"muted": 1}');
SELECT code, message FROM pg_temp.try('{"fec": "yes"}');
SELECT code, message FROM pg_temp.try('{"cpu_limited": "yes"}');
SELECT code, message FROM pg_temp.try('{"screen_share": 0}');
SELECT * FROM pg_temp.try('[]');
SELECT code, message FROM pg_temp.try('"x"');
SELECT code, message FROM pg_temp.try(NULL);
SELECT code, message FROM pg_temp.try(format('{"x": "%s"}', repeat('x', 10000)));
SELECT * FROM pg_temp.try('{}', 'eve');
SELECT * FROM pg_temp.try('{}', epoch => 2);
SELECT code, message FROM pg_temp.try('{}', epoch => 0);
SELECT code, message FROM pg_temp.try('{}', session => 'q-nowhere');
SELECT code, message FROM pg_temp.try('{}', session => 'q nowhere');
SELECT harthio_leave_session('q-errors', 'bob');
SELECT code, message FROM pg_temp.try('{}', 'bob');
BEGIN READ ONLY;
SELECT * FROM pg_temp.try('{"rtt_ms": 20}');
COMMIT;
SELECT epoch FROM harthio_end_session('q-errors');
SELECT * FROM pg_temp.try('{}', epoch => 2);
SELECT code, message FROM pg_temp.try('{}');
SELECT code, message FROM pg_temp.try('{}', 'eve');
\x off

-- of all that only what was answered has counted
SELECT participant_id, samples FROM harthio.session_quality WHERE session_id = 'q-errors';
RESET harthio.clock_offset;
