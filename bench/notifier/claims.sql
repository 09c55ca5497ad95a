-- Claims as they are usually written by hand: the notification is sent in the
-- transaction, for the bridge or in the form that socket.io's adapter reads.

CREATE TABLE by_hand_participant (
	session_id text COLLATE "C",
	participant_id text COLLATE "C",
	joined_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (session_id, participant_id)
);
CREATE TABLE by_hand_session (
	session_id text COLLATE "C" PRIMARY KEY,
	provider text,
	room text
);

-- what everybody is told; "timestamp" is when the session was assigned
CREATE FUNCTION state(session text, epoch integer) RETURNS text
LANGUAGE sql AS $$
	SELECT row_to_json(told)::text FROM (
		SELECT session AS "sessionId", 1 AS generation, epoch AS epoch, epoch AS version, 'daily' AS provider,
			'https://harthio.daily.co/' || session AS room, 'claimed' AS reason,
			floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS "timestamp") told
$$;

CREATE FUNCTION for_socketio(session text, state text) RETURNS text
LANGUAGE sql AS $$
	SELECT json_build_object('uid', 'sql', 'nsp', '/', 'type', 3, 'data', json_build_object(
		'packet', json_build_object('type', 2, 'nsp', '/', 'data', json_build_array('state', state::json)),
		'opts', json_build_object('rooms', json_build_array(session), 'except', '[]'::json, 'flags', '{}'::json)))::text
$$;

CREATE FUNCTION by_hand_claim(session text, participant text, channel text) RETURNS by_hand_session
LANGUAGE plpgsql AS $$
DECLARE
	told text := state(session, 1);
	claimed by_hand_session;
BEGIN
	INSERT INTO by_hand_session VALUES (session, 'daily', 'https://harthio.daily.co/' || session)
		ON CONFLICT DO NOTHING;
	SELECT * INTO claimed FROM by_hand_session WHERE session_id = session;
	INSERT INTO by_hand_participant VALUES (session, participant) ON CONFLICT DO NOTHING;
	PERFORM pg_notify(channel, CASE channel WHEN 'by_hand' THEN told ELSE for_socketio(session, told) END);
	RETURN claimed;
END
$$;
