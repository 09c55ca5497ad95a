--
-- Who calls: request.jwt.claims, as PostgREST sets it.
--
-- a signed-in user is its "sub"
SET request.jwt.claims = '{"role": "authenticated", "sub": "11111111-aaaa"}';
SELECT claimed_by FROM harthio_claim_provider('identity');
SELECT claimed_by, is_new FROM harthio_claim_provider('identity', '11111111-aaaa');
-- and nobody else
SELECT harthio_claim_provider('identity', 'bob');
SELECT harthio_report_outcome('identity', 1, true, participant_id => 'bob');
SELECT harthio_leave_session('identity', 'bob');

-- another user can neither read nor change the session
SET request.jwt.claims = '{"role": "authenticated", "sub": "22222222-bbbb"}';
SELECT harthio_session('identity');
SELECT harthio_report_outcome('identity', 1, false);
SELECT harthio_switch_provider('identity', 1);
SELECT harthio_leave_session('identity');
SELECT harthio_end_session('identity');
SELECT epoch, provider IS NOT NULL AS open FROM harthio.assignment WHERE session_id = 'identity';
-- until it joins
SELECT epoch, is_new FROM harthio_claim_provider('identity');
SELECT harthio_session('identity') ->> 'sessionId' AS session;

-- a token without "sub" is nobody
SET request.jwt.claims = '{"role": "anon"}';
SELECT harthio_claim_provider('identity');
SELECT harthio_claim_provider('identity', 'alice');
-- nor is one whose "sub" is no text, or not fit to be an id
SET request.jwt.claims = '{"role": "authenticated", "sub": 17}';
SELECT harthio_claim_provider('identity');
SET request.jwt.claims = '{"role": "authenticated", "sub": ""}';
SELECT harthio_claim_provider('identity');

-- service_role is trusted
SET request.jwt.claims = '{"role": "service_role"}';
SELECT claimed_by FROM harthio_claim_provider('identity-service', 'alice');
SELECT reason, claimed_by = session_user AS login_role FROM harthio_switch_provider('identity-service', 1);
SET request.jwt.claims = '{"role": "service_role", "sub": "backend"}';
SELECT claimed_by FROM harthio_claim_provider('identity-backend');

-- what is not claims is refused, not guessed at
SET request.jwt.claims = '[]';
SELECT harthio_claim_provider('identity');
SET request.jwt.claims = 'not json';
SELECT harthio_claim_provider('identity');

-- without claims the participant is as given, or the login role
SET request.jwt.claims = '';
SELECT claimed_by FROM harthio_claim_provider('identity-plain', 'dave');
RESET request.jwt.claims;
SELECT claimed_by = session_user AS login_role FROM harthio_claim_provider('identity-login');

-- harthio_authorize answers without raising
SET request.jwt.claims = '{"role": "authenticated", "sub": "33333333-cccc"}';
SELECT harthio_authorize('identity') AS itself, harthio_authorize('not-yet') AS before_the_first,
	harthio_authorize('identity', 'bob') AS as_another;
SET request.jwt.claims = '{"role": "anon"}';
SELECT harthio_authorize('identity') AS nobody;
SELECT harthio_authorize('no/session');
RESET request.jwt.claims;
