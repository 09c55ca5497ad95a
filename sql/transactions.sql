--
-- Rolled back is never happened; savepoints included.
--
CREATE TEMP VIEW scores AS SELECT provider, score FROM harthio_providers();

BEGIN;
SELECT epoch FROM harthio_claim_provider('tx-1', 'alice');
ROLLBACK;
SELECT count(*) FROM harthio.assignment WHERE session_id = 'tx-1';
SELECT count(*) FROM harthio.participant WHERE session_id = 'tx-1';

BEGIN;
SELECT epoch FROM harthio_claim_provider('tx-2', 'alice');
SAVEPOINT one;
SELECT epoch, provider FROM harthio_report_outcome('tx-2', 1, false, participant_id => 'alice');
ROLLBACK TO one;
SELECT epoch, provider FROM harthio_report_outcome('tx-2', 1, true, participant_id => 'alice');
SAVEPOINT two;
SELECT epoch FROM harthio_claim_provider('tx-3', 'alice');
SAVEPOINT three;
SELECT epoch, provider FROM harthio_report_outcome('tx-3', 1, true, participant_id => 'alice');
RELEASE three;
SELECT epoch, provider FROM harthio_report_outcome('tx-2', 1, false, participant_id => 'alice');
ROLLBACK TO two;
COMMIT;
-- one success was left of it
TABLE scores;
SELECT session_id, epoch, provider FROM harthio.assignment WHERE session_id LIKE 'tx-%';
SELECT session_id, epoch, success, verdict FROM harthio.outcome WHERE session_id LIKE 'tx-%';

BEGIN;
SELECT epoch FROM harthio_claim_provider('tx-4', 'alice');
PREPARE TRANSACTION 'harthio';
SELECT count(*) FROM harthio.assignment WHERE session_id = 'tx-4';

-- of a transaction that changed nothing here it is none of our business
BEGIN;
SELECT epoch, is_new FROM harthio_claim_provider('tx-2', 'alice');
PREPARE TRANSACTION 'harthio';
COMMIT PREPARED 'harthio';

-- a transaction that can only read changes nothing
BEGIN READ ONLY;
SELECT epoch FROM harthio_claim_provider('tx-read-only', 'alice');
ROLLBACK;
SELECT count(*) FROM harthio.assignment WHERE session_id = 'tx-read-only';

-- more sessions in one transaction than the ring can hold
SELECT count((harthio_claim_provider('tx-many-' || n, 'alice')).epoch) FROM generate_series(1, 200) n;
SELECT current_setting('harthio.ring_size')::integer < 200 AS more_than_the_ring;
