// Do two pages see each other through a real Janus, and learn of its end?

import test, { beforeEach } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  blockJanusMedia, eventually, framesGrow, noted, openPage, openPeerConnections, openSockets, startFiles, startJanus,
} from './harness.mjs'
import { abort, closeAdapter, failure, forget, openAdapter, told } from './adapter.mjs'
import { startWire } from './wire.mjs'

const files = await startFiles()
const janus = await startJanus()
const wire = await startWire(janus.url)
const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map(() =>
  openPage(`${files.url}/tests/browser/page.html`)))
const everybody = [alice, bob, carol]

let room
const open = (page, peerId, { url = janus.url, create, iceServers, ...options } = {}) =>
  openAdapter(page, 'janus.js', 'janus', { url, iceServers, ...(create !== undefined && { create }) }, { room, peerId, ...options })

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
  wire.reset()
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
  await Promise.all([open(alice, 'a', { rung: 240 }), open(bob, 'b')])
  await eventually('240 lines', () => bob.evaluate(() => document.getElementById('a')?.videoHeight === 240))
  await alice.evaluate(() => adapterCall.setRung(480))
  await eventually('more lines', () => bob.evaluate(() => document.getElementById('a')?.videoHeight > 240))
})

test('who has come back before he is missed is not gone', async () => {
  await open(bob, 'b', { tracks: null })
  await open(alice, 'a')
  await noted(bob, 'remote-stream')
  await open(carol, 'a')
  await eventually('both of him', async () => (await told(bob, 'remote-stream')).length === 2)
  await closeAdapter(alice)
  await eventually('one of him', async () => await openPeerConnections(bob) === 2)
  assert.deepEqual(await told(bob, 'remote-gone'), [])
  await closeAdapter(carol)
  await noted(bob, 'remote-gone')
  assert.equal((await told(bob, 'remote-gone')).length, 1)
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

test('an interruption of media is mended; one that lasts is the end', async (t) => {
  await openBoth()
  await open(carol, 'c')
  for (const [page, name] of [[alice, 'c'], [bob, 'c'], [carol, 'a'], [carol, 'b']]) {
    await noted(page, 'first-frame', (entry) => entry.name === name)
  }
  const restarts = () => alice.evaluate(() =>
    adapterCall.connections().map((each) => /ice-ufrag:(.*)/.exec(each.localDescription.sdp)[1]))
  const before = await restarts()
  t.after(await blockJanusMedia())
  await eventually('all connections restarted', async () => (await restarts()).every((ufrag, i) => ufrag !== before[i]))
  await blockJanusMedia(alice, bob)
  await framesGrow(alice)
  await framesGrow(bob)
  assert.deepEqual(await told(alice, 'failed'), [])
  assert.equal((await failure(carol, 40000)).reason, 'ice-failed')
  await isClean(carol)
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
  await open(bob, 'b', { aborted: true })
  await isClean(bob)
  await open(bob, 'b')
  await noted(bob, 'connected')
  const shut = []
  bob.on('console', (message) => /CLOSING or CLOSED/.test(message.text()) && shut.push(message.text()))
  await abort(bob)
  await closeAdapter(bob)
  await isClean(bob)
  assert.deepEqual(shut, [], 'nothing is said to a websocket that is closed')
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

test('a room that must be made is for 16, with sound that repairs itself', async () => {
  await open(alice, 'a', { url: wire.url })
  await noted(alice, 'connected')
  const [{ body }] = wire.by('page', 'create').filter(({ body }) => body)
  assert.deepEqual(body, { request: 'create', room, publishers: 16, opus_fec: true })
})

test('a room that another one makes at the same moment is as good', async () => {
  wire.change = (message) => message.body?.request === 'create' ? [{ ...message, transaction: 'another' }, message] : message
  await open(alice, 'a', { url: wire.url })
  await noted(alice, 'connected')
})

test('a room that cannot be made is told, and is made for no other reason', async () => {
  wire.change = (message) => message.body?.request === 'create' ? { ...message, body: { request: 'create', room: 5 } } : message
  await open(alice, 'a', { url: wire.url })
  const { reason, detail } = await failure(alice)
  assert.equal(reason, 'refused')
  assert.notEqual(detail.code, 426, 'not that there is none')
  await isClean(alice)
  await forget(alice)
  await open(bob, 'b')
  await noted(bob, 'connected')
  wire.reset()
  wire.change = (message) => message.body?.request === 'join' ? { ...message, body: { ...message.body, ptype: 'guest' } } : message
  await open(alice, 'a', { url: wire.url })
  assert.equal((await failure(alice)).reason, 'refused')
  assert.deepEqual(wire.by('page', 'create').filter(({ body }) => body), [])
})

test('STUN and TURN are those of the options', async () => {
  const iceServers = [{ urls: ['turn:127.0.0.1:9'], username: 'u', credential: 'c' }]
  await open(alice, 'a', { iceServers })
  const configured = await eventually('a connection', () =>
    alice.evaluate(() => adapterCall.connections()[0].getConfiguration().iceServers))
  assert.deepEqual(configured, iceServers)
})

test('candidates of Janus come before its description, and are enough; some may be of no use', async () => {
  await open(alice, 'a')
  wire.change = (message, by) => {
    // ours are where nobody is
    if (by === 'page' && message.candidate) return JSON.parse(JSON.stringify(message).replace(/( udp \d+) \S+/i, '$1 10.77.0.99'))
    if (by === 'page' || !message.jsep) return message
    const { session_id, sender } = message
    const useless = { janus: 'trickle', session_id, sender, candidate: { candidate: 'candidate:useless', sdpMid: '0' } }
    return [useless, message, useless]
  }
  await open(bob, 'b', { url: wire.url })
  await noted(bob, 'first-frame', ({ name }) => name === 'a')
  await noted(alice, 'first-frame', ({ name }) => name === 'b')
  assert.deepEqual([await told(bob, 'failed'), bob.problems], [[], []])
})

test('Janus is told our candidates, and their end', async () => {
  await Promise.all([open(alice, 'a', { url: wire.url }), open(bob, 'b')])
  await noted(alice, 'first-frame')
  const trickled = () => wire.by('page', 'trickle').map(({ candidate }) => candidate)
  await eventually('two ends', () => trickled().filter((candidate) => candidate?.completed).length === 2)
  assert.ok(trickled().some((candidate) => / udp /.test(candidate?.candidate)))
})

test('feeds that are not ours are left alone, and no feed is received twice', async () => {
  await open(alice, 'a', { url: wire.url, tracks: null })
  await noted(alice, 'connected')
  const displays = [undefined, 'Sam', 'null', '5', '{"peer":"s"}', '{"participant":"s"}', '{"peer":5,"participant":"s"}', '{"peer":"s","participant":5}']
  await wire.event({ publishers: displays.map((display, id) => ({ id: `feed ${id}`, display })) })
  await open(bob, 'b')
  await noted(alice, 'first-frame', ({ name }) => name === 'b')
  const { data } = wire.said.find(({ message }) => message.plugindata?.data.publishers?.length === 1).message.plugindata
  await wire.event(data)
  await open(carol, 'c')
  await noted(alice, 'first-frame', ({ name }) => name === 'c')
  assert.equal(wire.by('page', 'attach').length, 3)
  await wire.event({ unpublished: data.publishers[0].id })
  await noted(alice, 'remote-gone', ({ peer }) => peer === 'b')
})

const ghost = { id: 'ghost', display: JSON.stringify({ peer: 'g', participant: 'ghost' }) }

test('a feed that is gone before we can have it is no failure', async () => {
  await open(alice, 'a', { url: wire.url })
  await noted(alice, 'connected')
  await wire.event({ publishers: [ghost] })
  await noted(alice, 'remote-gone')
  assert.equal(await openPeerConnections(alice), 1)
  await eventually('Janus need not keep it', () => wire.by('page', 'detach').length === 1)

  let attached
  wire.change = (message, by) => {
    if (by === 'page' || message.janus !== 'success') return message
    attached = message
    wire.change = (message) => message
  }
  await wire.event({ publishers: [ghost] })
  await eventually('a handle', () => attached)
  await wire.event({ leaving: 'ghost' })
  await eventually('it is gone', async () => (await told(alice, 'remote-gone')).length === 2)
  wire.tell(attached)
  await eventually('Janus need not keep that either', () => wire.by('page', 'detach')[1]?.handle_id === attached.data.id)
  const { transaction } = wire.by('page', 'join').at(-1)
  await eventually('an answer to what came too late', () => wire.said.some(({ by, message }) =>
    by === 'janus' && message.transaction === transaction && message.janus !== 'ack'))
  await wire.event({ publishers: [ghost] })
  await eventually('it was of no matter', async () => (await told(alice, 'remote-gone')).length === 3)
  assert.deepEqual(await told(alice, 'failed', 'remote-stream'), [])
})

test('a feed that leaves while it starts is not shown', async () => {
  await open(alice, 'a', { url: wire.url })
  await noted(alice, 'connected')
  let started
  wire.change = (message) => {
    if (message.plugindata?.data.started !== 'ok') return message
    started = message
  }
  await open(bob, 'b')
  await eventually('it is about to start', () => started)
  await closeAdapter(bob)
  await noted(alice, 'remote-gone')
  wire.tell(started)
  wire.change = (message) => message
  await open(carol, 'c')
  await noted(alice, 'remote-stream')
  assert.deepEqual((await told(alice, 'remote-stream', 'failed')).map(({ peer }) => peer), ['c'])
})

test('a feed that is refused to us is told', async () => {
  wire.change = (message) => message.body?.ptype === 'subscriber' ? { ...message, body: { ...message.body, room: 'elsewhere' } } : message
  await open(alice, 'a', { url: wire.url })
  await wire.event({ publishers: [ghost] })
  const { reason, detail } = await failure(alice)
  assert.deepEqual([reason, detail.code], ['refused', 426])
})

// What Janus and the browser can say of the end of it all.
for (const [what, happens, expected] of [
  ['the session has timed out', () => wire.tell({ janus: 'timeout' }), 'connection-lost'],
  ['there is no such session', () => wire.tell({ janus: 'error', error: { code: 458, reason: 'no' } }), 'connection-lost'],
  ['the room is destroyed', async () => wire.ask({ janus: 'message', transaction: 'mine', session_id: wire.by('page', 'attach')[0].session_id,
    handle_id: await wire.publisher(), body: { request: 'destroy', room } }), 'connection-lost'],
  ['what we send is hung up', async () => wire.tell({ janus: 'hangup', sender: await wire.publisher(), reason: 'DTLS alert' }), 'ice-failed'],
  ['what we send has failed', () => pretend(alice, 0, 'failed'), 'ice-failed'],
  ['what we receive has failed', () => pretend(alice, 1, 'failed'), 'ice-failed'],
]) {
  test(`${what}: that is ${expected}, once`, async () => {
    await open(bob, 'b')
    await open(alice, 'a', { url: wire.url })
    await noted(alice, 'first-frame')
    await happens()
    assert.equal((await failure(alice)).reason, expected)
    await isClean(alice)
    assert.equal((await told(alice, 'failed')).length, 1)
    assert.equal(wire.by('page', 'destroy').length, 1, 'Janus is told')
  })
}

// The i-th connection of a page says that its state is another one.
const pretend = (page, i, state) => page.evaluate(([i, state]) => {
  const connection = adapterCall.connections()[i]
  Object.defineProperty(connection, 'connectionState', { value: state })
  connection.dispatchEvent(new Event('connectionstatechange'))
}, [i, state])

test('a restart that Janus refuses changes nothing', async () => {
  await open(bob, 'b')
  await open(alice, 'a', { url: wire.url })
  await noted(alice, 'first-frame')
  wire.change = (message, by) => by === 'page' && message.body?.request === 'configure' ? { ...message, body: { request: 'nonsense' } } : message
  for (const i of [0, 1]) await pretend(alice, i, 'disconnected')
  await eventually('two refusals', () => wire.said.filter(({ message }) => message.plugindata?.data.error_code).length === 2)
  await framesGrow(alice)
  assert.deepEqual([await told(alice, 'failed'), alice.problems], [[], []])
})

test('a websocket that is silent is doubted, while media flows for longer; one that ends is not', async () => {
  const page = await openPage(`${files.url}/tests/browser/page.html`)
  await page.clock.install()
  await page.clock.pauseAt(Date.now() + 60000)
  const silence = () => { wire.change = (message, by) => by === 'page' ? message : undefined }
  const isOver = async (is) => assert.deepEqual((await told(page, 'failed')).map(({ reason }) => reason), is ? ['connection-lost'] : [])
  const enter = async (options) => {
    await closeAdapter(page).catch(() => {})
    await forget(page)
    wire.reset()
    await open(page, 'a', { url: wire.url, ...options })
    await noted(page, 'connected')
  }

  await enter()
  for (let i = 1; i <= 8; i++) {
    await page.clock.runFor(2000)
    await eventually('an answer', () => wire.by('janus', 'ack').filter(({ transaction }) =>
      wire.by('page', 'keepalive').some((message) => message.transaction === transaction)).length === i)
  }
  await isOver(false)
  silence()
  await page.clock.runFor(12000)
  await isOver(false)
  await page.clock.runFor(2000)
  await isOver(true)

  await enter()
  silence()
  await page.clock.runFor(6000)
  await isOver(false)
  await pretend(page, 0, 'disconnected')
  await isOver(true)

  await enter({ tracks: null })
  silence()
  await page.clock.runFor(4000)
  await isOver(false)
  await page.clock.runFor(2000)
  await isOver(true)

  await forget(page)
  wire.reset()
  silence()
  await open(page, 'a', { url: wire.url })
  await eventually('a greeting', () => wire.by('page', 'create').length === 1)
  await page.clock.runFor(6000)
  await isOver(true)
  assert.deepEqual(wire.by('page', 'keepalive'), [], 'of no session')

  await enter()
  wire.cut()
  await failure(page)
  await isOver(true)
  await page.context().close()
})
