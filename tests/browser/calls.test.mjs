// Forty calls, by the hosted provider (Janus stands for it) and peer-to-peer;
// the second person comes at any moment, also at the very same as the first.

import test, { before } from 'node:test'
import assert from 'node:assert/strict'
import { newSession, percentile, sql, startJanus } from './harness.mjs'
import { assignmentOf, enableOnly, seeEachOther, servePages, startCallNotifier } from './calls.mjs'
import { firstFrame, joinedAt, watchMoves } from './moves.mjs'

const CALLS = 40
const LANES = 2
const P95_MS = 5000
const LINES = 120 // a small picture leaves more of the machine to the next call

const janus = await startJanus()
const notifier = await startCallNotifier()
const demo = await servePages(notifier, { daily: { adapter: 'janus', url: janus.url }, p2p: { adapter: 'p2p' } })
before(() => enableOnly('daily', 'p2p'))

// One call in these pages; resolves to how long each of the two waited for the
// other's picture.
async function oneCall(pages, names, offset) {
  const call = newSession()
  await Promise.all(pages.map(async (page, i) => {
    await page.goto(demo.link(call, names[i], `picture=${LINES}`)) // another fragment alone loads nothing
    await page.reload()
    await page.waitForFunction(() => document.getElementById('my-video').srcObject) // it takes clicks now
    await watchMoves(page)
  }))
  const join = (page) => page.evaluate(() => document.getElementById('join').click())
  const first = join(pages[0])
  if (offset > 0) await new Promise((resolve) => setTimeout(resolve, offset)) // when the second one comes
  await Promise.all([first, join(pages[1])])

  const seen = await Promise.all(pages.map((page) => firstFrame(page)))
  await seeEachOther(pages)
  const bothIn = Math.max(...await Promise.all(pages.map(joinedAt)))
  const assignments = await Promise.all(pages.map(assignmentOf))
  await Promise.all(pages.map((page) => page.evaluate(() => session.leave())))
  for (const page of pages) assert.deepEqual(page.problems, [])
  return { waited: seen.map((at) => at - bothIn), assignments }
}

async function manyCalls(count) {
  const calls = []
  const lane = async (number) => {
    const names = ['Ada', 'Ben'].map((name) => `${name}-${number}`)
    const pages = await Promise.all(names.map((name) => demo.open(newSession(), name, { ask: `picture=${LINES}` })))
    for (let i = number; i < count; i += LANES) {
      const offset = i % 4 === 0 ? 0 : Math.floor(Math.random() ** 3 * 2000)
      calls.push(await oneCall(pages, names, offset))
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)))
  return calls
}

for (const [provider, how] of [['daily', 'by the hosted provider'], ['p2p', 'peer-to-peer']]) {
  test(`${CALLS / 2} calls ${how}: all connect, and nobody is apart`, async (t) => {
    await enableOnly(provider)
    const calls = await manyCalls(CALLS / 2)
    for (const { assignments: [one, other] } of calls) {
      assert.equal(one.provider, provider)
      assert.equal(one.epoch, 1)
      assert.deepEqual([one.room, one.generation, one.epoch], [other.room, other.generation, other.epoch])
    }
    const waited = calls.flatMap((call) => call.waited)
    t.diagnostic(`from being both there to the other's first frame: median ${percentile(waited, 0.5)} ms, ` +
      `p95 ${percentile(waited, 0.95)} ms, longest ${Math.max(...waited)} ms`)
    assert.ok(percentile(waited, 0.95) < P95_MS, `p95 is ${percentile(waited, 0.95)} ms`)
    assert.deepEqual(await sql('SELECT * FROM harthio.asymmetry'), [])
  })
}
