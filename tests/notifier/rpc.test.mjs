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
const listed = ['rpc_echo', 'rpc_set', 'rpc_numbers', 'rpc_nothing', 'rpc_two', 'rpc_one_out',
  'rpc_who', 'rpc_raise', 'rpc_shapes', 'rpc_late', 'rpc_overloaded', 'rpc_unnamed', 'rpc_large',
  'rpc_strict', 'other.rpc_elsewhere', 'r"pé', 'rpc_no_grant', 'rpc_films', 'other.rpc_films', 'rpc_add', 'rpc_typed',
  'rpc_insert', 'rpc_claims_to_read', 'rpc_point', 'rpc_domain']

let notifier
h.notifierForThisFile((started) => { notifier = started }, {
  args: ['--rpc-connections', `${CONNECTIONS}`, '--rpc-queue', `${QUEUE}`, '--rpc-wait-ms', '60000',
    '--rpc-max-bytes', '20000', '--rpc-functions', listed.join(',')] })

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
    CREATE FUNCTION rpc_films() RETURNS TABLE (id integer, title text, "Odd, ""name" text, rating numeric, tags text[], seen boolean)
      LANGUAGE sql STABLE AS $$ VALUES (1, 'Alien', 'a', 8.5, '{space,cat}'::text[], true), (2, 'Brazil, again', 'b', 7.9, '{}', false),
        (3, 'Cube', 'c', NULL, '{maths}', NULL), (4, '100% Wolf', 'd', 4.1, '{dog,cat}', true) $$;
    CREATE FUNCTION rpc_add(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT a + b $$;
    CREATE FUNCTION rpc_typed(c character DEFAULT NULL, j jsonb DEFAULT NULL, list integer[] DEFAULT NULL, at date DEFAULT NULL, ok boolean DEFAULT NULL)
      RETURNS json LANGUAGE sql STABLE AS $$ SELECT json_build_array(c, j, list, at, ok) $$;
    CREATE TABLE rpc_written (n integer);
    GRANT ALL ON rpc_written TO PUBLIC;
    CREATE FUNCTION rpc_insert(n integer) RETURNS SETOF rpc_written LANGUAGE sql AS
      $$ INSERT INTO rpc_written SELECT generate_series(1, n) RETURNING * $$;
    CREATE SEQUENCE rpc_sequence OWNED BY rpc_written.n;
    GRANT ALL ON SEQUENCE rpc_sequence TO PUBLIC;
    CREATE FUNCTION rpc_claims_to_read() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT nextval('rpc_sequence') $$;
    CREATE TYPE rpc_pair AS (x integer, y integer);
    CREATE DOMAIN rpc_even AS rpc_pair CHECK ((VALUE).x % 2 = 0);
    CREATE FUNCTION rpc_point(x integer) RETURNS rpc_pair LANGUAGE sql STABLE AS $$ SELECT x, 2 $$;
    CREATE FUNCTION rpc_domain() RETURNS rpc_even LANGUAGE sql STABLE AS $$ SELECT ROW(2, 3)::rpc_even $$;
    CREATE SCHEMA other;
    CREATE FUNCTION other.rpc_films() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'of the other schema' $$;
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
    DROP SCHEMA IF EXISTS other;
    DROP TABLE IF EXISTS rpc_written;
    DROP DOMAIN IF EXISTS rpc_even;
    DROP TYPE IF EXISTS rpc_pair`)
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
    '21000': 500, '40001': 500, 42883: 404, '42P01': 404, 53400: 500, 53300: 503, 54000: 500, 55000: 500, 57014: 500, '57P01': 503, P0001: 400,
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

// ---------------------------------------------------------------- GET, HEAD, and what is asked of the result

// A call as bare HTTP by GET; resolves to [status, body, headers].
async function get(query, { method = 'GET', headers = {}, token = notifier.token() } = {}) {
  const response = await fetch(`${notifier.httpUrl}/rest/v1/rpc/${query}`, {
    method, headers: { authorization: `Bearer ${token}`, ...headers } })
  const text = await response.text()
  return [response.status, text === '' ? '' : JSON.parse(text), response.headers]
}

const makers = Object.fromEntries(['2.119.1', '2.95.3', '2.50.0', '2.39.8'].map((version) => [version, () =>
  version === '2.119.1' ? as('a') : h.closing(h.clientKinds[`supabase-js ${version}`](notifier, notifier.token())).client]))

for (const [version, make] of Object.entries(makers)) {
  test(`supabase-js ${version}: a set is selected, filtered, ordered, cut and counted`, async () => {
    const client = make()
    const films = (options) => client.rpc('rpc_films', {}, options)
    for (const options of [{}, { get: true }]) {
      if (version === '2.39.8' && options.get) continue // it has no such option
      const ids = async (query) => {
        const { data, error } = await query
        assert.equal(error, null, JSON.stringify(error))
        return data.map((row) => row.id)
      }
      assert.deepEqual(await ids(films(options)), [1, 2, 3, 4])
      assert.deepEqual(await ids(films(options).eq('title', 'Brazil, again')), [2])
      assert.deepEqual(await ids(films(options).neq('id', 2).gt('id', 1).lte('id', 4)), [3, 4])
      assert.deepEqual(await ids(films(options).gte('rating', 7.9).lt('id', 2)), [1])
      assert.deepEqual(await ids(films(options).is('rating', null)), [3])
      assert.deepEqual(await ids(films(options).is('seen', true)), [1, 4])
      assert.deepEqual(await ids(films(options).not('rating', 'is', null).order('rating')), [4, 2, 1])
      assert.deepEqual(await ids(films(options).in('title', ['Brazil, again', 'Cube', 'back\\slash', 'half"quoted"'])), [2, 3])
      assert.deepEqual(await ids(films(options).in('id', [])), [])
      assert.deepEqual(await ids(films(options).like('title', '*00*')), [4])
      assert.deepEqual(await ids(films(options).ilike('title', 'c%')), [3])
      assert.deepEqual(await ids(films(options).contains('tags', ['cat'])), [1, 4])
      assert.deepEqual(await ids(films(options).order('rating', { ascending: false, nullsFirst: false }).range(1, 2)), [2, 4])
      assert.deepEqual(await ids(films(options).order('seen', { nullsFirst: true }).order('id', { ascending: false }).limit(3)), [3, 2, 4])
      assert.deepEqual((await films(options).select('id, name:title').limit(1)).data, [{ id: 1, name: 'Alien' }])
      assert.deepEqual((await films(options).select('"Odd, \\"name"').eq('id', 3)).data, [{ 'Odd, "name': 'c' }])
      const counted = await films({ ...options, count: 'exact' }).gt('id', 1).limit(2)
      assert.deepEqual([counted.status, counted.count, counted.data.length], [206, 3, 2])
    }
    const head = await films({ head: true, count: 'exact' })
    assert.deepEqual([head.status, head.count, head.data, head.error], [200, 4, null, null])
  })

  test(`supabase-js ${version}: one row alone, or none`, async () => {
    const client = make()
    assert.deepEqual((await client.rpc('rpc_point', { x: 4 }).single()).data, { x: 4, y: 2 })
    assert.deepEqual((await client.rpc('rpc_films').eq('id', 3).select('title').single()).data, { title: 'Cube' })
    const many = await client.rpc('rpc_films').single()
    assert.deepEqual([many.status, many.error.code, many.error.details], [406, 'PGRST116', 'The result contains 4 rows'])
    const none = await client.rpc('rpc_films').eq('id', 9).single()
    assert.deepEqual([none.status, none.error.code, none.error.details], [406, 'PGRST116', 'The result contains 0 rows'])
    const perhaps = await client.rpc('rpc_films').eq('id', 9).maybeSingle()
    assert.deepEqual([perhaps.error, perhaps.data], [null, null])
    assert.equal((await client.rpc('rpc_films').eq('id', 3).maybeSingle()).data.title, 'Cube')
  })
}

test('a call by GET has its arguments in the query, each as its type', async () => {
  const client = as('a')
  assert.equal((await client.rpc('rpc_add', { a: 3, b: -4 }, { get: true })).data, -1)
  assert.deepEqual((await client.rpc('rpc_typed', { list: [1, 2], ok: true, at: '2026-01-02' }, { get: true })).data,
    [null, null, [1, 2], '2026-01-02', true])
  assert.deepEqual((await get('rpc_typed?c=long+text&j=%7B%22a%22%3A%5B1.50%5D%7D'))[1], ['long text', { a: [1.5] }, null, null, null])
  assert.deepEqual((await post('rpc_typed', '{"c":"long text"}'))[1][0], 'long text')
  const [status, body] = await get('rpc_typed?j=%7B')
  assert.deepEqual([status, body.code], [400, '22P02'])
  assert.deepEqual(await get('rpc_add?a=1&a=2&b=3&apikey=x').then(([status, body]) => [status, body]), [200, 5])
  assert.equal((await get('rpc_add?a=1'))[1].code, 'PGRST202')
  assert.equal((await get('rpc_add?a=1&b=2&more=3'))[1].code, 'PGRST202')
  assert.equal((await get('rpc_who'))[1].method, 'GET')
})

test('a call by GET changes nothing, nor does a function that promised it', async () => {
  const before = (await h.sql('SELECT count(*)::int AS n FROM rpc_written'))[0].n
  for (const method of ['GET', 'HEAD']) assert.equal((await get('rpc_insert?n=1', { method }))[0], 405, method)
  assert.equal((await get('rpc_insert?n=1'))[1].code, '25006')
  await refused(as('a'), 'rpc_claims_to_read', {}, 405, '25006')
  const session = h.newSession()
  const claim = await as('a').rpc('harthio_claim_provider', { session_id: session }, { get: true })
  assert.deepEqual([claim.status, claim.error.code], [405, '25006'])
  assert.deepEqual(await h.sql('SELECT 1 FROM harthio.assignment WHERE session_id = $1', [session]), [])
  assert.equal((await h.sql('SELECT count(*)::int AS n FROM rpc_written'))[0].n, before)
  assert.equal((await as(undefined, 'service_role').rpc('harthio_providers', {}, { get: true })).status, 200)
})

test('what is not the one row that was asked for is undone', async () => {
  await h.sql('TRUNCATE rpc_written')
  const two = await as('a').rpc('rpc_insert', { n: 2 }).single()
  assert.deepEqual([two.status, two.error.code], [406, 'PGRST116'])
  assert.deepEqual(await h.sql('SELECT n FROM rpc_written'), [])
  assert.deepEqual((await as('a').rpc('rpc_insert', { n: 1 }).single()).data, { n: 1 })
  assert.deepEqual(await h.sql('SELECT n FROM rpc_written'), [{ n: 1 }])
})

test('a HEAD has the headers alone, and the connection goes on', async () => {
  const [status, body, headers] = await get('rpc_films?limit=1', { method: 'HEAD', headers: { prefer: 'count=exact' } })
  assert.deepEqual([status, body, headers.get('content-range')], [206, '', '0-0/4'])
  const bytes = await new Promise((resolve, reject) => {
    const head = (method, more) => `${method} /rest/v1/rpc/rpc_add?a=1&b=2 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${notifier.token()}\r\n${more}\r\n`
    let all = ''
    const socket = net.connect(notifier.port, '127.0.0.1', () => socket.write(head('HEAD', '')))
    socket.on('error', reject)
    socket.on('data', (data) => {
      if (all === '') socket.write(head('GET', 'Connection: close\r\n'))
      all += data
    })
    socket.on('close', () => resolve(all))
  })
  assert.equal(bytes.match(/HTTP\/1\.1 200/g).length, 2)
  assert.match(bytes, /\r\n\r\n3$/)
  assert.doesNotMatch(bytes, /\r\n\r\n3H/)
})

test('Content-Range tells which rows these are, and of how many if that is asked', async () => {
  const range = async (query, prefer) => {
    const [status, , headers] = await get(query, { headers: prefer ? { prefer } : {} })
    return [status, headers.get('content-range')]
  }
  assert.deepEqual(await range('rpc_films'), [200, '0-3/*'])
  assert.deepEqual(await range('rpc_films?offset=1&limit=2'), [200, '1-2/*'])
  assert.deepEqual(await range('rpc_films?offset=1&limit=2', 'count=exact'), [206, '1-2/4'])
  assert.deepEqual(await range('rpc_films?id=gt.1', 'count=planned'), [200, '0-2/3'])
  assert.deepEqual(await range('rpc_films?limit=0'), [200, '*/*'])
  assert.deepEqual(await range('rpc_films?id=eq.9', 'return=minimal, count=estimated'), [200, '*/0'])
  assert.deepEqual(await range('rpc_add?a=1&b=1', 'count=exact'), [200, '0-0/1'])
  assert.deepEqual(await range('rpc_numbers?n=5&limit=2&offset=3'), [200, '3-4/*'])
  const [status, body] = await get('rpc_films?offset=7', { headers: { prefer: 'count=exact' } })
  assert.deepEqual([status, body.code, body.details], [416, 'PGRST103', 'An offset of 7 was requested, but there are only 4 rows.'])
  assert.equal((await get('rpc_films'))[2].get('access-control-expose-headers').includes('content-range'), true)
})

test('Accept is one object, an array, or not to be had', async () => {
  const accepted = async (accept, query = 'rpc_films?id=eq.1&select=id') => {
    const [status, body, headers] = await get(query, { headers: { accept } })
    return [status, body.code ?? body, headers.get('content-type')]
  }
  assert.deepEqual(await accepted('application/json'), [200, [{ id: 1 }], 'application/json'])
  assert.deepEqual(await accepted('text/html, */*;q=0.1'), [200, [{ id: 1 }], 'application/json'])
  assert.deepEqual(await accepted('application/vnd.pgrst.object+json'), [200, { id: 1 }, 'application/vnd.pgrst.object+json'])
  assert.deepEqual(await accepted('application/vnd.pgrst.object+json', 'rpc_add?a=1&b=2'), [200, 3, 'application/vnd.pgrst.object+json'])
  assert.deepEqual(await accepted('application/vnd.pgrst.object+json', 'rpc_numbers?n=1'), [200, 1, 'application/vnd.pgrst.object+json'])
  assert.deepEqual(await accepted('text/csv'), [406, 'PGRST107', 'application/json'])
  assert.deepEqual((await as('a').rpc('rpc_films').csv()).error.code, 'PGRST107')
})

test('a preference that is not known is passed over, unless handling is strict', async () => {
  const preferring = async (prefer) => (await get('rpc_add?a=1&b=1', { headers: { prefer } }))
  assert.equal((await preferring('params=single-object'))[0], 200)
  assert.equal((await preferring('handling=strict, count=exact'))[0], 200)
  const [status, body] = await preferring('handling=strict, params=single-object')
  assert.deepEqual([status, body.code, body.details], [400, 'PGRST122', 'Invalid preferences: params=single-object'])
})

test('a profile chooses a schema, public none', async () => {
  const schema = (name) => as('a').schema(name)
  assert.equal((await as('a').rpc('rpc_films').limit(1)).data[0].id, 1)
  assert.equal((await schema('other').rpc('rpc_films')).data, 'of the other schema')
  assert.equal((await schema('other').rpc('rpc_films', {}, { get: true })).data, 'of the other schema')
  assert.equal((await as('a').rpc('rpc_elsewhere')).data, 'other')
  assert.equal((await schema('other').rpc('rpc_add', { a: 1, b: 2 })).error.code, 'PGRST202')
  const { status, error } = await schema('pg_catalog').rpc('rpc_add', { a: 1, b: 2 })
  assert.deepEqual([status, error.code, error.message], [406, 'PGRST106', 'Invalid schema: pg_catalog'])
})

test('one row of a composite, a domain over one, and values have columns or none', async () => {
  assert.deepEqual((await get('rpc_point?x=4&select=y,twice:x'))[1], { y: 2, twice: 4 })
  assert.deepEqual((await get('rpc_point?x=eq.4'))[1].code, 'PGRST202')
  assert.deepEqual((await get('rpc_domain'))[1], { x: 2, y: 3 })
  assert.deepEqual((await get('rpc_numbers?n=5&limit=2&offset=1'))[1], [2, 3])
  for (const query of ['rpc_numbers?n=5&select=one', 'rpc_add?a=1&b=2&order=one', 'rpc_numbers?n=5&one=eq.2', 'rpc_nothing?limit=1']) {
    const [status, body] = await get(query)
    assert.deepEqual([status, body.code], [400, 'PGRST127'], query)
    assert.match(body.details, /without columns/)
  }
})

test('what cannot be asked of a result is named', async () => {
  for (const [query, status, code] of [
    ['select=id::text', 400, 'PGRST127'], ['select=tags->0', 400, 'PGRST127'], ['select=id,other(*)', 400, 'PGRST127'],
    ['select=id.sum()', 400, 'PGRST127'], ['order=other(id)', 400, 'PGRST127'], ['or=(id.eq.1,id.eq.2)', 400, 'PGRST127'],
    ['title=fts.cube', 400, 'PGRST127'], ['title=like(any).{a,b}', 400, 'PGRST127'], ['tags->0=eq.x', 400, 'PGRST127'],
    ['columns=id', 400, 'PGRST127'], [[...Array(16).keys()].map((n) => `id=neq.${n}`).join('&'), 400, 'PGRST127'],
    ['select=', 200], ['select=,', 400, 'PGRST100'], ['select="id', 400, 'PGRST100'], ['order=', 400, 'PGRST100'], ['order=id.up', 400, 'PGRST127'],
    ['limit=x', 400, 'PGRST100'], ['limit=1e3', 400, 'PGRST100'], ['limit=-1', 416, 'PGRST103'], ['offset=-1', 416, 'PGRST103'],
    ['limit=99999999999999999999', 400, 'PGRST100'], ['id=in.1', 400, 'PGRST100'], ['id=in.(1', 400, 'PGRST100'], ['id=is.maybe', 400, 'PGRST100'],
    ['=eq.1', 400, 'PGRST100'], ['id=eq.x', 400, '22P02'], ['select=none', 400, '42703'], ['none=eq.1', 400, '42703'], ['order=none', 400, '42703']]) {
    const [got, body] = await get(`rpc_films?${query}`)
    assert.deepEqual([got, body.code], [status, code], query)
  }
  const [status, body] = await post('rpc_films?id=1', '{}')
  assert.deepEqual([status, body.code], [400, 'PGRST100'])
})

test('a name or a value of a query is never SQL', async () => {
  const hostile = ['id"; DROP TABLE rpc_written; --', "x' OR '1'='1", 'id" = 1 OR "id', '$1', '\\', '\u{1f3a5}"', 'found.rpc_unlisted', 'to_json', '%', 'a,b']
  for (const text of hostile) {
    const quoted = `"${text.replace(/["\\]/g, '\\$&')}"`
    for (const query of [`select=${encodeURIComponent(quoted)}`, `order=${encodeURIComponent(quoted)}`, `${encodeURIComponent(quoted)}=eq.1`]) {
      assert.deepEqual(await get(`rpc_films?${query}`).then(([status, body]) => [status, body.code]), [400, '42703'], query)
    }
    for (const value of [`eq.${text}`, `in.(${quoted})`, `like.${text.replace(/[*%]/g, '')}`]) {
      const [status, body] = await get(`rpc_films?title=${encodeURIComponent(value)}`)
      assert.ok(status === 200 ? body.length === 0 : body.code === '22025', `${value}: ${status}`)
    }
    assert.deepEqual((await get(`rpc_films?select=${encodeURIComponent(`${quoted}:id`)}&limit=1`))[1], [{ [text]: 1 }])
  }
  assert.equal((await get('rpc_films?title=eq.%ff%fe'))[0], 400)
  assert.equal((await get('rpc_films?%ff=x'))[0], 400)
  assert.deepEqual(await h.sql(`SELECT 1 FROM pg_class WHERE relname = 'rpc_written'`).then((rows) => rows.length), 1)
})

// ---------------------------------------------------------------- tokens and HTTP

test('who has no good token is told so', async () => {
  const [status, body] = await post('rpc_who', '{}', { token: null })
  assert.deepEqual([status, body.code], [401, 'PGRST302'])
  const expired = await refused(supabase(notifier.token({ exp: h.inSeconds(-10) })), 'rpc_who', {}, 401, 'PGRST303')
  assert.equal(expired.message, 'JWT expired')
  for (const token of ['nonsense', `${notifier.token()}x`, h.signToken({ role: 'service_role', exp: h.inSeconds(60) }, { secret: 'other' }),
    h.signToken({ role: 'service_role', exp: h.inSeconds(60) }, { secret: notifier.secret, alg: 'none' })]) {
    await refused(supabase(token), 'rpc_who', {}, 401, 'PGRST301')
  }
  await refused(as('a', 'no_such_role'), 'rpc_who', {}, 401, '22023')
  assert.equal((await post('rpc_who', '{}', { token: null }))[2].get('www-authenticate'), 'Bearer')
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
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const [status, body] = await post('rpc_who', undefined, { method })
    assert.deepEqual([status, body.code], [405, 'PGRST101'], method)
  }
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
