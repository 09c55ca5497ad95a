// Does the harness do what the other tests believe of it?

import test from 'node:test'
import assert from 'node:assert/strict'
import {
  blockPeerToPeer, framesGrow, journal, longestApart, networkOff, noted, openPage, openPeerConnections, openSockets,
  startFiles, startJanus, startNotifier, throttle,
} from './harness.mjs'

const files = await startFiles()
const janus = await startJanus()
const page = await openPage(`${files.url}/tests/browser/page.html`)

// A call of a page with itself.
const call = () => page.evaluate(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true })
  const [one, other] = [new RTCPeerConnection(), new RTCPeerConnection()]
  one.onicecandidate = ({ candidate }) => other.addIceCandidate(candidate)
  other.onicecandidate = ({ candidate }) => one.addIceCandidate(candidate)
  other.ontrack = ({ track }) => track.kind === 'video' && show('itself', new MediaStream([track]))
  stream.getTracks().forEach((track) => one.addTrack(track, stream))
  await one.setLocalDescription()
  await other.setRemoteDescription(one.localDescription)
  await other.setLocalDescription()
  await one.setRemoteDescription(other.localDescription)
})
const hangUp = () => page.evaluate(() => openPeerConnections().forEach((each) => each.close()))

test('a page has a camera, and frames are seen to grow', async () => {
  await call()
  await framesGrow(page)
  await noted(page, 'first-frame', ({ name }) => name === 'itself')
  assert.equal(await openPeerConnections(page), 2)
  await hangUp()
  assert.equal(await openPeerConnections(page), 0)
})

test('pages that are blocked from each other do not connect', async () => {
  const unblock = await blockPeerToPeer()
  await call()
  await assert.rejects(framesGrow(page, { within: 1000 }))
  await unblock()
  await framesGrow(page)
  await hangUp()
})

test('media is throttled', async () => {
  await call()
  await framesGrow(page)
  const end = await throttle(60)
  await assert.rejects(framesGrow(page, { count: 100, within: 3000 }), /100 more frames/)
  await end()
  await framesGrow(page, { count: 30 })
})

test('the network of a page goes off and comes back', async () => {
  await page.evaluate((url) => new Promise((resolve) => {
    window.socket = new WebSocket(url, 'janus-protocol')
    socket.onopen = resolve
    socket.onmessage = () => note('heard')
  }), janus.url)
  const networkOn = await networkOff(page)
  assert.equal(await page.evaluate(() => navigator.onLine), false)
  await assert.rejects(page.evaluate((url) => fetch(url).then(({ status }) => status), files.url))
  await page.evaluate(() => socket.send('{"janus": "info", "transaction": "1"}'))
  await assert.rejects(framesGrow(page, { count: 20, within: 2000 }))
  assert.deepEqual(await journal(page, 'heard'), [])
  await networkOn()
  await noted(page, 'heard')
  assert.equal(await page.evaluate((url) => fetch(url).then(({ status }) => status), `${files.url}/README.md`), 200)
  await framesGrow(page)
  await hangUp()
})

test('Janus and the notifier come back where they were', async () => {
  await page.evaluate(() => socket.close())
  const notifier = await startNotifier()
  const speaks = () => page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url, 'janus-protocol')
    socket.onopen = () => resolve(true)
    socket.onerror = () => resolve(false)
  }), janus.url)
  assert.equal(await speaks(), true)
  assert.deepEqual(await openSockets(page), [`${janus.url}/`])
  await janus.kill()
  assert.equal(await speaks(), false)
  await janus.start()
  assert.equal(await speaks(), true)

  const answers = () => page.evaluate((url) => fetch(url, { mode: 'no-cors' }).then(() => true, () => false), notifier.url)
  await notifier.restart()
  assert.equal(await answers(), true)
  await notifier.stop()
  assert.equal(await answers(), false)
})

test('how long two were apart is computed from what they noted', () => {
  const at = (...entries) => entries.map(([time, epoch]) => ({ at: time, epoch }))
  assert.equal(longestApart(at([0, 1], [100, 2]), at([10, 1], [130, 2])), 30)
  assert.equal(longestApart(at([0, 1]), at([10, 1])), 0)
  assert.equal(longestApart(at([0, 1], [100, 2]), at([10, 1])), Infinity)
})
