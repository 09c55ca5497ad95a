--
-- Schema realtime where there is none (extension/compat/harthio_realtime.sql):
-- messages from the database, and what policies on them need.
--
\set SHOW_CONTEXT never
-- the extension's own tests know no anon
DO $$ BEGIN
	IF to_regrole('anon') IS NULL THEN
		CREATE ROLE anon;
	END IF;
END $$;
\getenv abs_srcdir PG_ABS_SRCDIR
\set harthio_realtime :abs_srcdir '/extension/compat/harthio_realtime.sql'
\set text `cat "$PG_ABS_SRCDIR/extension/compat/harthio_realtime.sql"`
\set ECHO none
\i :harthio_realtime
\set ECHO all
-- a second time nothing is changed
:text

SELECT p.oid::regprocedure AS function, prosecdef AS definer, proconfig AS config, obj_description(p.oid, 'pg_proc') IS NOT NULL AS described
  FROM pg_proc p WHERE pronamespace = 'realtime'::regnamespace ORDER BY proname COLLATE "C";
SELECT attname, col_description(attrelid, attnum) IS NOT NULL AS described FROM pg_attribute
 WHERE attrelid = 'realtime.messages'::regclass AND attnum > 0 ORDER BY attnum;
SELECT relrowsecurity, (SELECT json_agg(json_build_array(polname, polcmd, polroles::regrole[])) FROM pg_policy WHERE polrelid = c.oid) AS policies
  FROM pg_class c WHERE oid = 'realtime.messages'::regclass;
-- who may do what
SELECT r.role, string_agg(proname, ' ' ORDER BY proname COLLATE "C") AS functions
  FROM pg_proc p, (VALUES ('anon'), ('authenticated'), ('service_role'), ('harthio_notifier'), ('regress_stranger')) AS r(role)
 WHERE pronamespace = 'realtime'::regnamespace AND has_function_privilege(r.role, p.oid, 'EXECUTE') GROUP BY r.role ORDER BY r.role;
SELECT r.role, has_schema_privilege(r.role, 'realtime', 'USAGE') AS schema, string_agg(p.privilege, ' ' ORDER BY p.privilege) AS messages
  FROM (VALUES ('anon'), ('authenticated'), ('service_role'), ('harthio_notifier'), ('regress_stranger')) AS r(role)
  LEFT JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) AS p(privilege)
	ON has_table_privilege(r.role, 'realtime.messages', p.privilege)
 GROUP BY r.role ORDER BY r.role;

-- messages
CREATE VIEW sent AS SELECT topic, extension, event,
	CASE WHEN jsonb_typeof(payload) = 'object' THEN payload - 'id' ELSE payload END AS payload, payload ->> 'id' = id::text AS has_id, binary_payload, private,
	harthio_transaction = pg_current_xact_id() AS of_this_transaction FROM realtime.messages ORDER BY harthio_sequence;
CREATE PROCEDURE forget() LANGUAGE sql AS 'DELETE FROM realtime.messages';
BEGIN;
SELECT realtime.send('{"n": 1}', 'event', 'topic');
SELECT realtime.send('{"n": 2, "id": "mine"}', 'event', 'topic', false);
SELECT realtime.send('[1]', 'event', 'topic'), realtime.send('5', 'event', 'topic'), realtime.send('null', 'event', 'topic');
SELECT realtime.send_binary('\x00ff', 'event', 'topic');
SELECT * FROM sent;
SELECT count(DISTINCT inserted_at) = 6 AND max(inserted_at) <= clock_timestamp() AT TIME ZONE 'UTC' AS at_times_of_their_own FROM realtime.messages;
COMMIT;
CALL forget();

-- what is wrong is a warning, and the transaction goes on
BEGIN;
SELECT realtime.send('{}', 'event', NULL);
SELECT realtime.send('{}', 'event', '');
SELECT realtime.send('{}', 'event', repeat('x', 247));
SELECT realtime.send('{}', '', 'topic');
SELECT realtime.send('{}', repeat('x', 256), 'topic');
SELECT realtime.send('{}', 'event', 'topic', NULL);
-- these are not to be sent, as in Supabase
SELECT realtime.send(NULL, 'event', 'topic'), realtime.send('{}', NULL, 'topic');
SELECT event, payload FROM sent;
COMMIT;
CALL forget();

-- the topic is known while a policy looks at it, and only then
SELECT realtime.topic() IS NULL AS none;
CREATE POLICY send ON realtime.messages FOR INSERT TO authenticated WITH CHECK (realtime.topic() = 'mine' AND topic = 'mine' AND extension = 'broadcast');
CREATE POLICY hear ON realtime.messages FOR SELECT TO authenticated USING (topic = 'mine');
SET ROLE authenticated;
SELECT realtime.send('{}', 'event', 'mine'), realtime.send('{}', 'event', 'theirs');
SELECT realtime.topic() IS NULL AS none;
BEGIN;
SET LOCAL realtime.topic = 'before';
SELECT realtime.send('{}', 'event', 'mine'), realtime.topic();
COMMIT;
SELECT count(*) FROM realtime.messages;
-- the time, the order and the transaction are not the caller's to say
BEGIN;
SET LOCAL realtime.topic = 'mine';
INSERT INTO realtime.messages (topic, extension, event, payload, inserted_at, harthio_sequence, harthio_transaction)
VALUES ('mine', 'broadcast', 'forged', '{}', '2999-01-01', 999999, '999999999');
SELECT inserted_at < '2999-01-01' AS now, harthio_sequence < 999999 AS next, harthio_transaction = pg_current_xact_id() AS this
  FROM realtime.messages WHERE event = 'forged';
ROLLBACK;
UPDATE realtime.messages SET harthio_transaction = '999999999';
DELETE FROM realtime.messages;
SELECT realtime.harthio_delete_messages('0');
SELECT * FROM realtime.harthio_replay('mine', 0, 25);
SELECT * FROM realtime.harthio_new_messages('1:1:');
RESET ROLE;
SET ROLE anon;
SELECT realtime.send('{}', 'event', 'mine');
SELECT count(*) FROM realtime.messages;
RESET ROLE;
SET ROLE regress_stranger;
SELECT realtime.send('{}', 'event', 'mine');
SELECT realtime.topic();
RESET ROLE;
CALL forget();

-- the notifier finds what was committed since, and nothing twice
SELECT id AS snapshot FROM realtime.harthio_new_messages(NULL) \gset
SELECT realtime.send('{}', 'one', 'topic'), realtime.send('{}', 'two', 'topic', false), realtime.send_binary('\x01', 'three', 'topic');
INSERT INTO realtime.messages (topic, extension, event, payload) VALUES ('topic', 'presence', 'four', '{}');
INSERT INTO realtime.messages (topic, extension) VALUES ('topic', 'broadcast');
SET ROLE harthio_notifier;
SELECT topic, private, event, payload - 'id' AS payload, binary_payload FROM realtime.harthio_new_messages(:'snapshot') WHERE topic IS NOT NULL;
SELECT id AS snapshot FROM realtime.harthio_new_messages(:'snapshot') WHERE topic IS NULL \gset
SELECT count(*) FROM realtime.harthio_new_messages(:'snapshot') WHERE topic IS NOT NULL;
SELECT event FROM realtime.harthio_replay('topic', 0, 25);
SELECT event FROM realtime.harthio_replay('topic', 0, 1);
SELECT event FROM realtime.harthio_replay('topic', 253402300799999, 25);
SELECT count(*) FROM realtime.messages;
RESET ROLE;
-- rows that a dump has brought are not new, whatever transaction they name
ALTER TABLE realtime.messages DISABLE TRIGGER USER;
INSERT INTO realtime.messages (topic, extension, event, payload, harthio_sequence, harthio_transaction) VALUES ('topic', 'broadcast', 'restored', '{}', 1, '999999999');
ALTER TABLE realtime.messages ENABLE TRIGGER USER;
SELECT count(*) FROM realtime.harthio_new_messages(:'snapshot') WHERE topic IS NOT NULL;
-- so many at a time are deleted, the oldest first
UPDATE realtime.messages SET inserted_at = inserted_at - interval '4 days' WHERE event IN ('one', 'two');
SELECT realtime.harthio_delete_messages(most => 1), realtime.harthio_delete_messages(), realtime.harthio_delete_messages();
SELECT count(*) FILTER (WHERE event IN ('one', 'two')) AS old, count(*) FROM realtime.messages;
CALL forget();

-- changes of rows
CREATE TABLE note (id int, body text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	PERFORM realtime.broadcast_changes('notes', TG_OP, TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, new, old, TG_LEVEL);
	RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON note FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO note VALUES (1, 'a');
UPDATE note SET body = 'b';
DELETE FROM note;
SELECT topic, event, payload, has_id, private FROM sent;
SELECT realtime.broadcast_changes('t', 'e', 'TRUNCATE', 'note', 'public', NULL::note, NULL::note);
SELECT realtime.broadcast_changes('t', 'e', NULL, 'note', 'public', NULL::note, NULL::note);
SELECT realtime.broadcast_changes('t', 'e', 'INSERT', 'note', 'public', NULL::note, NULL::note, 'STATEMENT');
DROP TABLE note;
DROP FUNCTION tell();

-- what is prepared cannot be made known
BEGIN;
SELECT realtime.send('{}', 'event', 'topic');
PREPARE TRANSACTION 'message';
-- and the trigger's function is a trigger's
SELECT harthio.note_message();

-- objects of the caller are not used
CREATE SCHEMA hostile AUTHORIZATION authenticated;
SET ROLE authenticated;
CREATE FUNCTION hostile.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the caller''s function was used as %', current_user; END $$;
CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'the caller''s function was used as %', current_user; END $$;
SET search_path = hostile, pg_catalog;
SELECT realtime.send('{}', 'event', 'mine');
RESET search_path;
RESET ROLE;
DROP SCHEMA hostile CASCADE;

-- the extension cannot go while messages need it, and needs them not
DROP EXTENSION harthio;
DROP VIEW sent;
DROP PROCEDURE forget();
SET client_min_messages = warning;
DROP SCHEMA realtime CASCADE;
DROP EXTENSION harthio;
RESET client_min_messages;
:text
SELECT to_regnamespace('realtime');
CREATE EXTENSION harthio;
