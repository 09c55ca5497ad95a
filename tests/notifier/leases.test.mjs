// Does who vanishes leave by itself, and nobody else?

import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import * as h from './harness.mjs'

// Set before the notifier starts, which asks for the grace.
before(() => settings({ 'harthio.leave_grace': '1s', 'harthio.sweep_interval': '1s' }))
after(() => settings({ 'harthio.leave_grace': null, 'harthio.sweep_interval': null }))

let notifier
h.notifierForThisFile((started) => { notifier = started })

async function settings(values) {
  for (const [name, value] of Object.entries(values)) {
    await h.sql(value === null ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = '${value}'`)
  }
  await h.sql('SELECT pg_reload_conf()')
}

// Somebody who has claimed the session and joined its topic.
async function participant(session, sub, { at = notifier, topic = `session:${session}` } = {}) {
  await h.claim(session, sub)
  return joined(session, sub, { at, topic })
}

async function joined(session, sub, { at = notifier, topic = `session:${session}` } = {}) {
  const client = h.closing(await h.RawClient.connect(at, { apikey: at.token({ sub }) }))
  assert.equal((await client.join(`realtime:${topic}`, { config: {} })).status, 'ok')
  return client
}

const present = async (session) => (await h.sql('SELECT harthio_session($1) AS state', [session]))[0]
  .state.participants.map((one) => one.participant_id ?? one.participantId).sort()
const isPresent = (session, ...wanted) => h.eventually(`${wanted} are present`,
  async () => assert.deepEqual(await present(session), wanted) ?? true)
const attached = async (session) => (await h.sql(
  'SELECT DISTINCT participant_id AS id FROM harthio.attachment WHERE session_id = $1 AND detached_at IS NULL ORDER BY 1', [session])).map((row) => row.id)
const isAttached = (session, ...wanted) => h.eventually(`${wanted} are attached`,
  async () => assert.deepEqual(await attached(session), wanted) ?? true)

test('who vanishes leaves by itself, who stays is still there', async () => {
  const session = h.newSession()
  const alice = await participant(session, 'alice')
  await participant(session, 'bob', { topic: `p2p-session-${session}` })
  await isAttached(session, 'alice', 'bob')
  assert.deepEqual(await present(session), ['alice', 'bob'])
  alice.close()
  await isPresent(session, 'bob')
})

test('leaving the channel is leaving too, but not while another one is open', async () => {
  const session = h.newSession()
  const alice = await participant(session, 'alice')
  const second = await joined(session, 'alice', { topic: `provider-coord-${session}` })
  await participant(session, 'bob')
  await isAttached(session, 'alice', 'bob')
  second.close()
  const witness = await participant(session, 'witness')
  witness.close()
  await isPresent(session, 'alice', 'bob')
  alice.send('1', '2', `realtime:session:${session}`, 'phx_leave', {})
  await alice.reply('2')
  await isPresent(session, 'bob')
})

test('a reload within the grace is noticed by nobody', async () => {
  const session = h.newSession()
  const before = await participant(session, 'alice')
  const witness = await participant(session, 'witness')
  await isAttached(session, 'alice', 'witness')
  const since = async () => (await h.sql(
    "SELECT joined_at, lost FROM harthio.participant WHERE session_id = $1 AND participant_id = 'alice'", [session]))[0]
  const first = await since()
  witness.close()
  before.close()
  await joined(session, 'alice')
  await isPresent(session, 'alice')
  assert.deepEqual(await since(), first)
})

test('with a notifier that is killed its participants leave, and come back at another', async () => {
  const session = h.newSession()
  const doomed = await h.Notifier.start({ secret: notifier.secret })
  await participant(session, 'alice', { at: doomed })
  await participant(session, 'carol', { at: doomed })
  await participant(session, 'bob')
  await isAttached(session, 'alice', 'bob', 'carol')
  doomed.process.kill('SIGKILL')
  await doomed.exited
  await isPresent(session, 'bob')
  await joined(session, 'alice')
  await isPresent(session, 'alice', 'bob')
})

test('a notifier whose lease was taken away attaches everybody again', async () => {
  const session = h.newSession()
  await participant(session, 'alice')
  await isAttached(session, 'alice')
  await h.sql('DELETE FROM harthio.node')
  await h.sql('DELETE FROM harthio.attachment WHERE session_id = $1', [session])
  await isAttached(session, 'alice')
})

test('nobody is lost with a connection to the database, or with the server', async () => {
  const session = h.newSession()
  await participant(session, 'alice')
  await isAttached(session, 'alice')
  for (const disturb of [
    () => h.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'harthio-notifier upkeep'"),
    () => h.restartCluster(), () => h.restartCluster('immediate')]) {
    await h.sql('DELETE FROM harthio.attachment WHERE session_id = $1', [session])
    await disturb()
    await isAttached(session, 'alice')
    assert.deepEqual(await present(session), ['alice'])
  }
})

test('who gets a token of another one is attached as that one', async () => {
  const session = h.newSession()
  await h.claim(session, 'bob')
  const client = await participant(session, 'alice')
  await isAttached(session, 'alice')
  client.send('1', '2', `realtime:session:${session}`, 'access_token', { access_token: notifier.token({ sub: 'bob' }) })
  await isAttached(session, 'bob')
})

test('who comes and goes in the same moment leaves too', async () => {
  const session = h.newSession()
  await participant(session, 'bob')
  const hasty = await participant(session, 'alice')
  hasty.close()
  await isPresent(session, 'bob')
  const alone = h.newSession()
  const last = await participant(alone, 'alice')
  last.close()
  await isPresent(alone)
})

test('many who come and go at once end as they are', async () => {
  const session = h.newSession()
  const everybody = await Promise.all([...Array(40).keys()].map((n) =>
    participant(session, `p${String(n).padStart(2, '0')}`)))
  everybody.filter((_, n) => n % 2 === 1).forEach((one) => one.close())
  const stay = [...Array(40).keys()].filter((n) => n % 2 === 0).map((n) => `p${String(n).padStart(2, '0')}`)
  await isAttached(session, ...stay)
  await isPresent(session, ...stay)
})

test('whatever a participant is called, it is attached', async () => {
  const session = h.newSession()
  const names = ['a"b', 'back\\slash', '{curly}', 'NULL', 'comma,comma', 'grüß 🎥', "it's"]
  for (const name of names) await participant(session, name)
  await h.eventually('all are attached', async () =>
    assert.deepEqual((await attached(session)).sort(), [...names].sort()) ?? true)
})

test('who has no name is attached to nothing, and keeps nobody from it', async () => {
  const session = h.newSession()
  const nameless = h.closing(await h.RawClient.connect(notifier,
    { apikey: notifier.token({ role: 'service_role', sub: undefined }) }))
  assert.equal((await nameless.join(`realtime:session:${session}`, { config: {} })).status, 'ok')
  const trusted = h.closing(await h.RawClient.connect(notifier,
    { apikey: notifier.token({ role: 'service_role', sub: 'x'.repeat(5000) }) }))
  await trusted.join(`realtime:session:${session}`, { config: {} })
  await participant(session, 'alice')
  await isAttached(session, 'alice')
})
