// Can an operator, and nobody else, look and act through the internal port?

import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import http from 'node:http'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as h from './harness.mjs'

// The statements of the documentation, as they stand there.
const reference = readFileSync(path.join(h.root, 'docs/reference.md'), 'utf8')
const [, grants] = /```sql\n(CREATE ROLE harthio_operator[^`]*)```/.exec(reference)
const dropOperator = `DO $$ BEGIN
  IF to_regrole('harthio_operator') IS NOT NULL THEN
    DROP OWNED BY harthio_operator; DROP ROLE harthio_operator;
  END IF; END $$`

let notifier
h.notifierForThisFile(async (started) => { notifier = started }, { args: [
  '--internal-listen', '127.0.0.1:0', '--operator-role', 'harthio_operator', '--rpc', 'off'] })
await h.sql(dropOperator)
await h.sql(grants)
await h.sql("SELECT harthio_enable_provider(provider) FROM harthio_providers()")
after(() => h.sql(dropOperator))

const internalPort = async (from = notifier) =>
  (await from.logged(/event=listening address=\S+ port=(\d+) for=internal/))[1]
const operatorToken = (claims = {}) => notifier.token({ role: 'harthio_operator', sub: 'olga', ...claims })

// { status, body, headers } of a request to the internal port.
async function ask(what, { method = 'GET', token = operatorToken(), body, headers = {}, from = notifier } = {}) {
  const answer = await fetch(`http://127.0.0.1:${await internalPort(from)}/operator/${what}`, {
    method, body, headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers } })
  const text = await answer.text()
  let parsed = text
  try { parsed = text === '' ? '' : JSON.parse(text) } catch { /* text */ }
  return { status: answer.status, body: parsed, headers: answer.headers }
}
const state = async () => {
  const { status, body } = await ask('state')
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const act = (action, provider, options = {}) =>
  ask(action, { method: 'POST', body: JSON.stringify({ provider }), ...options })
const isEnabled = async (provider) => (await state()).providers.find((each) => each.provider === provider).enabled

// ---------------------------------------------------------------- looking

test('the state has sessions, providers, switches, asymmetry, evacuations and activity, of one moment', async () => {
  const session = h.newSession()
  const { provider } = await h.claim(session)
  await h.switchProvider(session, 1)
  const seen = await state()
  assert.deepEqual(Object.keys(seen), ['now', 'sessions', 'providers', 'asymmetry', 'switches', 'evacuations', 'activity'])
  assert.equal(seen.sessions.newest[0].session_id, session)
  assert.deepEqual([seen.switches[0].session_id, seen.switches[0].from_provider, seen.switches[0].reason],
    [session, provider, 'requested'])
  assert.ok(seen.activity.claims >= 1 && Date.parse(seen.now) > 0)
  assert.deepEqual(seen.asymmetry, { count: 0, longest: [] })
})

test('of a HEAD there are the headers only', async () => {
  const { status, body, headers } = await ask('state', { method: 'HEAD' })
  assert.deepEqual([status, body], [200, ''])
  assert.ok(Number(headers.get('content-length')) > 0)
})

test('the answer is not kept, and no other origin may read it', async () => {
  for (const method of ['GET', 'OPTIONS']) {
    const { headers } = await ask('state', { method, headers: { origin: 'https://evil.example' } })
    assert.equal(headers.get('access-control-allow-origin'), null)
    assert.equal(headers.get('access-control-allow-headers'), null)
    assert.equal(headers.get('cache-control'), 'no-store')
  }
})

test('it is seen as the caller\'s role, not as the notifier\'s', async () => {
  await h.sql('REVOKE pg_monitor FROM harthio_operator')
  const { status, body } = await ask('state')
  assert.deepEqual([status, body.code], [403, '42501'])
  await h.sql('GRANT pg_monitor TO harthio_operator')
  assert.equal((await ask('state')).status, 200)
})

// ---------------------------------------------------------------- who may

test('others are refused', async () => {
  const cases = [
    [{ token: null }, 401, 'PGRST302'],
    [{ token: 'nonsense' }, 401, 'PGRST301'],
    [{ token: h.signToken({ role: 'harthio_operator', sub: 'x', exp: h.inSeconds(60) }, { secret: 'x'.repeat(40) }) }, 401, 'PGRST301'],
    [{ token: operatorToken({ exp: h.inSeconds(-60) }) }, 401, 'PGRST303'],
    [{ token: notifier.token() }, 403, '42501'],
    [{ token: notifier.token({ role: 'service_role' }) }, 403, '42501'],
    [{ token: notifier.token({ role: 'harthio_operator2' }) }, 403, '42501'],
    [{ token: notifier.token({ role: 'harthio_notifier' }) }, 403, '42501'],
    [{ token: null, headers: { cookie: `token=${operatorToken()}` } }, 401, 'PGRST302'],
  ]
  for (const [options, status, code] of cases) {
    for (const answer of [await ask('state', options), await act('drain', 'daily', options)]) {
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body))
      assert.equal(answer.headers.get('www-authenticate'), status === 401 ? 'Bearer' : null)
    }
  }
  assert.equal(await isEnabled('daily'), true)
})

test('an expired token is said to be expired', async () => {
  assert.equal((await ask('state', { token: operatorToken({ exp: h.inSeconds(-60) }) })).body.message, 'JWT expired')
})

test('without --operator-role there is nothing there', async () => {
  const other = await h.Notifier.start({ args: ['--internal-listen', '127.0.0.1:0'], secret: notifier.secret })
  try {
    assert.equal((await ask('state', { from: other })).status, 404)
    assert.equal((await act('evacuate', 'daily', { from: other })).status, 404)
  } finally {
    await other.stop()
  }
})

test('the clients\' port does not know it', async () => {
  const answer = await fetch(`${notifier.httpUrl}/operator/state`, { headers: { authorization: `Bearer ${operatorToken()}` } })
  assert.equal(answer.status, 404)
})

test('--operator-role needs an internal port', () => {
  const { stderr } = spawnSync(h.binary, ['--check-config', '--jwt-secret', 'x'.repeat(32), '--operator-role', 'x'], { encoding: 'utf8' })
  assert.match(stderr, /event=missing option=--internal-listen/)
})

// ---------------------------------------------------------------- acting

test('drain, enable and evacuate', async () => {
  const session = h.newSession()
  const { provider } = await h.claim(session)

  const drained = await act('drain', provider)
  assert.deepEqual([drained.status, drained.body], [204, ''])
  assert.equal(await isEnabled(provider), false)
  await notifier.logged(new RegExp(`operator event=drain provider="?${provider}"? by="?olga`))

  assert.equal((await act('enable', provider)).status, 204)
  assert.equal(await isEnabled(provider), true)

  const { status, body } = await act('evacuate', provider)
  assert.equal(status, 200)
  assert.ok(body >= 1)
  await h.eventually('the session is moved', async () => (await h.lastEpoch(session)) === 2)
  const seen = await h.eventually('the evacuation is finished', async () => {
    const now = await state()
    return now.evacuations.find((each) => each.provider === provider)?.finished_at && now
  })
  assert.equal(seen.evacuations.find((each) => each.provider === provider).requested_by, 'olga')
  assert.deepEqual([seen.switches[0].reason, seen.switches[0].caused_by], ['evacuated', 'olga'])
  assert.equal((await act('enable', provider)).status, 204)
})

test('what the database refuses is said as it says it', async () => {
  const unknown = await act('drain', 'nobody')
  assert.deepEqual([unknown.status, unknown.body.code, unknown.body.hint], [400, '42704', 'See harthio_providers().'])
  assert.match((await act('evacuate', `'; DROP TABLE harthio.provider --`)).body.message, /does not exist/)
  await h.sql('REVOKE EXECUTE ON FUNCTION harthio_drain_provider(text) FROM harthio_operator')
  assert.equal((await act('drain', 'daily')).status, 403)
  await h.sql('GRANT EXECUTE ON FUNCTION harthio_drain_provider(text) TO harthio_operator')
  assert.equal(await isEnabled('daily'), true)
})

test('other requests are refused', async () => {
  const cases = [
    [{ method: 'POST', body: '{}' }, 'state', 405],
    [{ method: 'GET' }, 'drain', 405],
    [{ method: 'DELETE' }, 'state', 405],
    [{ method: 'POST', body: '' }, 'drain', 400],
    [{ method: 'POST', body: 'provider=daily' }, 'drain', 400],
    [{ method: 'POST', body: '{"provider":1}' }, 'drain', 400],
    [{ method: 'POST', body: '{"provider":"daily","provider":"p2p"}' }, 'drain', 400],
    [{ method: 'POST', body: '{"provider":"daily","more":1}' }, 'drain', 400],
    [{ method: 'POST', body: '{"provider":"a\\u0000b"}' }, 'drain', 400],
    [{ method: 'POST', body: '["daily"]' }, 'drain', 400],
    [{ method: 'POST', body: JSON.stringify({ provider: 'x'.repeat(2000) }) }, 'drain', 413],
    [{}, 'nothing', 404], [{}, '', 404], [{}, 'state/', 404],
  ]
  for (const [options, what, status] of cases) {
    const answer = await ask(what, options)
    assert.equal(answer.status, status, `${what} ${JSON.stringify(options)}: ${JSON.stringify(answer.body)}`)
    assert.equal(typeof answer.body.message, 'string')
  }
  assert.equal(await isEnabled('daily'), true)
})

test('a body without a length is refused', async () => {
  const status = await new Promise(async (resolve, reject) => {
    const request = http.request({ port: await internalPort(), host: '127.0.0.1', path: '/operator/drain', method: 'POST',
      headers: { authorization: `Bearer ${operatorToken()}`, 'transfer-encoding': 'chunked' } },
    (response) => { response.resume(); resolve(response.statusCode) })
    request.on('error', reject)
    request.end('{"provider":"daily"}')
  })
  assert.equal(status, 411)
})

// ---------------------------------------------------------------- faults

// What is shown hangs; the rest of the notifier must not.
test('an answer that takes long delays nobody, nor does a client that goes away', async () => {
  const blocker = h.sql("BEGIN; LOCK TABLE harthio.evacuation; SELECT pg_sleep(600)").catch(() => {})
  const backend = async () => (await h.sql(`SELECT l.pid FROM pg_locks l WHERE l.granted AND l.mode = 'AccessExclusiveLock'
    AND l.relation = 'harthio.evacuation'::regclass`))[0]?.pid
  const pid = await h.eventually('the lock', backend)
  try {
    const abort = new AbortController()
    const port = await internalPort()
    const waiting = [0, 1].map(() => fetch(`http://127.0.0.1:${port}/operator/state`,
      { headers: { authorization: `Bearer ${operatorToken()}` }, signal: abort.signal }).catch((error) => error.name))
    await h.eventually('both wait', async () => (await h.sql(`SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE application_name = 'harthio-notifier operator' AND wait_event_type = 'Lock'`))[0].n === 2)
    assert.equal((await notifier.internal('/readyz')).status, 200)
    const session = h.newSession()
    const channel = await h.connect().join(`session:${session}`)
    await h.claim(session)
    await h.eventually('the claim is heard', () => h.lastHeard(channel) === 1)
    abort.abort()
    assert.deepEqual(await Promise.all(waiting), ['AbortError', 'AbortError'])
  } finally {
    await h.sql('SELECT pg_terminate_backend($1)', [pid])
    await blocker
  }
  assert.equal((await ask('state')).status, 200)
})

test('while the database is away it says so, and is there again afterwards', async () => {
  await h.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'harthio-notifier operator'`)
  await h.eventually('an answer', async () => (await ask('state')).status === 200)
})

test('a token without a subject may look, but not evacuate', async () => {
  const token = operatorToken({ sub: undefined })
  assert.equal((await ask('state', { token })).status, 200)
  const { status, body } = await act('evacuate', 'daily', { token })
  assert.deepEqual([status, body.code], [403, '42501'])
  assert.equal(await isEnabled('daily'), true)
})

test('many at once are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask('state', { headers: { 'x-request': randomUUID() } })))
  assert.ok(answers.every(({ status }) => status === 200 || status === 503), JSON.stringify(answers.map((each) => each.status)))
})
