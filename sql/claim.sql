--
-- harthio_claim_provider: the first joiner fixes the provider for everybody.
--
SELECT session_id, epoch, provider, room, is_new, reason, claimed_by, generation
  FROM harthio_claim_provider('claim', 'alice');
SELECT session_id, epoch, provider, room, is_new, reason, claimed_by, generation
  FROM harthio_claim_provider('claim', 'bob');

-- a reload gets the same answer and writes nothing
CREATE TEMP TABLE before AS SELECT xmin AS x, * FROM harthio.participant WHERE session_id = 'claim';
SELECT epoch, provider, is_new FROM harthio_claim_provider('claim', 'alice');
SELECT count(*) AS changed FROM harthio.participant p JOIN before b USING (session_id, participant_id)
 WHERE p.xmin <> b.x;

-- unless it has something to say of itself
SELECT epoch, is_new FROM harthio_claim_provider('claim', 'alice', '{"camera": "off"}');
SELECT epoch, is_new FROM harthio_claim_provider('claim', 'alice');
SELECT participant_id, info, left_at FROM harthio.participant WHERE session_id = 'claim' ORDER BY 1;

-- without claims and without a name the participant is the login role
SELECT claimed_by = session_user AS me FROM harthio_claim_provider('claim-plain');

-- named arguments, as RPC calls it
SELECT epoch, provider FROM harthio_claim_provider(session_id => 'claim-named', participant_id => 'carol');

-- any id of 1 to 128 fit characters is a session
SELECT length(session_id) AS length, epoch FROM harthio_claim_provider(repeat('x', 128), 'alice');
SELECT epoch FROM harthio_claim_provider('0F8fad5b-d9cb-469f-a165-70867728950e', 'alice');
SELECT epoch FROM harthio_claim_provider('_-', 'alice');

-- a session keeps the room it was given, whatever becomes of the template
UPDATE harthio.provider SET room_template = 'https://calls.example/{session_id}?again={session_id}' WHERE provider = 'daily';
SELECT room FROM harthio_claim_provider('claim', 'dave');
SELECT room FROM harthio_claim_provider('claim-template', 'dave');
UPDATE harthio.provider SET room_template = 'https://harthio.daily.co/{session_id}' WHERE provider = 'daily';

-- the table is its own history
SELECT session_id, epoch, provider, reason, claimed_by, generation FROM harthio.assignment
 WHERE session_id LIKE 'claim%' AND claimed_by <> session_user ORDER BY session_id, epoch;
