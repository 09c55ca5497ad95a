import test, { before } from 'node:test'
import { newSession, eventually } from './tests/browser/harness.mjs'
import { startCallNotifier, enableOnly, servePages, seeEachOther, stateOf } from './tests/browser/calls.mjs'
const notifier = await startCallNotifier()
const demo = await servePages(notifier)
before(() => enableOnly('p2p'))
test('shots', async () => {
  const wide = { viewport: { width: 1280, height: 760 } }, phone = { viewport: { width: 390, height: 780 } }
  const call = newSession()
  const a = await demo.open(call, 'Cedar', { ask: 'picture', ...wide })
  await a.screenshot({ path: '/tmp/shot-lobby.png' })
  await a.click('#join')
  await eventually('waits', async () => (await stateOf(a)) === 'waiting')
  await a.screenshot({ path: '/tmp/shot-waiting.png' })
  const b = await demo.open(call, 'Birch', { ask: 'picture&join', ...phone, colorScheme: 'dark' })
  await seeEachOther([a, b])
  await a.evaluate(() => session.sendChat('Hello! Can you see me?'))
  await b.evaluate(() => session.sendChat('Yes, as clear as day. And you?'))
  await b.evaluate(() => session.sendChat('I am on my phone, by the way.'))
  await a.click('#toggle-chat')
  await eventually('quality', () => a.evaluate(() => !document.querySelector('#quality').hidden))
  await a.screenshot({ path: '/tmp/shot-call.png' })
  await b.screenshot({ path: '/tmp/shot-phone.png' })
  await b.click('#toggle-chat'); await b.click('#chat-close'); await b.click('#toggle-video'); 
  await eventually('off', () => a.evaluate(() => !!document.querySelector('#remotes .off')))
  await a.emulateMedia({ colorScheme: 'dark' })
  await a.screenshot({ path: '/tmp/shot-off.png' })
  await b.screenshot({ path: '/tmp/shot-phone-off.png' })
  await b.click('#leave')
  await b.screenshot({ path: '/tmp/shot-over.png' })
})
