// Does the adapter for Daily work with the real package, as far as that goes
// without Daily's servers?
//
// The call object is @daily-co/daily-js's own: its methods check what they are
// given, and its emitter delivers events.  What only a meeting would emit, the
// tests emit in the form that the package's types say.

import test, { beforeEach } from 'node:test'
import assert from 'node:assert/strict'
import { eventually, noted, openPage, startFiles } from './harness.mjs'
import { abort, closeAdapter, failure, forget, openAdapter, told } from './adapter.mjs'

const files = await startFiles()
let page

// A page with a call object.  `joining` is what its join() does: 'really', or
// nothing at all.
async function open(joining, options = {}) {
  await page.evaluate((joining) => {
    const callObject = Daily.createCallObject()
    window.calls = []
    if (joining !== 'really') {
      callObject.join = (properties) => {
        calls.push({ join: { ...properties, audioSource: properties.audioSource?.kind, videoSource: properties.videoSource?.kind } })
        return new Promise(() => {})
      }
      callObject.leave = async () => { calls.push('leave') }
    }
    window.dailyOptions = { callObject }
  }, joining)
  await openAdapter(page, 'daily.js', 'daily', 'dailyOptions', { room: 'https://sample.daily.co/room', peerId: 'a', ...options })
}

const calls = () => page.evaluate(() => window.calls)
const emit = (event, payload) => page.evaluate(([event, payload]) => {
  dailyOptions.callObject.emit(event, { action: event, ...payload })
}, [event, payload])
const join = async () => {
  await eventually('a join', async () => (await calls()).length > 0)
  await emit('joined-meeting', { participants: { local: { local: true, session_id: 'me', tracks: { audio: {}, video: {} } } } })
}

// Somebody of that name in the meeting, who sends these kinds.
const participant = (event, session_id, { peer, kinds = ['audio', 'video'] }) =>
  page.evaluate(async ([event, session_id, peer, kinds]) => {
    window.sent ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: true })
    const state = (kind) => kinds.includes(kind)
      ? { state: 'playable', persistentTrack: sent.getTracks().find((track) => track.kind === kind) }
      : { state: 'off' }
    const tracks = { audio: state('audio'), video: state('video') }
    const userData = peer && { peer, participant: `person ${peer}` }
    dailyOptions.callObject.emit(event, { action: event, participant: { local: false, session_id, userData, tracks } })
  }, [event, session_id, peer, kinds])

beforeEach(async () => {
  page ??= await openPage(`${files.url}/tests/browser/page.html`)
  await page.evaluate(async () => {
    await window.dailyOptions?.callObject.destroy()
    if (window.Daily) return
    await new Promise((resolve) => {
      document.head.append(Object.assign(document.createElement('script'),
        { src: '/node_modules/@daily-co/daily-js/dist/daily.js', onload: resolve }))
    })
  })
  await forget(page)
})

test('a meeting that cannot be reached is told in a word', async () => {
  await open('really')
  assert.equal((await failure(page, 60000)).reason, 'unreachable')
  assert.equal((await told(page, 'failed')).length, 1)
  assert.deepEqual(page.problems, [])
})

test('it joins the room with what there is to send, and says who it is', async () => {
  await open('')
  await join()
  await noted(page, 'connected')
  assert.deepEqual(await calls(), [{ join: {
    url: 'https://sample.daily.co/room', audioSource: 'audio', videoSource: 'video',
    userData: { peer: 'a', participant: 'person a' }, subscribeToTracksAutomatically: true,
  } }])
  await closeAdapter(page)
  await eventually('a leave', async () => (await calls()).includes('leave'))
})

test('participants come, change and go', async () => {
  await open('')
  await join()
  await participant('participant-joined', 'x', { peer: 'b', kinds: [] })
  await participant('participant-updated', 'x', { peer: 'b', kinds: ['audio'] })
  await participant('participant-updated', 'x', { peer: 'b' })
  await participant('participant-updated', 'x', { peer: 'b' })
  await participant('participant-joined', 'stranger', {})
  await noted(page, 'first-frame', ({ name }) => name === 'b')
  const stream = (kinds) => ({ what: 'remote-stream', peer: 'b', participant: 'person b', kinds })
  assert.deepEqual(await told(page, 'remote-stream', 'remote-gone'), [stream(['audio']), stream(['audio', 'video'])])

  await participant('participant-joined', 'y', { peer: 'b' }) // he is back before Daily misses him
  await participant('participant-left', 'x', { peer: 'b' })
  assert.deepEqual(await told(page, 'remote-gone'), [])
  await participant('participant-left', 'y', { peer: 'b' })
  assert.deepEqual(await told(page, 'remote-gone'), [{ what: 'remote-gone', peer: 'b' }])
})

test('a rung becomes send settings that the package takes', async () => {
  await open('')
  await page.evaluate(() => adapterCall.setRung(240))
  await join()
  const settings = () => page.evaluate(() => dailyOptions.callObject.getSendSettings().video)
  assert.deepEqual(await settings(),
    { maxQuality: 'low', encodings: { low: { active: true, maxFramerate: 15, scaleResolutionDownBy: 2 } } })
  await page.evaluate(() => adapterCall.setRung(0))
  assert.equal((await settings()).encodings.low.active, false)
  assert.deepEqual(page.problems, [])
})

test('what the package measures has our units', async () => {
  await open('')
  await join()
  assert.deepEqual(await page.evaluate(() => adapterCall.metrics()), {})
  await page.evaluate(() => {
    dailyOptions.callObject.getNetworkStats = async () => ({ stats: { latest: {
      networkRoundTripTime: 0.25, audioRecvJitter: 0.5, audioRecvPacketLoss: 0.5, videoRecvPacketLoss: null,
      availableOutgoingBitrate: 500000,
    } } })
  })
  assert.deepEqual(await page.evaluate(() => adapterCall.metrics()),
    { rtt_ms: 250, jitter_ms: 500, loss: 50, available_kbps: 500 })
})

for (const [event, payload, reason] of [
  ['error', { errorMsg: 'no room', error: { type: 'no-room' } }, 'refused'],
  ['error', { errorMsg: 'lost', error: { type: 'connection-error' } }, 'connection-lost'],
  ['left-meeting', {}, 'connection-lost'],
]) {
  test(`${event} ${payload.errorMsg ?? ''} is told as ${reason}`, async () => {
    await open('')
    await join()
    await page.evaluate(() => {
      const { callObject } = dailyOptions
      callObject.leave = () => new Promise((resolve) => { window.left = resolve })
    })
    await emit(event, payload)
    assert.equal((await failure(page)).reason, reason)
    await emit(event, payload) // while it leaves
    await page.evaluate(() => {
      dailyOptions.callObject.leave = async () => {}
      left()
    })
    assert.equal((await told(page, 'failed')).length, 1)
  })
}

test('an interruption is a failure only when it lasts', async () => {
  await page.clock.install()
  await open('')
  await join()
  for (const event of ['interrupted', 'connected']) await emit('network-connection', { type: 'sfu', event })
  await page.clock.fastForward(60000)
  assert.deepEqual(await told(page, 'failed'), [])
  await emit('network-connection', { type: 'sfu', event: 'interrupted' })
  await page.clock.fastForward(60000)
  assert.equal((await failure(page)).reason, 'ice-failed')
})

test('the next call waits until the call object has left', async () => {
  await open('')
  await join()
  await page.evaluate(async () => {
    const { callObject } = dailyOptions
    callObject.leave = () => new Promise((resolve) => { window.left = resolve })
    const { daily } = await import('/client/daily.js')
    const adapter = daily({ callObject })
    window.left = undefined
    window.openNext = (aborter) => adapter.open({
      room: 'r', media: new MediaStream(), signal: aborter.signal, connected() {}, failed() {}, remoteStream() {}, remoteGone() {} })
    calls.length = 0
    window.first = openNext(new AbortController())
    window.second = openNext(new AbortController())
  })
  await eventually('the first one joins', async () => (await calls()).length === 1)
  await page.evaluate(() => first.close())
  await eventually('the first one leaves', () => page.evaluate(() => Boolean(window.left)))
  assert.equal((await calls()).length, 1)
  await page.evaluate(() => window.left())
  await eventually('the second one joins', async () => (await calls()).length === 2)
  await page.evaluate(() => {
    second.close()
    dailyOptions.callObject.leave = async () => {}
  })
})

test('it can be aborted before it has joined', async () => {
  await open('')
  await abort(page)
  await eventually('a leave', async () => (await calls()).includes('leave'))
  assert.deepEqual(await told(page, 'failed', 'connected'), [])
})
