-- What the functions are compared with.

-- a row with an assignment's key and contents, and nothing else
CREATE TABLE bare (
	session_id text COLLATE "C",
	epoch integer,
	provider text,
	room text,
	PRIMARY KEY (session_id, epoch)
);

-- the row that is written beside it, with a participant's key
CREATE TABLE bare_participant (
	session_id text COLLATE "C",
	participant_id text COLLATE "C",
	joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (session_id, participant_id)
);

-- joining as it is usually written by hand
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
CREATE FUNCTION by_hand_claim(session text, participant text) RETURNS by_hand_session
LANGUAGE plpgsql AS $$
DECLARE
	claimed by_hand_session;
BEGIN
	INSERT INTO by_hand_session VALUES (session, 'daily', 'https://harthio.daily.co/' || session)
		ON CONFLICT DO NOTHING;
	SELECT * INTO claimed FROM by_hand_session WHERE session_id = session;
	INSERT INTO by_hand_participant VALUES (session, participant) ON CONFLICT DO NOTHING;
	PERFORM pg_notify('by_hand', row_to_json(claimed)::text);
	RETURN claimed;
END
$$;

-- an outcome's row without any index
CREATE TABLE append (
	session_id text,
	epoch integer,
	participant_id text,
	success boolean,
	connect_ms integer
);

-- the same, once for each who may report
CREATE TABLE checked (
	session_id text COLLATE "C",
	epoch integer,
	participant_id text COLLATE "C",
	success boolean,
	connect_ms integer,
	PRIMARY KEY (session_id, epoch, participant_id, success)
);

-- a score that everybody updates
CREATE TABLE score (
	provider text PRIMARY KEY,
	score double precision,
	successes bigint
);
INSERT INTO score VALUES ('daily', 80, 0);

-- what a backend holds, after some claims and after many
CREATE TABLE growth (
	claims integer,
	memory_contexts bigint,
	anonymous_kb bigint
);
