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
// nothing at all, or it throws that.
async function open(joining, { token, ...options } = {}) {
  await page.evaluate(async ([joining, token]) => {
    window.sent ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: true })
    await window.dailyOptions?.callObject.destroy()
    const callObject = Daily.createCallObject()
    window.calls = []
    if (joining !== 'really') {
      callObject.join = (properties) => {
        const kindOf = (source) => source?.kind ?? String(source)
        calls.push({ join: { ...properties, audioSource: kindOf(properties.audioSource), videoSource: kindOf(properties.videoSource) } })
        return joining ? Promise.reject(joining) : new Promise(() => {})
      }
      callObject.leave = async () => { calls.push('leave') }
    }
    window.tokenReady = new Promise((resolve) => { window.giveToken = resolve })
    window.dailyOptions = { callObject, token: token && ((room) => tokenReady.then(() => `${token} for ${room}`)) }
  }, [joining, token])
  await openAdapter(page, 'daily.js', 'daily', 'dailyOptions', { room: 'https://sample.daily.co/room', peerId: 'a', ...options })
}

const calls = () => page.evaluate(() => window.calls)
const settings = () => page.evaluate(() => dailyOptions.callObject.getSendSettings()?.video)
const emit = (event, payload) => page.evaluate(([event, payload]) => {
  dailyOptions.callObject.emit(event, { action: event, ...payload })
}, [event, payload])

// Somebody in the meeting: by default one of ours, with that name, who sends these kinds.
const somebody = (session_id, { local = false, peer, userData = { peer, participant: `person ${peer}` }, kinds = ['audio', 'video'] }) =>
  ({ local, session_id, userData, kinds })
const emitParticipants = (event, participants) => page.evaluate(([event, participants]) => {
  const track = (kind) => sent.getTracks().find((track) => track.kind === kind)
  const state = (kind, kinds) => kinds.includes(kind) ? { state: 'playable', persistentTrack: track(kind) } : { state: 'off' }
  const them = participants.map(({ kinds, ...somebody }) =>
    ({ ...somebody, tracks: { audio: state('audio', kinds), video: state('video', kinds) } }))
  dailyOptions.callObject.emit(event, { action: event, participant: them[0], participants: { ...them } })
}, [event, participants])
const participant = (event, session_id, how) => emitParticipants(event, [somebody(session_id, how)])

async function join(...others) {
  await eventually('a join', async () => (await calls()).length > 0)
  await emitParticipants('joined-meeting', [somebody('me', { local: true, peer: 'a' }), ...others])
}

beforeEach(async () => {
  page ??= await openPage(`${files.url}/tests/browser/page.html`)
  await page.evaluate(async () => {
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
  assert.deepEqual(await told(page, 'remote-stream'), [], 'we are no other')
  await page.evaluate(() => {
    dailyOptions.callObject.leave = () => new Promise((resolve) => { window.left = resolve })
  })
  await closeAdapter(page)
  await eventually('a leave', () => page.evaluate(() => Boolean(window.left)))
  await participant('participant-joined', 'x', { peer: 'b' })
  await page.evaluate(() => {
    dailyOptions.callObject.leave = async () => {}
    left()
  })
  await eventually('nobody listens', () => page.evaluate(() => dailyOptions.callObject.listenerCount('participant-joined') === 0))
  assert.deepEqual(await told(page, 'remote-stream'), [], 'it is over')
})

test('it shows its token, and sends nothing where there is nothing to send', async () => {
  await open('', { token: 'a token', tracks: null })
  await page.evaluate(() => giveToken())
  await join()
  const [{ join: { token, audioSource, videoSource } }] = await calls()
  assert.equal(token, 'a token for https://sample.daily.co/room')
  await page.evaluate(() => adapterCall.setRung(240))
  assert.deepEqual([audioSource, videoSource], ['false', 'false'])
  assert.deepEqual(await told(page, 'connected'), [{ what: 'connected' }])
})

for (const [what, problem, message] of [
  ['an error', new Error('no'), 'no'], ['a fatal error', { errorMsg: 'no', error: {} }, 'no'], ['a word', 'no', 'no'],
]) {
  test(`a join that is refused with ${what} is told`, async () => {
    await open(problem)
    const { reason, detail } = await failure(page)
    assert.deepEqual([reason, detail.message], ['unreachable', message])
  })
}

test('participants come, change and go', async () => {
  await open('')
  await join(somebody('first', { peer: 'c' }))
  assert.deepEqual(await told(page, 'remote-stream'), [{ what: 'remote-stream', peer: 'c', participant: 'person c', kinds: ['audio', 'video'] }])
  await forget(page)
  await participant('participant-joined', 'x', { peer: 'b', kinds: [] })
  await participant('participant-updated', 'x', { peer: 'b', kinds: ['audio'] })
  await participant('participant-updated', 'x', { peer: 'b' })
  await participant('participant-updated', 'x', { peer: 'b' })
  for (const userData of [null, 'b', {}, { peer: 's', participant: 5 }, { peer: 5, participant: 's' }]) {
    await participant('participant-joined', 'stranger', { userData })
    await participant('participant-left', 'stranger', { userData })
  }
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
  await open('', { rung: 240 })
  await join()
  assert.deepEqual(await settings(),
    { maxQuality: 'low', encodings: { low: { active: true, maxFramerate: 15, scaleResolutionDownBy: 2 } } })
  await page.evaluate(() => adapterCall.setRung(0))
  assert.deepEqual((await settings()).encodings.low, { active: false, scaleResolutionDownBy: 1 })
  await page.evaluate(() => {
    const [track] = sent.getVideoTracks()
    MediaStreamTrack.prototype.getSettings = () => ({ width: 4096, height: 2160 })
    adapterCall.setRung(240)
  })
  assert.equal((await settings()).encodings.low.scaleResolutionDownBy, 8, 'Daily takes no more')
})

test('settings that the package does not take change nothing', async () => {
  await open('')
  await page.evaluate(() => {
    dailyOptions.callObject.updateSendSettings = async () => { throw new Error('not now') }
  })
  await join()
  await page.evaluate(() => adapterCall.setRung(240))
  assert.deepEqual(await told(page, 'failed'), [])
  assert.deepEqual(page.problems, [])
})

test('what the package measures has our units', async () => {
  await open('')
  await join()
  assert.deepEqual(await page.evaluate(() => adapterCall.metrics()), {})
  await page.evaluate(() => {
    dailyOptions.callObject.getNetworkStats = async () => ({ stats: { latest: {
      networkRoundTripTime: 0.25, audioRecvJitter: 0.5, audioRecvPacketLoss: 0.5, videoRecvPacketLoss: 0.25,
      availableOutgoingBitrate: null,
    } } })
  })
  assert.deepEqual(await page.evaluate(() => adapterCall.metrics()),
    { rtt_ms: 250, jitter_ms: 500, loss: 50, video_loss: 25 })
  await page.evaluate(() => {
    dailyOptions.callObject.getNetworkStats = async () => ({ stats: { latest: { availableOutgoingBitrate: 500000 } } })
  })
  assert.deepEqual(await page.evaluate(() => adapterCall.metrics()), { available_kbps: 500 })
})

for (const [event, payload, reason] of [
  ['error', { errorMsg: 'no room', error: { type: 'no-room' } }, 'refused'],
  ['error', { errorMsg: 'lost', error: { type: 'connection-error' } }, 'connection-lost'],
  ['error', { errorMsg: 'who knows' }, 'connection-lost'],
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
  await forget(page)
  await open('')
  await join()
  await emit('network-connection', { type: 'signaling', event: 'interrupted' })
  await page.clock.fastForward(60000)
  assert.equal((await failure(page)).reason, 'connection-lost')
})

test('a call waits until the call object has left the one before, whatever that takes', async () => {
  await open('')
  await join()
  await page.evaluate(async () => {
    const { callObject } = dailyOptions
    callObject.leave = () => new Promise((resolve, reject) => { window.notLeft = reject })
    callObject.updateSendSettings = async () => calls.push('settings')
    const { daily } = await import('/client/daily.js')
    const adapter = daily({ callObject })
    const openNext = (room) => adapter.open({
      room, media: sent, signal: new AbortController().signal, connected() {}, failed() {}, remoteStream() {}, remoteGone() {} })
    calls.length = 0
    window.notLeft = undefined
    window.waiting = ['first', 'second', 'third'].map(openNext)
  })
  await eventually('the first one joins', async () => (await calls()).length === 1)
  await emitParticipants('joined-meeting', [somebody('me', { local: true })])
  await page.evaluate(() => {
    calls.length = 0
    const [first, second, third] = waiting
    third.setRung(240)
    first.close()
    first.setRung(240)
    second.close()
  })
  await eventually('the first one leaves', () => page.evaluate(() => Boolean(window.notLeft)))
  assert.deepEqual(await calls(), [])
  await page.evaluate(() => {
    dailyOptions.callObject.leave = async () => { calls.push('leave') }
    notLeft(new Error('no'))
  })
  await eventually('the third one joins', async () => (await calls()).length === 1)
  assert.equal((await calls())[0].join.url, 'third')
  await page.evaluate(() => waiting[2].close())
})

test('it can be aborted at any moment before it has joined', async () => {
  await open('', { aborted: true })
  assert.deepEqual(await calls(), [])
  await open('')
  await abort(page)
  await eventually('a leave', async () => (await calls()).includes('leave'))
  await open('', { token: 'a token' })
  await abort(page)
  await page.evaluate(() => giveToken())
  await eventually('a leave', async () => (await calls()).includes('leave'))
  assert.deepEqual(await calls(), ['leave'])
  assert.deepEqual(await told(page, 'failed', 'connected'), [])
})
