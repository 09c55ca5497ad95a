--
-- What CREATE EXTENSION makes, and for whom.
--
-- the tests of scores expect that nothing fades
ALTER DATABASE harthio_regression SET harthio.score_half_life = 0;
\c harthio_regression
-- on a server that has seen the tests before, or has these roles anyway
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS harthio CASCADE;
RESET client_min_messages;
DO $$
DECLARE
	role text;
BEGIN
	FOREACH role IN ARRAY ARRAY['authenticated', 'service_role', 'harthio_notifier', 'regress_stranger'] LOOP
		IF to_regrole(role) IS NULL THEN
			EXECUTE format('CREATE ROLE %I', role);
		END IF;
	END LOOP;
END $$;
-- as hosts do it, who expect nothing but an app's own tables and functions
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_stranger;
CREATE EXTENSION harthio;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM regress_stranger;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_stranger;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_stranger;

-- one database per server has it, and another one says so
\c postgres
CREATE EXTENSION harthio;
\c harthio_regression

-- the surface: names, arguments, results
SELECT p.oid::regprocedure AS function, pg_get_function_result(p.oid) AS result
  FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'harthio')
   AND d.classid = 'pg_proc'::regclass
 ORDER BY p.proname;

SELECT proname, pg_get_function_arguments(oid) FROM pg_proc
 WHERE proname LIKE 'harthio\_%' ORDER BY proname;

SELECT attname, atttypid::regtype FROM pg_attribute
 WHERE attrelid = 'harthio_assignment'::regclass ORDER BY attnum;

-- the providers that come with it
SELECT * FROM harthio.provider ORDER BY provider;

-- who may call what
SELECT p.proname, r.role
  FROM pg_proc p, (VALUES ('authenticated'), ('service_role'), ('harthio_notifier'),
                          ('regress_stranger')) AS r(role)
 WHERE p.oid IN (SELECT objid FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_proc'::regclass
                    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'harthio'))
   AND has_function_privilege(r.role, p.oid, 'EXECUTE')
 ORDER BY p.proname, r.role;

-- no client role has any right on a table or a view, nor a stranger on the schema
SELECT has_schema_privilege('regress_stranger', 'harthio', 'USAGE');
SELECT c.relname, r.role
  FROM pg_class c, (VALUES ('authenticated'), ('service_role'), ('harthio_notifier'),
                           ('regress_stranger')) AS r(role)
 WHERE c.relnamespace = 'harthio'::regnamespace AND c.relkind IN ('r', 'v')
   AND has_any_column_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE');

-- everything says what it is
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'harthio'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
   AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL) AND NOT a.attisdropped;
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'harthio')
   AND d.classid = 'pg_proc'::regclass AND obj_description(p.oid, 'pg_proc') IS NULL;

-- a dump leaves no table out
SELECT c.oid::regclass FROM pg_class c, pg_extension e
 WHERE c.relnamespace = 'harthio'::regnamespace AND c.relkind = 'r'
   AND e.extname = 'harthio' AND c.oid <> ALL (e.extconfig);

-- the providers that came with it can be changed, but not deleted
BEGIN;
DELETE FROM harthio.provider WHERE provider = 'p2p';
ROLLBACK;
BEGIN;
UPDATE harthio.provider SET enabled = false WHERE provider = 'p2p';
DELETE FROM harthio.provider WHERE provider = 'p2p';
ROLLBACK;
-- an INSERT replaces one that was not changed
BEGIN;
INSERT INTO harthio.provider (provider, base_score) VALUES ('p2p', 61);
SELECT provider, base_score, is_default FROM harthio.provider ORDER BY provider;
INSERT INTO harthio.provider (provider, base_score) VALUES ('p2p', 62);
ROLLBACK;

-- a notifier asks this first
SELECT harthio.protocol_version();

-- the library knows these columns by number (extension/row.h)
SELECT attrelid::regclass AS table, string_agg(attnum || ' ' || attname, ', ' ORDER BY attnum) AS columns
  FROM pg_attribute WHERE attnum > 0
   AND attrelid IN ('harthio.provider'::regclass, 'harthio.assignment'::regclass, 'harthio.participant'::regclass,
                    'harthio.outcome'::regclass)
 GROUP BY attrelid ORDER BY attrelid::regclass::text;
