--
-- Nothing is left behind.
--
SET client_min_messages = warning;
DROP EXTENSION harthio CASCADE;
RESET client_min_messages;
DROP ROLE regress_stranger;
SELECT nspname FROM pg_namespace WHERE nspname = 'harthio';
SELECT proname FROM pg_proc WHERE proname LIKE 'harthio\_%';

-- and the isolation tests, which come next, begin anew
CREATE EXTENSION harthio;
