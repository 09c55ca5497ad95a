--
-- harthio_switch_provider: compare and swap on the epoch.
--
SELECT epoch, provider FROM harthio_claim_provider('switch', 'alice');
SELECT epoch, provider FROM harthio_claim_provider('switch', 'bob');

SELECT epoch, provider <> 'daily' AS elsewhere, is_new, reason, claimed_by = session_user AS by_me
  FROM harthio_switch_provider('switch', 1);
-- the epoch has moved on: the answer is where to
SELECT epoch, is_new, reason FROM harthio_switch_provider('switch', 1);
SELECT epoch, is_new, reason FROM harthio_switch_provider('switch', 2, 'black picture');
-- asking twice in one transaction
BEGIN;
SELECT epoch, is_new FROM harthio_switch_provider('switch', 3);
SELECT epoch, is_new FROM harthio_switch_provider('switch', 3);
COMMIT;
SELECT epoch, provider <> lag(provider) OVER (ORDER BY epoch) AS moved, reason
  FROM harthio.assignment WHERE session_id = 'switch' ORDER BY epoch;

-- asking for it moves no score
SELECT count(*) FROM harthio.outcome WHERE session_id = 'switch';
