// Do two people on the call page see each other, whatever happens on the way?
// Everything here is peer-to-peer.

import test, { before } from 'node:test'
import assert from 'node:assert/strict'
import { eventually, newSession, startNotifier } from './harness.mjs'
import { assignmentOf, enableOnly, epochsOf, outcomesOf, seeEachOther, servePages, stateOf } from './calls.mjs'

const notifier = await startNotifier()
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
