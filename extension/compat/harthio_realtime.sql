/* extension/compat/harthio_realtime.sql */

--
-- Schema realtime, as policies and applications written for Supabase Realtime
-- need it, for databases that do not have it: realtime.messages, topic(),
-- send(), send_binary() and broadcast_changes().  Load it by hand, once, as the
-- extension's owner, into the database that has the extension:
--
--   psql -f harthio_realtime.sql
--
-- It is not part of the extension: the policies on realtime.messages are the
-- operator's, and dumps carry the table with them.  Where the schema is there
-- already, nothing is changed: private channels go by the policies that are
-- on Supabase's own realtime.messages as well.
--
-- Two things differ from Supabase's table.  It has no partitions, so nothing
-- can be sent into one that is missing; notifiers delete what is older than
-- 72 hours.  And each row says which transaction wrote it: by that a notifier
-- finds what was committed since it looked last, whatever it missed meanwhile.
--
DO $load$
DECLARE
	old_path constant text := pg_catalog.current_setting('search_path');
	role text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

	IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'harthio') THEN
		RAISE EXCEPTION 'extension "harthio" is not in this database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Run CREATE EXTENSION harthio first.';
	END IF;
	IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'realtime') THEN
		RAISE EXCEPTION 'schema "realtime" exists already'
			USING ERRCODE = 'duplicate_schema',
				DETAIL = 'It is Supabase''s, or this file was loaded before. Nothing was changed.',
				HINT = 'Private channels go by the policies on the realtime.messages that is there.';
	END IF;

	EXECUTE $script$

CREATE SCHEMA realtime;
COMMENT ON SCHEMA realtime IS 'messages of Realtime channels and the policies of private ones';

CREATE SEQUENCE realtime.messages_sequence;
COMMENT ON SEQUENCE realtime.messages_sequence IS 'the order of messages in time';

CREATE TABLE realtime.messages (
	id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
	topic text NOT NULL CHECK (octet_length(topic) BETWEEN 1 AND 246),
	extension text NOT NULL,
	event text CHECK (octet_length(event) BETWEEN 1 AND 255),
	payload jsonb,
	binary_payload bytea,
	private boolean NOT NULL DEFAULT false,
	inserted_at timestamp NOT NULL DEFAULT now(),
	updated_at timestamp NOT NULL DEFAULT now(),
	harthio_sequence bigint NOT NULL,
	harthio_transaction xid8 NOT NULL
);
COMMENT ON TABLE realtime.messages IS 'what the database sends to channels; its policies say who may hear and send in private ones';
COMMENT ON COLUMN realtime.messages.id IS 'meta.id of the message';
COMMENT ON COLUMN realtime.messages.topic IS 'the channel, without realtime:';
COMMENT ON COLUMN realtime.messages.extension IS 'broadcast, or presence in the rows by which policies are tried';
COMMENT ON COLUMN realtime.messages.event IS 'null: not to be sent';
COMMENT ON COLUMN realtime.messages.payload IS 'null: binary_payload, or not to be sent';
COMMENT ON COLUMN realtime.messages.binary_payload IS 'for clients with serializer 2.0.0';
COMMENT ON COLUMN realtime.messages.private IS 'for the private channel of this name, or for the public one';
COMMENT ON COLUMN realtime.messages.inserted_at IS 'UTC, always the time of the insertion';
COMMENT ON COLUMN realtime.messages.updated_at IS 'the same; Supabase has it';
COMMENT ON COLUMN realtime.messages.harthio_sequence IS 'the order of messages in time';
COMMENT ON COLUMN realtime.messages.harthio_transaction IS 'which transaction sent it';
ALTER SEQUENCE realtime.messages_sequence OWNED BY realtime.messages.harthio_sequence;
CREATE INDEX messages_replay ON realtime.messages (topic, inserted_at) WHERE extension = 'broadcast' AND private;
CREATE INDEX messages_age ON realtime.messages (inserted_at);
CREATE INDEX messages_transaction ON realtime.messages (harthio_transaction);
ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;

--
-- Whoever may insert says what, not when: he could send again and again what
-- seems to be of a transaction to come, or what is never old enough to be
-- deleted.
--
CREATE FUNCTION realtime.harthio_stamp()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.inserted_at := clock_timestamp() AT TIME ZONE 'UTC';
	NEW.updated_at := NEW.inserted_at;
	NEW.harthio_sequence := nextval('realtime.messages_sequence');
	NEW.harthio_transaction := pg_current_xact_id();
	RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION realtime.harthio_stamp() FROM PUBLIC;
COMMENT ON FUNCTION realtime.harthio_stamp() IS
'Trigger of realtime.messages: sets inserted_at, updated_at, harthio_sequence and harthio_transaction';

CREATE TRIGGER stamp BEFORE INSERT ON realtime.messages
	FOR EACH ROW EXECUTE FUNCTION realtime.harthio_stamp();
CREATE TRIGGER note AFTER INSERT ON realtime.messages
	FOR EACH ROW WHEN (NEW.extension = 'broadcast' AND NEW.event IS NOT NULL
		AND (NEW.payload IS NOT NULL OR NEW.binary_payload IS NOT NULL))
	EXECUTE FUNCTION harthio.note_message();

CREATE FUNCTION realtime.topic()
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN nullif(current_setting('realtime.topic', true), '');
REVOKE ALL ON FUNCTION realtime.topic() FROM PUBLIC;
COMMENT ON FUNCTION realtime.topic() IS
'For policies on realtime.messages: the channel that is asked about, without realtime:; null outside of that';

--
-- The one place that inserts.  As in Supabase, what is wrong is a warning:
-- the transaction that wants to tell of something matters more than that it
-- is told.
--
CREATE FUNCTION realtime.harthio_send(payload jsonb, binary_payload bytea, event text, topic text, private boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	message_id constant uuid := gen_random_uuid();
	old_topic constant text := current_setting('realtime.topic', true);
BEGIN
	PERFORM set_config('realtime.topic', coalesce(topic, ''), true);
	INSERT INTO realtime.messages (id, topic, extension, event, payload, binary_payload, private)
	VALUES (message_id, topic, 'broadcast', event,
		CASE WHEN jsonb_typeof(payload) = 'object' AND NOT payload ? 'id'
			THEN payload || jsonb_build_object('id', message_id) ELSE payload END,
		binary_payload, private);
	PERFORM set_config('realtime.topic', coalesce(old_topic, ''), true);
EXCEPTION
	WHEN OTHERS THEN
		RAISE WARNING 'ErrorSendingBroadcastMessage: %', SQLERRM;
END $$;
REVOKE ALL ON FUNCTION realtime.harthio_send(jsonb, bytea, text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION realtime.harthio_send(jsonb, bytea, text, text, boolean) IS
'What realtime.send and realtime.send_binary do';

CREATE FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean DEFAULT true)
RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$ SELECT realtime.harthio_send($1, NULL, $2, $3, $4) $$;
REVOKE ALL ON FUNCTION realtime.send(jsonb, text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION realtime.send(jsonb, text, text, boolean) IS
'Send a message to all in a channel (topic is without realtime:) once the transaction is committed, with the rights of the caller on realtime.messages. An object without id gets that of the message. What is wrong is a warning: it was not sent';

CREATE FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean DEFAULT true)
RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$ SELECT realtime.harthio_send(NULL, $1, $2, $3, $4) $$;
REVOKE ALL ON FUNCTION realtime.send_binary(bytea, text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION realtime.send_binary(bytea, text, text, boolean) IS
'The same with bytes, for clients with serializer 2.0.0';

CREATE FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text DEFAULT 'ROW')
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF level = 'STATEMENT' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'function can only be triggered for each row, not for each statement';
	ELSIF operation IS NULL OR operation NOT IN ('INSERT', 'UPDATE', 'DELETE') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('Unexpected operation type: %s', coalesce(operation, 'null'));
	END IF;
	PERFORM realtime.send(jsonb_build_object(
		'operation', operation,
		'schema', table_schema,
		'table', table_name,
		'record', to_jsonb(new),
		'old_record', to_jsonb(old)), event_name, topic_name);
END $$;
REVOKE ALL ON FUNCTION realtime.broadcast_changes(text, text, text, text, text, record, record, text) FROM PUBLIC;
COMMENT ON FUNCTION realtime.broadcast_changes(text, text, text, text, text, record, record, text) IS
'For row triggers: send {id, operation, schema, table, record, old_record} to a private channel, as realtime.send. Errors: 22023 level is STATEMENT, or the operation is not INSERT, UPDATE or DELETE';

--
-- For the notifier, with the owner's rights: it is not for policies to say what
-- it reads, and theirs are the operator's functions.
--
-- What was not committed by a snapshot was to come then, or was under way.
-- Rows that a dump has brought from another server are not to be sent,
-- whatever transaction they name.
--
CREATE FUNCTION realtime.harthio_new_messages(since pg_snapshot)
RETURNS TABLE (topic text, private boolean, event text, payload jsonb, binary_payload bytea, id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NULL, NULL::boolean, NULL, NULL::jsonb, NULL::bytea, pg_current_snapshot()::text
	UNION ALL (
		SELECT m.topic, m.private, m.event, m.payload, m.binary_payload, m.id::text
		  FROM realtime.messages m
		 WHERE (m.harthio_transaction >= pg_snapshot_xmax(since)
				OR m.harthio_transaction = ANY (ARRAY(SELECT pg_snapshot_xip(since))))
		   AND m.harthio_transaction < pg_snapshot_xmax(pg_current_snapshot())
		   AND m.inserted_at > (now() AT TIME ZONE 'UTC') - interval '1 day'
		   AND m.extension = 'broadcast' AND m.event IS NOT NULL
		   AND (m.payload IS NOT NULL OR m.binary_payload IS NOT NULL)
		 ORDER BY m.harthio_sequence) $$;
REVOKE ALL ON FUNCTION realtime.harthio_new_messages(pg_snapshot) FROM PUBLIC;
COMMENT ON FUNCTION realtime.harthio_new_messages(pg_snapshot) IS
'Messages that were committed after a snapshot, in their order; the row without a topic has the snapshot to ask with the next time';

CREATE FUNCTION realtime.harthio_replay(wanted_topic text, since_ms bigint, most integer)
RETURNS TABLE (topic text, private boolean, event text, payload jsonb, binary_payload bytea, id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.topic, n.private, n.event, n.payload, n.binary_payload, n.id::text
	  FROM (SELECT * FROM realtime.messages m
		 WHERE m.topic = wanted_topic AND m.private AND m.extension = 'broadcast' AND m.event IS NOT NULL
		   AND (m.payload IS NOT NULL OR m.binary_payload IS NOT NULL)
		   AND m.inserted_at >= to_timestamp(since_ms / 1000.0) AT TIME ZONE 'UTC'
		 ORDER BY m.inserted_at DESC, m.harthio_sequence DESC LIMIT most) n
	 ORDER BY n.inserted_at, n.harthio_sequence $$;
REVOKE ALL ON FUNCTION realtime.harthio_replay(text, bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION realtime.harthio_replay(text, bigint, integer) IS
'The newest messages of a private channel since a time (Unix milliseconds), oldest first';

CREATE FUNCTION realtime.harthio_delete_messages(older_than interval DEFAULT '72 hours', most integer DEFAULT 1000)
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	WITH old AS (
		SELECT id FROM realtime.messages
		 WHERE inserted_at < (now() AT TIME ZONE 'UTC') - older_than
		 ORDER BY inserted_at LIMIT most FOR UPDATE SKIP LOCKED),
	gone AS (
		DELETE FROM realtime.messages m USING old WHERE m.id = old.id RETURNING 1)
	SELECT count(*) FROM gone $$;
REVOKE ALL ON FUNCTION realtime.harthio_delete_messages(interval, integer) FROM PUBLIC;
COMMENT ON FUNCTION realtime.harthio_delete_messages(interval, integer) IS
'Delete old messages, so many at most; returns how many it was. Notifiers call it';

	$script$;

	-- rights, as Supabase's roles have them; policies narrow them
	FOREACH role IN ARRAY ARRAY['anon', 'authenticated', 'service_role']
	LOOP
		CONTINUE WHEN to_regrole(role) IS NULL;
		EXECUTE format('GRANT USAGE ON SCHEMA realtime TO %I', role);
		EXECUTE format('GRANT SELECT, INSERT ON realtime.messages TO %I', role);
		EXECUTE format('GRANT EXECUTE ON FUNCTION realtime.topic(),'
			' realtime.harthio_send(jsonb, bytea, text, text, boolean),'
			' realtime.send(jsonb, text, text, boolean),'
			' realtime.send_binary(bytea, text, text, boolean),'
			' realtime.broadcast_changes(text, text, text, text, text, record, record, text) TO %I', role);
	END LOOP;

	-- and for the notifier: to try policies, and to send
	IF to_regrole('harthio_notifier') IS NULL THEN
		RAISE NOTICE 'role "harthio_notifier" does not exist: grant its rights by hand';
	ELSE
		GRANT USAGE ON SCHEMA realtime TO harthio_notifier;
		GRANT INSERT ON realtime.messages TO harthio_notifier;
		GRANT EXECUTE ON FUNCTION realtime.harthio_new_messages(pg_snapshot),
			realtime.harthio_replay(text, bigint, integer),
			realtime.harthio_delete_messages(interval, integer) TO harthio_notifier;
		CREATE POLICY harthio_notifier ON realtime.messages FOR INSERT TO harthio_notifier WITH CHECK (true);
	END IF;

	PERFORM set_config('search_path', old_path, true);
END
$load$;
