// Do two people on the call page see each other, whatever happens on the way?
// Everything here is peer-to-peer.

import test, { before } from 'node:test'
import assert from 'node:assert/strict'
import { eventually, networkOff, newSession, restartPostgres, screenshotForDocs } from './harness.mjs'
import { switchProvider } from '../notifier/harness.mjs'
import { assignmentOf, enableOnly, epochsOf, outcomesOf, seeEachOther, servePages, startCallNotifier, stateOf } from './calls.mjs'

const notifier = await startCallNotifier()
const demo = await servePages(notifier)
before(() => enableOnly('p2p'))

test('two who open the link see each other, on one provider', async () => {
  const { call, pages } = await demo.call()
  assert.deepEqual(await epochsOf(call), [{ epoch: 1, provider: 'p2p', reason: 'claimed' }])
  const outcomes = await eventually('both report success', async () => {
    const all = await outcomesOf(call)
    return all.length === 2 && all
  })
  for (const { success, connect_ms: ms } of outcomes) {
    assert.equal(success, true)
    assert.ok(ms > 0 && ms < 15000, `${ms} ms`)
  }
  for (const page of pages) assert.deepEqual(page.problems, [])
})

test('the second may come at any time, also at the very same', async () => {
  for (const offset of [0, 0, 3, 30, 120, 400, Math.floor(Math.random() * 1000)]) {
    const call = newSession()
    const first = demo.open(call, 'Ada')
    await new Promise((resolve) => setTimeout(resolve, offset)) // when the second one comes
    const pages = await Promise.all([first, demo.open(call, 'Ben')])
    const { epoch } = await seeEachOther(pages)
    assert.equal(epoch, 1, `second came after ${offset} ms`)
    await Promise.all(pages.map((page) => page.click('#leave')))
  }
})

test('a page that is loaded anew is where it was, and its old self is gone', async () => {
  const { call, pages: [ada, ben] } = await demo.call()
  await ben.evaluate(() => {
    window.most = 0
    session.addEventListener('participant', () => { most = Math.max(most, session.participants.length) })
  })
  await ada.reload()
  await seeEachOther([ada, ben])
  assert.equal(await ben.evaluate(() => most), 1, 'she was never there twice')
  assert.deepEqual(await ben.evaluate(() => session.participants.map(({ participantId }) => participantId)), ['Ada'])

  await Promise.all([ada.reload(), ben.reload()])
  await seeEachOther([ada, ben])
  assert.deepEqual((await epochsOf(call)).map(({ epoch }) => epoch), [1])
})

test('a page whose network is off for 20 seconds comes back, and nobody is blamed', async () => {
  const { call, pages: [ada, ben] } = await demo.call()
  const networkOn = await networkOff(ada)
  await eventually('Ben misses Ada', async () => (await stateOf(ben)) === 'reconnecting')
  await new Promise((resolve) => setTimeout(resolve, 20000)) // the time is the condition
  await networkOn()
  await seeEachOther([ada, ben], 60000)
  assert.deepEqual((await epochsOf(call)).map(({ epoch }) => epoch), [1])
  const counted = (await outcomesOf(call)).filter(({ success, reason }) => !success && reason !== 'client_offline')
  assert.deepEqual(counted, [])
})

test('the notifier starts anew: the call goes on, and later news reaches both', async () => {
  const { call, pages } = await demo.call()
  await notifier.restart()
  await seeEachOther(pages)
  await switchProvider(call, 1)
  await eventually('both have heard of epoch 2', async () =>
    (await Promise.all(pages.map(assignmentOf))).every(({ epoch }) => epoch === 2))
  await seeEachOther(pages)
})

test('PostgreSQL starts anew: the call goes on, and who joins meanwhile waits', async () => {
  const { call, pages } = await demo.call()
  await restartPostgres('immediate')
  await seeEachOther(pages)
  const [, third] = await Promise.all([restartPostgres(), demo.open(call, 'Cem')])
  await seeEachOther([...pages, third], 60000)
  assert.deepEqual((await epochsOf(call)).map(({ epoch }) => epoch), [1])
})

test('three see each other', async () => {
  await demo.call({ names: ['Ada', 'Ben', 'Cem'] })
})

test('what is written arrives, once and in order, through reloads and restarts', async () => {
  const { pages: [ada, ben] } = await demo.call()
  const write = (page, text) => page.evaluate((line) => session.sendChat(line), text)
  const read = (page) => page.evaluate(() => [...document.querySelectorAll('#messages li')].map((item) =>
    item.textContent.replace(/, \d.*M|, \d\d:\d\d/, ':')))
  await write(ada, 'one')
  await eventually('one', async () => (await read(ben)).length === 1)
  await notifier.stop()
  await write(ada, 'two')
  await write(ada, 'three')
  await notifier.restart()
  await eventually('three', async () => (await read(ben)).length === 3)
  await write(ben, 'four')
  await eventually('four', async () => (await read(ada)).length === 4)
  for (const page of [ada, ben]) {
    assert.deepEqual((await read(page)).map((line) => /(one|two|three|four)$/.exec(line)[0]), ['one', 'two', 'three', 'four'])
  }
})

test('how it looks', async () => {
  const call = newSession()
  const open = (name, width, height) => demo.open(call, name, { viewport: { width, height } })
  const [cedar, birch] = await Promise.all([open('Cedar', 1280, 760), open('Birch', 390, 780)])
  await seeEachOther([cedar, birch])
  await cedar.click('#toggle-chat')
  await cedar.fill('#chat-text', 'Hello! Can you see me?')
  await cedar.press('#chat-text', 'Enter')
  await birch.evaluate(() => session.sendChat('As clear as day. I am on my phone.'))
  await eventually('both lines are there', () => cedar.evaluate(() => document.querySelectorAll('#messages li').length === 2))
  await eventually('the quality is shown', () => cedar.evaluate(() => !document.querySelector('#quality').hidden))
  await screenshotForDocs(cedar, 'call')
  await screenshotForDocs(birch, 'call-phone')
})
