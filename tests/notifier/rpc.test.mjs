// Are the functions called by HTTP as PostgREST would call them?

import { before, after, test } from 'node:test'
import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { randomUUID } from 'node:crypto'
import WebSocket from 'ws'
import { createClient } from '@supabase/supabase-js'
import * as h from './harness.mjs'

const CONNECTIONS = 2
const QUEUE = 3
const listed = ['rpc_echo', 'rpc_set', 'rpc_numbers', 'rpc_nothing', 'rpc_two', 'rpc_one_out', 'rpc_sleep',
  'rpc_who', 'rpc_raise', 'rpc_shapes', 'rpc_late', 'rpc_overloaded', 'rpc_unnamed', 'rpc_large',
  'rpc_strict', 'other.rpc_elsewhere', 'r"pé', 'rpc_no_grant']

let notifier
h.notifierForThisFile((started) => { notifier = started }, {
  args: ['--rpc-connections', `${CONNECTIONS}`, '--rpc-queue', `${QUEUE}`, '--rpc-timeout-ms', '2000',
    '--rpc-wait-ms', '60000', '--rpc-max-bytes', '20000', '--rpc-functions', listed.join(',')] })

before(async () => {
  await dropFunctions()
  await h.sql(`
    CREATE FUNCTION rpc_echo(a text DEFAULT 'none', b integer DEFAULT NULL, c jsonb DEFAULT NULL, d text[] DEFAULT NULL,
        e timestamptz DEFAULT NULL, "Odd ""name" boolean DEFAULT NULL)
      RETURNS json LANGUAGE sql AS $$ SELECT json_build_array(a, b, c, d, e, "Odd ""name") $$;
    CREATE FUNCTION rpc_set(n integer) RETURNS TABLE (i integer, r text) LANGUAGE sql AS
      $$ SELECT i, 'r' || i FROM generate_series(1, n) i $$;
    CREATE FUNCTION rpc_numbers(n integer) RETURNS SETOF integer LANGUAGE sql AS $$ SELECT generate_series(1, n) $$;
    CREATE FUNCTION rpc_nothing() RETURNS void LANGUAGE sql AS $$ SELECT $$;
    CREATE FUNCTION rpc_two(OUT result text, OUT called integer) LANGUAGE sql AS $$ SELECT 'a'::text, 2 $$;
    CREATE FUNCTION rpc_one_out(OUT alone integer) LANGUAGE sql AS $$ SELECT 1 $$;
    CREATE FUNCTION rpc_sleep(seconds float) RETURNS text LANGUAGE sql AS $$ SELECT pg_sleep(seconds); SELECT 'slept' $$;
    CREATE FUNCTION rpc_who() RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('role', current_user,
      'claims', current_setting('request.jwt.claims')::json, 'method', current_setting('request.method'),
      'path', current_setting('request.path'), 'search_path', current_setting('search_path')) $$;
    CREATE FUNCTION rpc_raise(code text) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'm "1"', DETAIL = 'd', HINT = 'h'; END $$;
    CREATE FUNCTION rpc_shapes(kind text) RETURNS text LANGUAGE sql AS
      $$ SELECT CASE kind WHEN 'null' THEN NULL ELSE kind END $$;
    CREATE FUNCTION rpc_overloaded(a integer) RETURNS text LANGUAGE sql AS $$ SELECT 'a' $$;
    CREATE FUNCTION rpc_overloaded(b text) RETURNS text LANGUAGE sql AS $$ SELECT 'b' $$;
    CREATE FUNCTION rpc_overloaded(c boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'c' $$;
    CREATE FUNCTION rpc_overloaded(c float) RETURNS text LANGUAGE sql AS $$ SELECT 'c' $$;
    CREATE FUNCTION rpc_unnamed(integer) RETURNS text LANGUAGE sql AS $$ SELECT 'unnamed' $$;
    CREATE FUNCTION rpc_large(n integer) RETURNS text LANGUAGE sql AS $$ SELECT repeat('x', n) $$;
    CREATE FUNCTION rpc_unlisted() RETURNS text LANGUAGE sql AS $$ SELECT 'not for you' $$;
    CREATE FUNCTION rpc_no_grant() RETURNS text LANGUAGE sql AS $$ SELECT 'not for you' $$;
    REVOKE ALL ON FUNCTION rpc_no_grant() FROM PUBLIC;
    CREATE FUNCTION "r""pé"() RETURNS text LANGUAGE sql AS $$ SELECT 'quoted' $$;
    CREATE SCHEMA other;
    GRANT USAGE ON SCHEMA other TO PUBLIC;
    CREATE FUNCTION other.rpc_elsewhere() RETURNS text LANGUAGE sql AS $$ SELECT current_schema() $$;`)
})
after(dropFunctions)

async function dropFunctions() {
  await h.sql(`DO $$
    DECLARE f regprocedure;
    BEGIN
      FOR f IN SELECT oid FROM pg_proc WHERE proname LIKE 'rpc\\_%' OR proname LIKE 'r"p%' LOOP
        EXECUTE 'DROP FUNCTION ' || f;
      END LOOP;
    END $$;
    DROP SCHEMA IF EXISTS other`)
}

const supabase = (jwt = notifier.token()) => h.closing({
  client: createClient(notifier.httpUrl, jwt, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }, realtime: { transport: WebSocket } }),
  close() { this.client.realtime.disconnect() },
}).client

const as = (sub, role = 'authenticated') => supabase(notifier.token({ sub, role }))

// The data of a call that must succeed.
async function called(client, name, args) {
  const { data, error, status } = await client.rpc(name, args)
  assert.equal(error, null, JSON.stringify(error))
  assert.ok(status === 200 || status === 204)
  return data
}

async function refused(client, name, args, status, code) {
  const result = await client.rpc(name, args)
  assert.deepEqual([result.status, result.error?.code], [status, code], JSON.stringify(result))
  assert.equal(result.data, null)
  return result.error
}

// A call as bare HTTP; resolves to [status, body, headers].
async function post(name, body, { method = 'POST', headers = {}, token = notifier.token(), prefix = '/rest/v1/rpc/' } = {}) {
  const response = await fetch(`${notifier.httpUrl}${prefix}${name}`, {
    method, body, headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), 'content-type': 'application/json', ...headers } })
  const text = await response.text()
  return [response.status, text === '' ? '' : JSON.parse(text), response.headers]
}

// ---------------------------------------------------------------- the extension's functions

for (const version of ['2.119.1', '2.39.8']) {
  test(`supabase-js ${version}: a call's life`, async () => {
    const session = h.newSession()
    const make = (sub) => version === '2.119.1' ? as(sub)
      : h.closing(h.clientKinds[`supabase-js ${version}`](notifier, notifier.token({ sub }))).client
    const [alice, bob] = [make('alice'), make('bob')]
    const first = await called(alice, 'harthio_claim_provider', { session_id: session })
    assert.deepEqual(Object.keys(first), ['session_id', 'epoch', 'provider', 'room', 'is_new', 'reason',
      'claimed_by', 'assigned_at', 'generation'])
    assert.deepEqual([first.session_id, first.epoch, first.is_new, first.claimed_by], [session, 1, true, 'alice'])
    const second = await called(bob, 'harthio_claim_provider', { session_id: session, info: { device: 'phone', incarnation: 7 } })
    assert.deepEqual([second.epoch, second.provider, second.is_new], [1, first.provider, false])
    const same = await called(alice, 'harthio_report_outcome', { session_id: session, epoch: 1, success: true, connect_ms: 120 })
    assert.equal(same.epoch, 1)
    const moved = await called(bob, 'harthio_report_outcome',
      { session_id: session, epoch: 1, success: false, detail: { reason: 'ice_failed' } })
    assert.equal(moved.epoch, 2)
    assert.notEqual(moved.provider, first.provider)
    const advice = await called(alice, 'harthio_report_quality', { session_id: session, epoch: 2, metrics: { rtt_ms: 40, loss: 0.1 } })
    assert.equal(advice.assignment.epoch, 2)
    const switched = await called(alice, 'harthio_switch_provider', { session_id: session, epoch: 2 })
    assert.equal(switched.epoch, 3)
    const state = await called(alice, 'harthio_session', { session_id: session })
    assert.equal(state.epoch, 3)
    assert.equal(await called(bob, 'harthio_leave_session', { session_id: session }), true)
    const ended = await called(alice, 'harthio_end_session', { session_id: session })
    assert.deepEqual([ended.epoch, ended.provider], [4, null])
  })
}

test('of clients that claim at once one is first, and all are told the same', async () => {
  const session = h.newSession()
  const claims = await Promise.all([...Array(QUEUE).keys()].map((n) =>
    called(as(`p${n}`), 'harthio_claim_provider', { session_id: session })))
  assert.equal(claims.filter((claim) => claim.is_new).length, 1)
  assert.equal(new Set(claims.map((claim) => `${claim.epoch} ${claim.provider} ${claim.room}`)).size, 1)
})

test('what is changed by a call is heard in the session', async () => {
  const session = h.newSession()
  const listener = await h.connect().join(`session:${session}`)
  await called(as('alice'), 'harthio_claim_provider', { session_id: session })
  await h.eventually('the claim is heard', () => h.lastHeard(listener) === 1)
})

test('a user can act only as itself, service_role as anybody, anon not at all', async () => {
  const session = h.newSession()
  await refused(as('mallory'), 'harthio_claim_provider', { session_id: session, participant_id: 'alice' }, 403, '42501')
  const claim = await called(as('backend', 'service_role'), 'harthio_claim_provider', { session_id: session, participant_id: 'alice' })
  assert.equal(claim.claimed_by, 'alice')
  await refused(as('mallory'), 'harthio_session', { session_id: session }, 403, '42501')
  await refused(as(undefined, 'anon'), 'harthio_claim_provider', { session_id: session }, 401, '42501')
  assert.ok((await called(as(undefined, 'service_role'), 'harthio_providers')).length >= 2)
  await refused(as('alice'), 'harthio_providers', {}, 403, '42501')
  assert.equal(await called(as(undefined, 'service_role'), 'harthio_report_probe', { provider: 'daily', ok: true }), null)
})

test('errors come with their SQLSTATE, detail and hint', async () => {
  const session = h.newSession()
  const alice = as('alice')
  const invalid = await refused(alice, 'harthio_claim_provider', { session_id: 'a b' }, 400, '22023')
  assert.deepEqual(Object.keys(invalid).sort(), ['code', 'details', 'hint', 'message'])
  assert.ok(invalid.hint)
  await refused(alice, 'harthio_claim_provider', { session_id: null }, 400, '22004')
  await refused(alice, 'harthio_session', { session_id: session }, 400, '42704')
  await called(alice, 'harthio_claim_provider', { session_id: session })
  await called(alice, 'harthio_end_session', { session_id: session })
  await refused(alice, 'harthio_switch_provider', { session_id: session, epoch: 2 }, 500, '55000')
  await refused(alice, 'harthio_report_outcome', { session_id: session, epoch: 'one', success: true }, 400, '22P02')
  await refused(alice, 'harthio_report_outcome', { session_id: session, epoch: 1e12, success: true }, 400, '22003')
})

// ---------------------------------------------------------------- any function

test('each SQLSTATE has the status that PostgREST gives it', async () => {
  const expected = { '08006': 503, '0P000': 403, '23503': 409, '23505': 409, 23514: 400, 25006: 405, '25P01': 500, '28P01': 403,
    '40001': 500, 42883: 404, '42P01': 404, 53400: 500, 53300: 503, 54000: 500, 55000: 500, 57014: 500, '57P01': 503, P0001: 400,
    P0002: 500, XX000: 500, PT402: 402, PT999: 500, 22023: 400, 42501: 403, ZZ000: 400 }
  for (const [code, status] of Object.entries(expected)) {
    const error = await refused(as('a'), 'rpc_raise', { code }, status, code)
    assert.deepEqual([error.message, error.details, error.hint], ['m "1"', 'd', 'h'])
  }
  await refused(as(undefined, 'anon'), 'rpc_raise', { code: '42501' }, 401, '42501')
})

test('arguments arrive as their types, whatever is in them', async () => {
  const echo = (args) => called(as('a'), 'rpc_echo', args)
  assert.deepEqual(await echo({}), ['none', null, null, null, null, null])
  assert.deepEqual(await echo({ a: `'; DROP TABLE x; --"\\ü🎥`, b: '7', c: { deep: [1, 'x', null] }, d: ['p', 'q,"r'], 'Odd "name': true }),
    [`'; DROP TABLE x; --"\\ü🎥`, 7, { deep: [1, 'x', null] }, ['p', 'q,"r'], null, true])
  assert.deepEqual(await echo({ a: 5, b: null, c: 'text', e: '2026-01-01T00:00:00Z' }),
    ['5', null, 'text', null, (await h.sql(`SELECT to_json('2026-01-01T00:00:00Z'::timestamptz) AS e`))[0].e, null])
  assert.deepEqual(await echo({ a: { b: 1 } }), ['{"b":1}', null, null, null, null, null])
  assert.deepEqual((await post('rpc_echo', '{"c": 0.1}'))[1][2], 0.1)
})

test('results have the shape that PostgREST gives them', async () => {
  const client = as('a')
  assert.deepEqual(await called(client, 'rpc_set', { n: 2 }), [{ i: 1, r: 'r1' }, { i: 2, r: 'r2' }])
  assert.deepEqual(await called(client, 'rpc_set', { n: 0 }), [])
  assert.deepEqual(await called(client, 'rpc_numbers', { n: 3 }), [1, 2, 3])
  assert.deepEqual(await called(client, 'rpc_two'), { result: 'a', called: 2 })
  assert.deepEqual(await called(client, 'rpc_one_out'), { alone: 1 })
  assert.equal(await called(client, 'rpc_shapes', { kind: 'text' }), 'text')
  assert.equal(await called(client, 'rpc_shapes', { kind: 'null' }), null)
  assert.deepEqual(await post('rpc_shapes', '{"kind": "null"}').then(([status, body]) => [status, body]), [200, null])
  assert.deepEqual((await client.rpc('rpc_nothing')).status, 204)
  assert.equal((await called(client, 'rpc_large', { n: 3000000 })).length, 3000000)
  const single = await client.rpc('rpc_two').single()
  assert.deepEqual(single.data, { result: 'a', called: 2 })
})

test('the transaction has the role, the claims and the path of its caller alone', async () => {
  const who = await called(as('alice'), 'rpc_who')
  assert.equal(who.role, 'authenticated')
  assert.equal(who.claims.sub, 'alice')
  assert.deepEqual([who.method, who.path, who.search_path], ['POST', '/rest/v1/rpc/rpc_who', 'public'])
  for (let i = 0; i < 2 * CONNECTIONS; i++) {
    assert.equal((await called(as(undefined, 'anon'), 'rpc_who')).claims.sub, undefined)
  }
  assert.equal(await called(as('a'), 'rpc_elsewhere'), 'other')
})

test('functions that are not listed, or do not fit, cannot be called', async () => {
  const client = as('a')
  for (const [name, args] of [['rpc_unlisted', {}], ['pg_sleep', { '': 1 }], ['harthio_authorize', { session_id: 'x' }],
    ['harthio_attach', {}], ['rpc_set', {}], ['rpc_set', { n: 1, m: 2 }], ['rpc_unnamed', { a: 1 }],
    ['harthio_claim_provider', { sesion_id: 'x' }], ['rpc_set"; SELECT 1; --', {}], ['r', {}], ['x'.repeat(3000), {}],
    ['rpc_echo', { 'a => 1) --': 1 }], ['rpc_echo', Object.fromEntries([...Array(300).keys()].map((n) => [`argument${n}`, n]))]]) {
    const error = await refused(client, name, args, 404, 'PGRST202')
    assert.match(error.message, /^Could not find the function /)
  }
  assert.equal(await called(client, 'r"pé'), 'quoted')
  await refused(client, 'rpc_no_grant', {}, 403, '42501')
})

test('a name is of the function that takes the arguments', async () => {
  assert.equal(await called(as('a'), 'rpc_overloaded', { a: 1 }), 'a')
  assert.equal(await called(as('a'), 'rpc_overloaded', { b: 1 }), 'b')
  await refused(as('a'), 'rpc_overloaded', { c: 1 }, 300, 'PGRST203')
})

test('a function that is made, or made anew, is found', async () => {
  const client = as('a')
  await refused(client, 'rpc_late', {}, 404, 'PGRST202')
  await h.sql(`CREATE FUNCTION rpc_late() RETURNS text LANGUAGE sql AS $$ SELECT 'late' $$`)
  await h.eventually('it is found', async () => (await client.rpc('rpc_late')).data === 'late')
  await h.sql(`DROP FUNCTION rpc_late(); CREATE FUNCTION rpc_late(n integer DEFAULT 1) RETURNS text LANGUAGE sql AS $$ SELECT 'later' $$`)
  await h.eventually('the new one is found', async () => (await client.rpc('rpc_late', { n: 3 })).data === 'later')
  await h.sql('DROP FUNCTION rpc_late(integer)')
  await refused(client, 'rpc_late', { n: 3 }, 404, '42883')
  await refused(client, 'rpc_late', { n: 3 }, 404, 'PGRST202')
})

// ---------------------------------------------------------------- tokens and HTTP

test('who has no good token is told so', async () => {
  const [status, body] = await post('rpc_who', '{}', { token: null })
  assert.deepEqual([status, body.code], [401, 'PGRST302'])
  const expired = await refused(supabase(notifier.token({ exp: h.inSeconds(-10) })), 'rpc_who', {}, 401, 'PGRST301')
  assert.equal(expired.message, 'JWT expired')
  for (const token of ['nonsense', `${notifier.token()}x`, h.signToken({ role: 'service_role', exp: h.inSeconds(60) }, { secret: 'other' }),
    h.signToken({ role: 'service_role', exp: h.inSeconds(60) }, { secret: notifier.secret, alg: 'none' })]) {
    await refused(supabase(token), 'rpc_who', {}, 401, 'PGRST301')
  }
  await refused(as('a', 'no_such_role'), 'rpc_who', {}, 400, '22023')
  await refused(as('a', 'postgres'), 'rpc_who', {}, 403, '42501')
  await notifier.logged(/rpc.*event=no_role role="?postgres/)
})

test('the apikey alone will do, and Authorization comes first', async () => {
  const apikey = notifier.token({ role: 'anon', sub: undefined })
  assert.equal((await post('rpc_who', '{}', { token: null, headers: { apikey } }))[1].role, 'anon')
  assert.equal((await post('rpc_who', '{}', { headers: { apikey } }))[1].role, 'authenticated')
})

test('pages of any origin may call', async () => {
  const [status, body, headers] = await post('rpc_who', undefined, { method: 'OPTIONS', token: null,
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST',
      'access-control-request-headers': 'apikey,authorization,content-profile,content-type,x-client-info' } })
  assert.deepEqual([status, body, headers.get('access-control-allow-origin')], [204, '', '*'])
  assert.match(headers.get('access-control-allow-headers'), /content-profile/)
  assert.equal((await post('rpc_who', '{}'))[2].get('access-control-allow-origin'), '*')
  assert.equal((await post('rpc_raise', '{"code":"22023"}'))[2].get('access-control-allow-origin'), '*')
})

test('what is not a call is refused with a reason', async () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const [status, body] = await post('rpc_who', undefined, { method })
    assert.deepEqual([status, body.code], [405, 'PGRST101'], method)
  }
  assert.equal((await as('a').rpc('rpc_who', {}, { head: true })).status, 405)
  const selected = await as('a').rpc('rpc_set', { n: 3 }).select('i').gt('i', 1)
  assert.deepEqual([selected.status, selected.error.code], [400, 'PGRST100'])
  assert.equal((await post('rpc_who', ''))[0], 200)
  assert.equal((await post('rpc_who', '{}', { prefix: '/rpc/' }))[0], 200)
  assert.equal((await fetch(`${notifier.httpUrl}/rest/v1/rpc_who`, { method: 'POST', body: '{}' })).status, 404)
})

test('hostile bodies are refused, and nothing breaks', async () => {
  for (const body of ['null', '[]', '1', '"x"', '{', '{"a":1', '{"a":1}x', '{"a":1,"a":2}', '\0', '{"a":"\\u0000"}', '{"a\\u0000":1}',
    '{"a":1e999}', Buffer.from('{"a":"\xff"}', 'latin1'), '['.repeat(9000), `{"a":${'['.repeat(9000)}}`, '{"a":"\\ud800"}']) {
    const [status, answer] = await post('rpc_echo', body)
    assert.deepEqual([status, answer.code], [400, 'PGRST102'], JSON.stringify(String(body).slice(0, 30)))
  }
  assert.deepEqual(await post('rpc_echo', `{"a":"${'x'.repeat(30000)}"}`).then(([status, { code }]) => [status, code]), [413, 'PGRST102'])
  assert.equal((await post('rpc_echo', '{"c":{"a":{"b":[[[[[[1]]]]]]}}}'))[0], 200)
  assert.equal((await post('rpc_who', '{}'))[0], 200)
})

test('a body of unknown length is refused', async () => {
  const status = await new Promise((resolve, reject) => {
    const request = http.request(`${notifier.httpUrl}/rest/v1/rpc/rpc_who`, { method: 'POST',
      headers: { authorization: `Bearer ${notifier.token()}`, 'transfer-encoding': 'chunked' } },
    (response) => { response.resume(); resolve(response.statusCode) })
    request.on('error', reject)
    request.write('{}')
    request.end()
  })
  assert.equal(status, 411)
})

// ---------------------------------------------------------------- under load, and in trouble

const sleep = (seconds) => as('a').rpc('rpc_sleep', { seconds }).then((result) => result)
const sleepers = () => h.sql(`SELECT pid FROM pg_stat_activity WHERE application_name = 'harthio-notifier rpc' AND query LIKE '%rpc_sleep%' AND state = 'active'`)

test('slow calls delay nobody but those who find no connection', async () => {
  const slow = [...Array(CONNECTIONS - 1)].map(() => sleep(1.5))
  await h.eventually('they sleep', async () => (await sleepers()).length === CONNECTIONS - 1)
  let finished = false
  Promise.all(slow).then(() => { finished = true })
  const socket = await h.raw()
  await socket.heartbeat()
  assert.ok(await called(as('a'), 'rpc_who'))
  assert.equal(finished, false)
  for (const result of await Promise.all(slow)) assert.equal(result.data, 'slept')
})

test('a call that runs too long is cancelled by the database', async () => {
  await refused(as('a'), 'rpc_sleep', { seconds: 60 }, 500, '57014')
})

test('when too many wait the next one is told to come back', async () => {
  const busy = Promise.all([...Array(CONNECTIONS)].map(() => sleep(1.8)))
  await h.eventually('they sleep', async () => (await sleepers()).length === CONNECTIONS)
  const waiting = []
  const [status, body, headers] = await h.eventually('one is refused', async () => {
    const answer = post('rpc_who', '{}')
    const first = await Promise.race([answer, sleepers()])
    if (first[0] === 503) return first
    waiting.push(answer)
    return false
  })
  assert.deepEqual([status, body.code, headers.get('retry-after')], [503, 'PGRST003', '1'])
  assert.ok(waiting.length >= QUEUE)
  await busy
  for (const [each] of await Promise.all(waiting)) assert.ok(each === 200 || each === 503)
})

test('who goes before the answer makes room for others', async () => {
  const busy = [...Array(CONNECTIONS)].map(() => sleep(1.8))
  const finished = Promise.all(busy)
  await h.eventually('they sleep', async () => (await sleepers()).length === CONNECTIONS)
  const sockets = [...Array(QUEUE)].map(() => {
    const socket = net.connect(notifier.port, '127.0.0.1', () => socket.write(
      `POST /rest/v1/rpc/rpc_who HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${notifier.token()}\r\nContent-Length: 2\r\n\r\n{}`))
    return socket.on('error', () => {})
  })
  await h.eventually('they fill the queue', async () => (await waitingCall()) === null)
  for (const socket of sockets) socket.destroy()
  const [answer] = await h.eventually('another one may wait', waitingCall)
  assert.equal((await answer)[0], 200)
  for (const result of await finished) assert.equal(result.data, 'slept')
})

// A call that waits while others sleep, or null if it was refused.
async function waitingCall() {
  let settled = false
  const answer = post('rpc_who', '{}').finally(() => { settled = true })
  assert.equal((await sleepers()).length, CONNECTIONS)
  return settled ? null : [answer]
}

test('a connection that breaks loses the call under way, and no other', async () => {
  const lost = sleep(1.5)
  const [backend] = await h.eventually('it sleeps', async () => {
    const found = await sleepers()
    return found.length === 1 && found
  })
  const other = called(as('a'), 'rpc_who')
  await h.sql('SELECT pg_terminate_backend($1)', [backend.pid])
  const result = await lost
  assert.deepEqual([result.status, result.error.code], [503, 'PGRST001'])
  assert.ok(await other)
  assert.ok(await called(as('a'), 'rpc_who'))
})

test('calls wait for a database that restarts', async () => {
  const restarting = h.restartCluster()
  const waiting = await h.eventually('it answers again', async () => {
    const { data } = await as('a').rpc('rpc_who')
    return data
  })
  await restarting
  assert.equal(waiting.role, 'authenticated')
})

test('without a database a call is refused in time, in words', async () => {
  const lonely = await h.Notifier.launch({ args: ['--rpc-wait-ms', '200', '--database', 'host=127.0.0.1 port=1 user=x'] })
  const response = await fetch(`${lonely.httpUrl}/rest/v1/rpc/harthio_providers`, { method: 'POST', body: '{}',
    headers: { authorization: `Bearer ${lonely.token()}` } })
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '1')
  assert.deepEqual(await response.json(),
    { code: 'PGRST000', details: null, hint: null, message: 'Could not connect with the database' })
  await lonely.stop()
})

test('--rpc off: there are no calls and no connections for them', async () => {
  const off = await h.Notifier.start({ args: ['--rpc', 'off'] })
  const response = await fetch(`${off.httpUrl}/rest/v1/rpc/harthio_providers`, { method: 'POST', body: '{}',
    headers: { authorization: `Bearer ${off.token()}` } })
  assert.equal(response.status, 404)
  assert.equal((await response.json()).code, 'PGRST125')
  assert.ok(!off.lines.some((line) => line.includes('link=rpc')))
  await off.stop()
})

test('a session that is not there is not made by asking for it', async () => {
  const session = `s-${randomUUID()}`
  await refused(as('a'), 'harthio_session', { session_id: session }, 400, '42704')
  assert.equal((await h.sql('SELECT count(*)::int AS n FROM harthio.assignment WHERE session_id = $1', [session]))[0].n, 0)
})
