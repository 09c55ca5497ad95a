// Does everybody send a smaller picture when one connection is bad, and the
// large one again when it is good?  A rung is left upwards after 20 seconds at
// the earliest, so this takes its time.

import test, { before } from 'node:test'
import assert from 'node:assert/strict'
import { eventually, throttle } from './harness.mjs'
import { enableOnly, epochsOf, seeEachOther, servePages, startCallNotifier } from './calls.mjs'

const notifier = await startCallNotifier()
const demo = await servePages(notifier)
before(() => enableOnly('p2p'))

const rungOf = (page) => page.evaluate(() => session.rung)
const linesSeen = (page) => page.evaluate(() => document.querySelector('#remotes video').videoHeight)
const onAll = async (pages, look, wanted) => (await Promise.all(pages.map(look))).every(wanted)

test('one throttled uplink leads both down to 240 lines, and both come back up', { timeout: 400000 }, async () => {
  const { call, pages } = await demo.call({ ask: 'picture=360&join', viewport: { width: 480, height: 320 } })
  const rungs = []
  await pages[1].exposeFunction('noteRung', (rung) => rungs.push(rung))
  await pages[1].evaluate(() => session.addEventListener('quality', ({ detail }) => detail.level ?? noteRung(detail.rung)))

  const end = await throttle(100, pages[0])
  await eventually('both are at 240', () => onAll(pages, rungOf, (rung) => rung === 240), 90000)
  await eventually('both see 240 lines at most', () => onAll(pages, linesSeen, (lines) => lines > 0 && lines <= 240))

  await end()
  await eventually('both are at 720', () => onAll(pages, rungOf, (rung) => rung === 720), 220000)
  await eventually('both see 360 lines', () => onAll(pages, linesSeen, (lines) => lines === 360))
  await seeEachOther(pages)

  // a rung may turn out to be too high, and is left again; none is passed over
  const steps = rungs.map((rung) => [240, 360, 480, 720].indexOf(rung))
  assert.equal(rungs.at(-1), 720)
  assert.ok(steps.every((step, i) => i === 0 || step - steps[i - 1] <= 1), rungs.join())
  assert.deepEqual((await epochsOf(call)).map(({ epoch }) => epoch), [1])
})
