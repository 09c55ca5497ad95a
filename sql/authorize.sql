--
-- harthio.authorize_function: the operator decides who may join.
--
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO authenticated, harthio_notifier;
CREATE TABLE shop.appointment (session_id text, guest text);
INSERT INTO shop.appointment VALUES ('date-1', 'alice'), ('date-1', 'bob'), ('date-2', 'carol');
GRANT SELECT ON shop.appointment TO authenticated, harthio_notifier;
-- each sees its own appointments only
ALTER TABLE shop.appointment ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.appointment USING (guest = current_setting('request.jwt.claims')::json ->> 'sub');
CREATE FUNCTION shop.may_join(session_id text, participant_id text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE NOTICE 'asked about % and % as %', session_id, participant_id, current_user;
	RETURN EXISTS (SELECT FROM shop.appointment a WHERE a.session_id = may_join.session_id);
END $$;

SET harthio.authorize_function = 'shop.may_join';
SET ROLE authenticated;
SET request.jwt.claims = '{"role": "authenticated", "sub": "alice"}';
SELECT epoch FROM harthio_claim_provider('date-1');
SELECT epoch FROM harthio_claim_provider('date-2');
-- also when it has joined before
RESET ROLE;
DELETE FROM shop.appointment WHERE guest = 'alice';
SET ROLE authenticated;
SELECT epoch FROM harthio_claim_provider('date-1');
SET request.jwt.claims = '{"role": "authenticated", "sub": "bob"}';
SELECT epoch FROM harthio_claim_provider('date-1');
RESET ROLE;

-- a notifier gets the same answer
SET ROLE harthio_notifier;
SELECT harthio_authorize('date-1') AS yes, harthio_authorize('date-2') AS no;
RESET ROLE;

-- trusted callers are not asked about
SET request.jwt.claims = '{"role": "service_role"}';
SELECT epoch FROM harthio_claim_provider('date-2', 'alice');
RESET request.jwt.claims;
SELECT epoch FROM harthio_claim_provider('date-2', 'dave');

-- no answer is no
CREATE FUNCTION shop.unsure(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT NULL::boolean';
SET harthio.authorize_function = 'shop.unsure';
SET request.jwt.claims = '{"role": "authenticated", "sub": "bob"}';
SELECT harthio_authorize('date-1');

-- a function that fails lets nobody in, and the caller is who it was
CREATE FUNCTION shop.broken(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'broken'; END $$;
SET harthio.authorize_function = 'shop.broken';
SELECT harthio_claim_provider('date-1');
SELECT current_user = session_user AS same;

-- what cannot be called is an error, not a yes
SET harthio.authorize_function = 'shop.nothing';
SELECT harthio_claim_provider('date-1');
SELECT harthio_authorize('date-1');
CREATE FUNCTION shop.number(text, text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
SET harthio.authorize_function = 'shop.number';
SELECT harthio_claim_provider('date-1');
-- clients cannot change it
SET ROLE authenticated;
SET harthio.authorize_function = '';
RESET ROLE;
RESET harthio.authorize_function;
RESET request.jwt.claims;
DROP SCHEMA shop CASCADE;
