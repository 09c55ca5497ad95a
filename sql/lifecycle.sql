--
-- Leaving, ending, coming back.
--
SELECT epoch FROM harthio_claim_provider('life', 'alice', '{"name": "Alice"}');
SELECT epoch FROM harthio_claim_provider('life', 'bob');

CREATE FUNCTION pg_temp.session(id text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT (harthio_session(id)::jsonb - '{version,timestamp,initiatedBy,participants}'::text[])
		|| jsonb_build_object('participants', (SELECT jsonb_agg(p - 'joinedAt')
			FROM jsonb_array_elements(harthio_session(id)::jsonb -> 'participants') p))
$$;
SELECT jsonb_pretty(pg_temp.session('life'));
SELECT harthio_session('life') ->> 'initiatedBy' AS initiated_by;
SELECT to_timestamp((harthio_session('life') ->> 'timestamp')::bigint / 1000.0) = date_trunc('milliseconds', assigned_at) AS same_time
  FROM harthio.assignment WHERE session_id = 'life';

-- leaving is said once
SELECT harthio_leave_session('life', 'bob');
SELECT harthio_leave_session('life', 'bob');
SELECT pg_temp.session('life') -> 'participants' AS participants;

-- coming back is joining, with the description it had
SELECT epoch, is_new FROM harthio_claim_provider('life', 'bob');
SELECT pg_temp.session('life') -> 'participants' AS participants;

-- an end is an epoch without a provider, and nobody is there
SELECT epoch, provider, room, is_new, reason FROM harthio_end_session('life');
SELECT epoch, provider, room, is_new, reason FROM harthio_end_session('life');
SELECT jsonb_pretty(pg_temp.session('life'));

-- claimed anew in the next epoch
SELECT epoch, provider IS NOT NULL AS open, is_new, reason FROM harthio_claim_provider('life', 'bob');
SELECT epoch, is_new, reason FROM harthio_claim_provider('life', 'alice');
SELECT pg_temp.session('life') -> 'participants' AS participants;

-- a state after a switch tells from where to where
SELECT epoch FROM harthio_switch_provider('life', 3);
SELECT (pg_temp.session('life') ->> 'failedProvider') <> (pg_temp.session('life') ->> 'newProvider') AS told;

-- snapshots: of what exists, in one go
SELECT session_id, state ->> 'epoch' AS epoch, state ->> 'provider' IS NOT NULL AS open
  FROM harthio_snapshot(ARRAY['life', 'no-such-session', 'claim']) ORDER BY 1;
SELECT * FROM harthio_snapshot('{}');

-- a full session takes those who are in it, and who comes when one has left
SET harthio.max_participants = 2;
SELECT epoch FROM harthio_claim_provider('life', 'alice');
SELECT epoch FROM harthio_claim_provider('life', 'carol');
SELECT harthio_leave_session('life', 'alice');
SELECT epoch FROM harthio_claim_provider('life', 'carol');
SELECT epoch FROM harthio_claim_provider('life', 'alice');
RESET harthio.max_participants;

-- somebody who is left over of a session that an operator has deleted
INSERT INTO harthio.participant (session_id, participant_id, info, left_at)
VALUES ('deleted', 'alice', '{"name": "Alice"}', now());
SELECT epoch, is_new FROM harthio_claim_provider('deleted', 'alice');
SELECT participant_id, info, left_at FROM harthio.participant WHERE session_id = 'deleted';

-- columns of a later version of the extension
ALTER TABLE harthio.participant ADD later text DEFAULT 'later';
SELECT epoch, is_new FROM harthio_claim_provider('later', 'alice');
SELECT participant_id, info, left_at, later FROM harthio.participant WHERE session_id = 'later';
ALTER TABLE harthio.participant DROP later;
