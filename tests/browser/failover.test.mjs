// When a provider dies under a call, do both people move together, by
// themselves, and do later calls go where it works?
//
// The providers are new ones, with the base scores of daily and p2p, so that
// what other tests have done to scores does not matter.

import test, { before, after } from 'node:test'
import assert from 'node:assert/strict'
import { switchProvider } from '../notifier/harness.mjs'
import { blockPeerToPeer, eventually, longestApart, openPeerConnections, sql, startJanus } from './harness.mjs'
import { assignmentOf, enableOnly, epochsOf, seeEachOther, servePages, startCallNotifier } from './calls.mjs'
import { firstFrame, movesOf, watchMoves } from './moves.mjs'

const janus = await startJanus()
const notifier = await startCallNotifier()
const demo = await servePages(notifier, { hosted: { adapter: 'janus', url: janus.url }, direct: { adapter: 'p2p' } })

const FAILURE_POINTS = 30 // one failed call is enough to lose the lead
const HALF_LIFE = 1 // second
const SMALL = 'picture=240&join' // what leaves most of the machine to the others

const scoreOf = async (provider) =>
  (await sql('SELECT score FROM harthio_providers() WHERE provider = $1', [provider]))[0].score

before(async () => {
  await sql(`INSERT INTO harthio.provider (provider, base_score, priority, room_template)
             VALUES ('hosted', 80, 1, 'room {session_id}'), ('direct', 60, 2, '{session_id}')`)
  await enableOnly('hosted', 'direct')
  await sql(`ALTER SYSTEM SET harthio.failure_points = ${FAILURE_POINTS}`)
  await sql('SELECT pg_reload_conf()')
})
after(async () => {
  await sql('ALTER SYSTEM RESET ALL')
  await sql('SELECT pg_reload_conf()')
  await enableOnly('daily', 'p2p')
})

// A call on that provider, whose pages note what happens.
async function callOn(provider) {
  const { call, pages } = await demo.call({ ask: SMALL })
  await Promise.all(pages.map(watchMoves))
  await Promise.all(pages.map((page) => firstFrame(page)))
  for (const page of pages) assert.equal((await assignmentOf(page)).provider, provider)
  return { call, pages }
}

// Both have moved to epoch 2 there; says how long it took, and how long they were apart.
async function movedTo(provider, pages, since, t) {
  const { provider: now, epoch } = await seeEachOther(pages, 60000)
  assert.deepEqual([now, epoch], [provider, 2])
  const frames = await Promise.all(pages.map((page) => firstFrame(page, 2)))
  const apart = longestApart(...await Promise.all(pages.map(movesOf)))
  assert.ok(Number.isFinite(apart))
  t.diagnostic(`first new frames after ${frames.map((at) => `${at - since} ms`).join(' and ')}; ` +
    `on different epochs for at most ${apart} ms`)
}

test('the SFU is killed in the middle of a call: both move, later calls avoid it, and return', async (t) => {
  const { call, pages } = await callOn('hosted')
  await t.test('both go on peer-to-peer by themselves', async (inner) => {
    const killed = Date.now()
    await janus.kill()
    await movedTo('direct', pages, killed, inner)
    assert.deepEqual((await epochsOf(call)).map(({ provider }) => provider), ['hosted', 'direct'])
  })
  await t.test('a second call is peer-to-peer at once', async () => {
    const second = await callOn('direct')
    assert.equal((await epochsOf(second.call)).length, 1)
  })
  await t.test('it is back, and its score has drifted: calls go there again', async () => {
    await janus.start()
    await sql(`ALTER SYSTEM SET harthio.score_half_life = ${HALF_LIFE}`)
    await sql('SELECT pg_reload_conf()')
    // a score forgets no faster than 15 sessions
    await sql(`SELECT harthio_claim_provider('filler-' || i, 'somebody') FROM generate_series(1, 1000) AS i`)
    await eventually('the score has drifted', async () => await scoreOf('hosted') > await scoreOf('direct') + 10)
    await callOn('hosted')
  })
})

test('peer-to-peer is blocked in the middle of a call: both move to the SFU', async (t) => {
  await enableOnly('direct')
  const { call, pages } = await callOn('direct')
  await enableOnly('hosted', 'direct')
  const blocked = Date.now()
  const unblock = await blockPeerToPeer()
  await movedTo('hosted', pages, blocked, t)
  assert.deepEqual((await epochsOf(call)).map(({ provider }) => provider), ['direct', 'hosted'])
  await unblock()
})

test('peer-to-peer is blocked from the start: both meet on the SFU', async (t) => {
  const unblock = await blockPeerToPeer()
  await enableOnly('direct')
  const opening = demo.call({ ask: SMALL })
  await eventually('a claim', async () =>
    (await sql("SELECT FROM harthio.assignment WHERE provider = 'direct' AND assigned_at > now() - interval '5 s'")).length > 0)
  await enableOnly('hosted', 'direct')
  const { pages } = await opening
  assert.equal((await assignmentOf(pages[0])).provider, 'hosted')
  await unblock()
})

test('there and back, several times', async () => {
  await enableOnly('hosted')
  const { call, pages } = await callOn('hosted')
  await enableOnly('hosted', 'direct')
  for (const provider of ['direct', 'hosted', 'direct', 'hosted']) {
    const epochs = await epochsOf(call)
    await switchProvider(call, epochs.length)
    await eventually('both have heard', async () =>
      (await Promise.all(pages.map(assignmentOf))).every(({ epoch }) => epoch === epochs.length + 1))
    assert.equal((await seeEachOther(pages)).provider, provider)
  }
  assert.equal((await epochsOf(call)).length, 5)
  for (const page of pages) await eventually('the old ones are closed', async () => await openPeerConnections(page) === 2)
})
