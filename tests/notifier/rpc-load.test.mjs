// What becomes of calls when they are many, slow or cut off?

import { before, after, test } from 'node:test'
import assert from 'node:assert/strict'
import net from 'node:net'
import pg from 'pg'
import * as h from './harness.mjs'

const CONNECTIONS = 2
const QUEUE = 3
const functions = ['load_wait', 'load_who']

// Each loop has its share of the connections; one has all.
const alone = ['--threads', '1', '--rpc-functions', functions.join(',')]

let notifier
h.notifierForThisFile((started) => { notifier = started }, { args: [...alone, '--internal-listen', '127.0.0.1:0',
  '--rpc-connections', `${CONNECTIONS}`, '--rpc-queue', `${QUEUE}`, '--rpc-timeout-ms', '60000', '--rpc-wait-ms', '60000'] })

// load_wait() waits until hold() lets it go.
const KEY = 4711

before(async () => {
  await dropFunctions()
  await h.sql(`
    CREATE FUNCTION load_wait() RETURNS text LANGUAGE sql AS
      $$ SELECT pg_advisory_xact_lock_shared(${KEY}); SELECT 'let go' $$;
    CREATE FUNCTION load_who() RETURNS text LANGUAGE sql AS $$ SELECT current_user $$;`)
})
after(dropFunctions)

async function dropFunctions() {
  for (const name of functions) await h.sql(`DROP FUNCTION IF EXISTS ${name}`)
}

// The name's call; resolves to { status, body, retryAfter }.
async function call(name, to = notifier) {
  const response = await fetch(`${to.httpUrl}/rest/v1/rpc/${name}`, { method: 'POST', body: '{}',
    headers: { authorization: `Bearer ${to.token()}`, 'content-type': 'application/json' } })
  return { status: response.status, body: await response.json(), retryAfter: response.headers.get('retry-after') }
}

async function assertAnswers(name, body) {
  assert.deepEqual(await call(name), { status: 200, body, retryAfter: null })
}

const held = async () => (await h.sql(
  `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${KEY} AND NOT granted`)).map(({ pid }) => pid)

// So many calls that run until letGo(), which resolves to what became of them.
async function hold(count, to = notifier) {
  const holder = new pg.Client({ user: 'postgres' })
  await holder.connect()
  await holder.query(`SELECT pg_advisory_lock(${KEY})`)
  const calls = [...Array(count)].map(() => call('load_wait', to))
  const pids = await h.eventually('they are held', async () => {
    const found = await held()
    return found.length === count && found
  })
  return { pids, calls, letGo: async () => {
    await holder.end()
    return Promise.all(calls)
  } }
}

const waiting = (count) => h.eventually(`${count} wait`, async () => await notifier.metric('rpc_waiting') === count)

function assertLetGo(answers) {
  for (const { status, body } of answers) assert.deepEqual([status, body], [200, 'let go'])
}

test('slow calls delay nobody but those who find no connection', async () => {
  const slow = await hold(CONNECTIONS - 1)
  const socket = await h.raw()
  await socket.heartbeat()
  await assertAnswers('load_who', 'authenticated')
  assert.equal((await held()).length, CONNECTIONS - 1)
  assertLetGo(await slow.letGo())
})

test('a call that runs too long is cancelled by the database', async () => {
  const hasty = await h.Notifier.start({ args: [...alone, '--rpc-timeout-ms', '50'] })
  const holder = await hold(0)
  const { status, body } = await call('load_wait', hasty)
  assert.deepEqual([status, body.code], [500, '57014'])
  await holder.letGo()
  await hasty.stop()
})

test('when too many wait the next one is told to come back', async () => {
  const busy = await hold(CONNECTIONS)
  const queued = [...Array(QUEUE)].map(() => call('load_who'))
  await waiting(QUEUE)
  const { status, body, retryAfter } = await call('load_who')
  assert.deepEqual([status, body.code, retryAfter], [503, 'PGRST003', '1'])
  assertLetGo(await busy.letGo())
  for (const answer of await Promise.all(queued)) assert.equal(answer.status, 200)
})

test('who goes before the answer makes room for others', async () => {
  const busy = await hold(CONNECTIONS)
  const sockets = [...Array(QUEUE)].map(() => {
    const socket = net.connect(notifier.port, '127.0.0.1', () => socket.write(
      `POST /rest/v1/rpc/load_who HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${notifier.token()}\r\nContent-Length: 2\r\n\r\n{}`))
    return socket.on('error', () => {})
  })
  await waiting(QUEUE)
  for (const socket of sockets) socket.destroy()
  await waiting(0)
  const another = call('load_who')
  await waiting(1)
  assertLetGo(await busy.letGo())
  assert.equal((await another).status, 200)
})

test('a connection that breaks loses the call under way, and no other', async () => {
  const lost = await hold(1)
  const other = call('load_who')
  await h.sql('SELECT pg_terminate_backend($1)', [lost.pids[0]])
  const [{ status, body }] = await lost.letGo()
  assert.deepEqual([status, body.code], [503, 'PGRST001'])
  assert.equal((await other).status, 200)
  await assertAnswers('load_who', 'authenticated')
})

test('calls wait for a database that restarts', async () => {
  const restarting = h.restartCluster()
  await h.eventually('it answers again', async () => (await call('load_who')).status === 200)
  await restarting
  await assertAnswers('load_who', 'authenticated')
})

test('without a database a call is refused in time, in words', async () => {
  const lonely = await h.Notifier.launch({ args: ['--rpc-wait-ms', '200', '--database', 'host=127.0.0.1 port=1 user=x'] })
  assert.deepEqual(await call('harthio_providers', lonely), { status: 503, retryAfter: '1',
    body: { code: 'PGRST000', details: null, hint: null, message: 'Could not connect with the database' } })
  await lonely.stop()
})
