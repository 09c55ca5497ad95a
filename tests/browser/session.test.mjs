// Does a session go where the database says, report what is true, and leave
// nothing behind?  Both providers are peer-to-peer here.

import test, { before } from 'node:test'
import assert from 'node:assert/strict'
import { blockPeerToPeer, eventually, newSession, openPeerConnections, sql } from './harness.mjs'
import { endSession, switchProvider } from '../notifier/harness.mjs'
import {
  assignmentOf, enableOnly, epochsOf, noProviderIsNamed, outcomesOf, seeEachOther, servePages, startCallNotifier, stateOf,
} from './calls.mjs'

const notifier = await startCallNotifier()
const demo = await servePages(notifier, { daily: { adapter: 'p2p' }, p2p: { adapter: 'p2p' } })
before(() => enableOnly('daily', 'p2p'))

const present = async (call) =>
  (await sql('SELECT harthio_session($1) AS session', [call]))[0].session.participants.map((one) => one.participant_id)

// joinSession() itself in a page that has not joined.
const joinWithoutPage = (page, { cameraRefused = false } = {}) => page.evaluate(async (refused) => {
  const { joinSession, p2p } = await import('./client/harthio.js')
  const fragment = new URLSearchParams(location.hash.slice(1))
  globalThis.session = joinSession({
    supabase: supabase.createClient(location.origin, fragment.get('key'), { accessToken: async () => fragment.get('key') }),
    sessionId: fragment.get('call'),
    providers: { daily: p2p(), p2p: p2p() },
    media: refused ? Promise.reject(new DOMException('no', 'NotAllowedError')) : new MediaStream(),
  })
  globalThis.events = []
  for (const type of ['state', 'remote-stream', 'ended']) {
    session.addEventListener(type, ({ detail }) => events.push([type, detail.state ?? detail.reason ?? 'shown']))
  }
}, cameraRefused)

test('a switch is made before it is broken, and nothing of the old one is left', async () => {
  const { call, pages } = await demo.call()
  const [{ provider: first }] = await epochsOf(call)
  await Promise.all(pages.map((page) => page.evaluate(() => {
    globalThis.openAtSwitch = new Promise((resolve) => {
      session.addEventListener('remote-stream', () => resolve(openPeerConnections().length), { once: true })
    })
  })))
  await switchProvider(call, 1)
  const open = await Promise.all(pages.map((page) => page.evaluate(() => openAtSwitch)))
  assert.deepEqual(open, [2, 2], 'the old connection stands until the new one has a picture')
  assert.notEqual((await seeEachOther(pages)).provider, first)
  for (const page of pages) await eventually('one is left', async () => await openPeerConnections(page) === 1)

  await switchProvider(call, 2)
  await eventually('they are back', async () =>
    (await Promise.all(pages.map(assignmentOf))).every(({ provider, epoch }) => provider === first && epoch === 3))
  await seeEachOther(pages)
})

test('several quick switches, some while connecting, end on the last epoch', async () => {
  const call = newSession()
  const opening = ['Ada', 'Ben'].map((name) => demo.open(call, name))
  await eventually('it is claimed', async () => (await epochsOf(call)).length === 1)
  for (let epoch = 1; epoch < 7; epoch++) {
    await switchProvider(call, epoch)
    await new Promise((resolve) => setTimeout(resolve, 150 * Math.random())) // a switch every now and then
  }
  const pages = await Promise.all(opening)
  await eventually('both are on the last epoch', async () =>
    (await Promise.all(pages.map(assignmentOf))).every((assignment) => assignment?.epoch === 7))
  await seeEachOther(pages)
  for (const page of pages) await eventually('one is left', async () => await openPeerConnections(page) === 1)
  const { failed } = (await sql(
    'SELECT count(*) FILTER (WHERE NOT success) AS failed FROM harthio.outcome WHERE session_id = $1', [call]))[0]
  assert.equal(failed, '0')
})

test('a provider that does not connect is reported once the deadline has passed, and all move', async () => {
  // it may use relays only, and has none
  const dead = await servePages(notifier, {
    daily: { adapter: 'p2p', iceTransportPolicy: 'relay' }, p2p: { adapter: 'p2p' },
  })
  await enableOnly('daily')
  const call = newSession()
  const ada = await dead.open(call, 'Ada')
  await eventually('Ada waits', async () => (await stateOf(ada)) === 'waiting')
  await enableOnly('daily', 'p2p')
  const ben = await dead.open(call, 'Ben')
  const { provider, epoch } = await seeEachOther([ada, ben])
  assert.deepEqual({ provider, epoch }, { provider: 'p2p', epoch: 2 })
  const failures = (await outcomesOf(call)).filter(({ success }) => !success)
  assert.ok(failures.length > 0 && failures.every(({ reason, epoch: of }) => reason === 'connect_timeout' && of === 1),
    JSON.stringify(failures))
})

test('to be alone is no failure', async () => {
  const call = newSession()
  const ada = await demo.open(call, 'Ada')
  await eventually('Ada waits', async () => (await stateOf(ada)) === 'waiting')
  await new Promise((resolve) => setTimeout(resolve, 12000)) // longer than the deadline to connect
  assert.deepEqual(await outcomesOf(call), [])
  assert.deepEqual((await epochsOf(call)).length, 1)
})

test('media that dies while both can be reached is a failure, and all move', async () => {
  const { call, pages } = await demo.call()
  const unblock = await blockPeerToPeer()
  await eventually('the session is moved', async () => (await epochsOf(call)).length > 1)
  const [first] = (await outcomesOf(call)).filter(({ success }) => !success)
  assert.equal(first.epoch, 1)
  assert.ok(['no_frames', 'ice-failed'].includes(first.reason), first.reason)
  await noProviderIsNamed(pages[0])
  await unblock()
  await seeEachOther(pages, 60000)
})

test('who leaves while he joins has left', async () => {
  const call = newSession()
  const page = await demo.open(call, 'Ada', { ask: 'picture' })
  let release
  const released = new Promise((resolve) => { release = resolve })
  let asked
  const claimed = new Promise((resolve) => { asked = resolve })
  await page.route('**/harthio_claim_provider', async (route) => {
    asked()
    await released
    await route.continue()
  })
  await joinWithoutPage(page)
  await claimed
  const left = page.evaluate(() => session.leave())
  assert.equal(await stateOf(page), 'ended')
  release()
  await left
  assert.deepEqual(await present(call), [])
  assert.equal(await openPeerConnections(page), 0)
})

test('who leaves is gone at once, and the other waits', async () => {
  const { call, pages: [ada, ben] } = await demo.call()
  await ada.click('#leave')
  await eventually('Ben waits', async () => (await stateOf(ben)) === 'waiting')
  await eventually('the database knows', async () => (await present(call)).length === 1)
  assert.equal(await openPeerConnections(ada), 0)
  await ada.click('#again')
  await seeEachOther([ada, ben])
})

test('a session that is ended ends for all', async () => {
  const { call, pages } = await demo.call()
  await endSession(call)
  for (const page of pages) {
    await eventually('it has ended', async () => (await stateOf(page)) === 'ended')
    assert.match(await page.evaluate(() => document.body.innerText), /The call has ended/)
    assert.equal(await openPeerConnections(page), 0)
  }
})

test('who may not join is told so', async () => {
  const page = await demo.open(newSession(), 'Ada', { ask: 'picture' })
  await page.evaluate(() => { location.hash = location.hash.replace(/key=[^&]*/, '$&x') })
  await joinWithoutPage(page)
  await eventually('it is refused', () => page.evaluate(() => events.some(([type, what]) => type === 'ended' && what === 'refused')))
})

test('without a camera one still sees the others, and it is nobody else\'s fault', async () => {
  const call = newSession()
  const [ada, ben] = await Promise.all([demo.open(call, 'Ada'), demo.open(call, 'Ben', { ask: 'picture' })])
  await joinWithoutPage(ben, { cameraRefused: true })
  await Promise.all([ada, ben].map((page) => eventually('connected', async () => (await stateOf(page)) === 'connected')))
  await eventually('Ben sees Ada', () => ben.evaluate(() => events.some(([type]) => type === 'remote-stream')))
  await eventually('it is on record', async () => (await outcomesOf(call))
    .some(({ participant_id: who, success, reason }) => who === 'Ben' && !success && reason === 'permission_denied'))
  assert.equal((await epochsOf(call)).length, 1)
})

test('a camera that gives no more frames is off, not a failure', async () => {
  const { call, pages: [ada, ben] } = await demo.call()
  await ada.evaluate(() => {
    const { fill, fillRect, fillText } = CanvasRenderingContext2D.prototype
    globalThis.drawAgain = () => Object.assign(CanvasRenderingContext2D.prototype, { fill, fillRect, fillText })
    Object.assign(CanvasRenderingContext2D.prototype, { fill() {}, fillRect() {}, fillText() {} })
  })
  await eventually('Ben sees that it is off', () => ben.evaluate(() => session.participants[0].video === false))
  assert.equal(await stateOf(ben), 'connected')
  await ada.evaluate(() => drawAgain())
  await eventually('it is on again', () => ben.evaluate(() => session.participants[0].video === true))
  await seeEachOther([ada, ben])
  assert.equal((await epochsOf(call)).length, 1)
})

test('what is muted, and how a phone is held, is known to the others', async () => {
  const { pages: [ada, ben] } = await demo.call({ ask: 'join' })
  await ada.evaluate(() => session.setDeviceOrientation('portrait'))
  await ada.click('#toggle-audio')
  await ada.click('#toggle-video')
  await eventually('Ben knows', () => ben.evaluate(() => {
    const [{ audio, video, orientation }] = session.participants
    return !audio && !video && orientation === 'portrait'
  }))
  await ada.click('#toggle-video')
  await seeEachOther([ada, ben])
})

test('a tab that is duplicated is another device', async () => {
  const { pages: [ada] } = await demo.call({ names: ['Ada'] })
  const stored = await ada.evaluate(() => ({ ...sessionStorage }))
  const copy = await ada.context().newPage()
  await copy.addInitScript((all) => {
    for (const [key, value] of Object.entries(all)) if (!sessionStorage.getItem(key)) sessionStorage.setItem(key, value)
  }, stored)
  await copy.goto(ada.url())
  await seeEachOther([ada, copy])
})
