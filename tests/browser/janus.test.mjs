// Do two pages see each other through a real Janus, and learn of its end?

import test, { beforeEach } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  blockJanusMedia, eventually, framesGrow, noted, openPage, openPeerConnections, openSockets, startFiles, startJanus,
} from './harness.mjs'
import { abort, closeAdapter, failure, forget, openAdapter, told } from './adapter.mjs'

const files = await startFiles()
const janus = await startJanus()
const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map(() =>
  openPage(`${files.url}/tests/browser/page.html`)))
const everybody = [alice, bob, carol]

let room
const open = (page, peerId, { url = janus.url, create, ...options } = {}) =>
  openAdapter(page, 'janus.js', 'janus', { url, ...(create !== undefined && { create }) }, { room, peerId, ...options })

async function openBoth() {
  await Promise.all([open(alice, 'a'), open(bob, 'b')])
  await Promise.all([alice, bob].map((page) => framesGrow(page)))
}

// Nothing of a call is left in a page.
const isClean = (page) => eventually('a clean page', async () =>
  await openPeerConnections(page) === 0 && (await openSockets(page)).length === 0)

beforeEach(async () => {
  await Promise.all(everybody.map((page) => closeAdapter(page).catch(() => {})))
  await Promise.all(everybody.map((page) => isClean(page)))
  await Promise.all(everybody.map((page) => forget(page)))
  room = `room ${randomUUID()}`
})

test('two pages decode each other, in a room that nobody had made', async () => {
  await openBoth()
  for (const [page, peer] of [[alice, 'b'], [bob, 'a']]) {
    assert.deepEqual(await told(page, 'failed', 'remote-gone'), [])
    assert.deepEqual(await told(page, 'remote-stream'),
      [{ what: 'remote-stream', peer, participant: `person ${peer}`, kinds: ['audio', 'video'] }])
    assert.equal((await told(page, 'connected')).length, 1)
    await noted(page, 'first-frame', ({ name }) => name === peer)
    assert.equal(await page.evaluate(() => adapterCall.connections().length), 2)
  }
})

test('a third one sees both, and is seen', async () => {
  await openBoth()
  await open(carol, 'c')
  await noted(carol, 'first-frame', ({ name }) => name === 'a')
  await noted(carol, 'first-frame', ({ name }) => name === 'b')
  await noted(alice, 'first-frame', ({ name }) => name === 'c')
  await noted(bob, 'first-frame', ({ name }) => name === 'c')
})

test('who leaves is gone for the others, and everything is freed', async () => {
  await openBoth()
  await closeAdapter(alice)
  await noted(bob, 'remote-gone')
  assert.deepEqual(await told(bob, 'remote-gone', 'failed'), [{ what: 'remote-gone', peer: 'a' }])
  await isClean(alice)
  assert.deepEqual(await told(alice, 'remote-gone', 'failed'), [])
  await eventually('only what is sent is left', async () => await openPeerConnections(bob) === 1)
})

test('a page that comes back is seen again', async () => {
  await openBoth()
  await closeAdapter(alice)
  await noted(bob, 'remote-gone')
  await open(alice, 'a2')
  await noted(bob, 'first-frame', ({ name }) => name === 'a2')
  await framesGrow(alice)
})

test('a page without camera and microphone sees the other', async () => {
  await open(alice, 'a')
  await open(bob, 'b', { tracks: null })
  await noted(bob, 'connected')
  await noted(bob, 'first-frame', ({ name }) => name === 'a')
  assert.deepEqual(await told(alice, 'remote-stream', 'failed'), [])
})

test('a rung is applied to what is sent, also if it comes early', async () => {
  await Promise.all([open(alice, 'a'), open(bob, 'b')])
  await alice.evaluate(() => adapterCall.setRung(240))
  await eventually('240 lines', () => bob.evaluate(() => document.getElementById('a')?.videoHeight === 240))
  await alice.evaluate(() => adapterCall.setRung(480))
  await eventually('480 lines', () => bob.evaluate(() => document.getElementById('a')?.videoHeight === 480))
})

test('when Janus is killed both know at once', async () => {
  await openBoth()
  const killed = Date.now()
  await janus.kill()
  for (const page of [alice, bob]) {
    const { at, reason } = await failure(page)
    assert.equal(reason, 'connection-lost')
    console.log(`killed -> failed: ${at - killed} ms`)
    await isClean(page)
    assert.equal((await told(page, 'failed')).length, 1)
  }
  await forget(alice)
  await open(alice, 'a')
  assert.equal((await failure(alice)).reason, 'unreachable')
  await janus.start()
  await openBoth()
})

test('when Janus hangs both know within seconds', async () => {
  await openBoth()
  const paused = Date.now()
  await janus.pause()
  try {
    for (const page of [alice, bob]) {
      const { at, reason } = await failure(page)
      assert.equal(reason, 'connection-lost')
      console.log(`hangs -> failed: ${at - paused} ms`)
      await isClean(page)
    }
  } finally {
    await janus.resume()
  }
})

test('an interruption of media is mended; one that lasts is the end', async () => {
  await openBoth()
  await open(carol, 'c')
  for (const [page, name] of [[alice, 'c'], [bob, 'c'], [carol, 'a'], [carol, 'b']]) {
    await noted(page, 'first-frame', (entry) => entry.name === name)
  }
  const restarts = () => alice.evaluate(() =>
    adapterCall.connections().map((each) => /ice-ufrag:(.*)/.exec(each.localDescription.sdp)[1]))
  const before = await restarts()
  const unblock = await blockJanusMedia()
  await eventually('all connections restarted', async () => (await restarts()).every((ufrag, i) => ufrag !== before[i]))
  await blockJanusMedia(alice, bob)
  await framesGrow(alice)
  await framesGrow(bob)
  assert.deepEqual(await told(alice, 'failed'), [])
  assert.equal((await failure(carol, 40000)).reason, 'ice-failed')
  await isClean(carol)
  await unblock()
})

test('it can be aborted at any moment', async () => {
  for (let tasks = 0; tasks < 60; tasks += 4) {
    await open(alice, `a${tasks}`)
    await alice.evaluate(async (count) => {
      for (let i = 0; i < count; i++) {
        const { port1, port2 } = new MessageChannel()
        await new Promise((resolve) => {
          port2.onmessage = resolve
          port1.postMessage(0)
        })
      }
      aborter.abort()
    }, tasks)
    await isClean(alice)
  }
  await open(bob, 'b')
  await abort(bob)
  await closeAdapter(bob)
  await isClean(bob)
  for (const page of [alice, bob]) {
    assert.deepEqual(await told(page, 'failed'), [])
    assert.deepEqual(page.problems, [])
  }
})

test('a refusal is told in a word', async () => {
  const create = { publishers: 1 }
  await open(alice, 'a', { create })
  await noted(alice, 'connected')
  await open(bob, 'b', { create })
  const { reason, detail } = await failure(bob)
  assert.equal(reason, 'refused')
  assert.match(detail.message, /Maximum number of publishers/)
  await isClean(bob)
})

test('a page that may make no rooms gets into those that are there', async () => {
  await open(alice, 'a', { create: false })
  assert.equal((await failure(alice)).reason, 'refused')
  await open(bob, 'b')
  await noted(bob, 'connected')
  await forget(alice)
  await open(alice, 'a', { create: false })
  await noted(alice, 'first-frame', ({ name }) => name === 'b')
})

test('an address that is none is told in a word', async () => {
  await open(alice, 'a', { url: 'not a url' })
  assert.equal((await failure(alice)).reason, 'unreachable')
  await isClean(alice)
})
