--
-- Who is attached at no notifier any more leaves without saying so.
--
CREATE FUNCTION pg_temp.present(session text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(DISTINCT participant_id, ' '), 'nobody') FROM harthio.participant
	 WHERE session_id = session AND left_at IS NULL $$;
CREATE PROCEDURE pg_temp.later(seconds integer) LANGUAGE sql AS $$
	UPDATE harthio.node SET renewed_at = renewed_at - make_interval(secs => seconds);
	UPDATE harthio.attachment SET detached_at = detached_at - make_interval(secs => seconds) $$;
CREATE TEMP VIEW attachments AS
	SELECT session_id, participant_id, node_id, detached_at IS NULL AS attached FROM harthio.attachment ORDER BY 1, 2, 3;

SELECT count((harthio_claim_provider('leases', p)).epoch) FROM unnest('{alice,bob,carol,plain}'::text[]) p;

-- a notifier's first words get it a lease
SELECT harthio_attach('n1', 'leases', '{alice,bob}');
SELECT harthio_attach('n1', 'leases', '{alice,bob,carol,carol}');
SELECT harthio_renew_lease('n1');
SELECT harthio_renew_lease('n2');
SELECT harthio_attach('n2', 'leases', '{alice}');
TABLE attachments;

-- who is there all the time is not written again
CREATE TEMP TABLE rows AS SELECT ctid AS was_ctid, participant_id, node_id FROM harthio.attachment;
SELECT harthio_attach('n1', 'leases', '{alice,bob,carol}');
SELECT count(*) AS untouched FROM harthio.attachment a JOIN rows r USING (participant_id, node_id) WHERE a.ctid = was_ctid;

-- only these, and only here
SELECT harthio_attach('n1', 'leases', '{carol}');
TABLE attachments;

-- within the grace nobody is missed
CALL pg_temp.later(25);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT * FROM harthio.sweep();
SELECT pg_temp.present('leases');

-- after it bob is; alice is at another notifier, and plain was never at any
CALL pg_temp.later(6);
SELECT * FROM harthio.sweep();
SELECT pg_temp.present('leases');
SELECT participant_id, lost FROM harthio.participant WHERE session_id = 'leases' ORDER BY 1;
TABLE attachments;
SELECT count(*) AS notes FROM harthio.vacancy WHERE session_id = 'leases';

-- bob was only late, and is back where he was
CREATE TEMP TABLE before AS SELECT joined_at FROM harthio.participant WHERE session_id = 'leases' AND participant_id = 'bob';
SELECT harthio_attach('n2', 'leases', '{alice,bob}');
SELECT pg_temp.present('leases');
SELECT p.joined_at = before.joined_at AS as_before, lost FROM harthio.participant p, before WHERE session_id = 'leases' AND participant_id = 'bob';

-- a notifier that dies takes those with it whom only it had
SELECT harthio_renew_lease('n1');
CALL pg_temp.later(25);
SELECT harthio_renew_lease('n1');
CALL pg_temp.later(6);
SELECT * FROM harthio.sweep();
SELECT pg_temp.present('leases');
SELECT node_id FROM harthio.node;
TABLE attachments;

-- it was not dead, only slow: it is told, and attaches everybody again
SELECT harthio_renew_lease('n2');
SELECT harthio_renew_lease('n2');
SELECT harthio_attach('n2', 'leases', '{alice,bob}');
SELECT pg_temp.present('leases');

-- but who has said that it leaves has left
SELECT harthio_attach('n2', 'leases', '{bob}');
CALL pg_temp.later(31);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT * FROM harthio.sweep();
SELECT harthio_leave_session('leases', 'alice');
SELECT harthio_leave_session('leases', 'bob');
SELECT harthio_attach('n2', 'leases', '{alice,bob}');
SELECT pg_temp.present('leases');

-- and after an end everybody has to join again
SELECT harthio_attach('n1', 'leases', '{}');
CALL pg_temp.later(31);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT * FROM harthio.sweep();
SELECT pg_temp.present('leases');
SELECT reason FROM harthio_end_session('leases');
SELECT reason FROM harthio_claim_provider('leases', 'alice');
SELECT harthio_attach('n1', 'leases', '{carol}');
SELECT pg_temp.present('leases');

-- to join again is a sign of life: it gives the whole grace again
SELECT reason FROM harthio_claim_provider('leases', 'carol', '{"incarnation": 1}');
SELECT harthio_attach('n1', 'leases', '{}');
CALL pg_temp.later(29);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT epoch FROM harthio_claim_provider('leases', 'carol', '{"incarnation": 2}');
CALL pg_temp.later(2);
SELECT * FROM harthio.sweep();
SELECT pg_temp.present('leases');
CALL pg_temp.later(29);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT * FROM harthio.sweep();
SELECT pg_temp.present('leases');

-- whose devices are several is lost with all of them, and back with all
SELECT count((harthio_claim_provider('leases', 'dave', jsonb_build_object('device', d))).epoch) FROM unnest('{phone,tab}'::text[]) d;
SELECT harthio_attach('n1', 'leases', '{dave}');
SELECT harthio_attach('n1', 'leases', '{}');
CALL pg_temp.later(31);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT * FROM harthio.sweep();
SELECT harthio_attach('n1', 'leases', '{dave}');
SELECT device, left_at IS NULL AS present FROM harthio.participant WHERE session_id = 'leases' AND participant_id = 'dave' ORDER BY 1;

-- one can be attached to what nobody has claimed; nothing comes of it
SELECT harthio_attach('n1', 'leases-unclaimed', '{alice}');
SELECT harthio_attach('n1', 'leases-unclaimed', '{}');
CALL pg_temp.later(31);
SELECT harthio_renew_lease('n1'), harthio_renew_lease('n2');
SELECT * FROM harthio.sweep();
SELECT count(*) FROM harthio.attachment WHERE session_id = 'leases-unclaimed';
SELECT count(*) FROM harthio.vacancy WHERE session_id = 'leases-unclaimed';

-- what was measured of somebody who is lost is summed up
SELECT epoch FROM harthio_claim_provider('leases-quality', 'dora');
SELECT session_rung FROM harthio_report_quality('leases-quality', 1, '{"rtt_ms": 40}', 'dora');
SELECT harthio_attach('n1', 'leases-quality', '{dora}');
SELECT harthio_attach('n1', 'leases-quality', '{}');
CALL pg_temp.later(31);
SELECT harthio_renew_lease('n1');
SELECT lost >= 1 AS lost FROM harthio.sweep();
SELECT participant_id, samples FROM harthio.session_quality WHERE session_id = 'leases-quality';

-- what is refused
CREATE FUNCTION pg_temp.try(command text) RETURNS TABLE (code text, message text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	code := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	code := SQLSTATE;
	message := SQLERRM;
	RETURN NEXT;
END $$;
SELECT command, t.* FROM unnest(ARRAY[
	$$ harthio_renew_lease(NULL) $$, $$ harthio_renew_lease('') $$, $$ harthio_renew_lease(repeat('x', 129)) $$,
	$$ harthio_attach(NULL, 'leases', '{}') $$, $$ harthio_attach('n1', NULL, '{}') $$, $$ harthio_attach('n1', 'a b', '{}') $$,
	$$ harthio_attach('n1', 'leases', NULL) $$, $$ harthio_attach('n1', 'leases', '{NULL}') $$,
	$$ harthio_attach('n1', 'leases', '{""}') $$]) AS command, pg_temp.try('SELECT ' || command) t;

-- the notifier's role has these two
SET ROLE harthio_notifier;
SELECT harthio_renew_lease('n1'), harthio_attach('n1', 'leases', '{}');
SELECT harthio.sweep();
RESET ROLE;
DELETE FROM harthio.node;
DELETE FROM harthio.attachment;
