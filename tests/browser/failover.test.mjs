// When a provider dies in the middle of a call, do both go to the other one by
// themselves and see each other again?  The hosted one is Janus here.

import test from 'node:test'
import assert from 'node:assert/strict'
import { switchProvider } from '../notifier/harness.mjs'
import {
  blockPeerToPeer, eventually, journal, longestApart, openPeerConnections, startJanus,
} from './harness.mjs'
import { assignmentOf, enableOnly, epochsOf, seeEachOther, servePages, startCallNotifier } from './calls.mjs'

const notifier = await startCallNotifier()
const janus = await startJanus()
const demo = await servePages(notifier, { daily: { adapter: 'janus', url: janus.url }, p2p: { adapter: 'p2p' } })

// A call that begins there, whatever the scores are.
async function callOn(provider) {
  await enableOnly(provider)
  const started = await demo.call()
  await enableOnly('daily', 'p2p')
  return started
}

// Notes in the page when it heard of each epoch, and when a new stream was shown.
const watch = (page) => page.evaluate(() => {
  let epoch = session.assignment.epoch
  note('epoch', { epoch })
  session.addEventListener('remote-stream', () => note('shown', { epoch: session.assignment.epoch }))
  setInterval(() => {
    if (session.assignment.epoch !== epoch) note('epoch', { epoch: epoch = session.assignment.epoch })
  }, 5)
})

test('the hosted one is killed: both are peer-to-peer by themselves', async () => {
  const { call, pages } = await callOn('daily')
  await Promise.all(pages.map(watch))
  const killed = Date.now()
  await janus.kill()
  const journals = await Promise.all(pages.map((page) => eventually('a new picture is shown', async () => {
    const all = await journal(page)
    return all.some(({ what, epoch }) => what === 'shown' && epoch === 2) && all
  })))
  const { provider } = await seeEachOther(pages)
  assert.equal(provider, 'p2p')
  const shown = journals.map((all) => all.find(({ what, epoch }) => what === 'shown' && epoch === 2).at - killed)
  const apart = longestApart(...journals.map((all) => all.filter(({ what }) => what === 'epoch')))
  console.log(`# from kill to a new frame: ${shown.join(' and ')} ms; on different epochs for ${apart} ms at most`)
  assert.deepEqual((await epochsOf(call)).map(({ epoch, provider: on, reason }) => `${epoch} ${on} ${reason}`),
    ['1 daily claimed', '2 p2p failed'])
  await janus.start()
})

test('pages that do not reach each other meet on the hosted one', async () => {
  const { call, pages } = await callOn('p2p')
  const unblock = await blockPeerToPeer()
  await eventually('they are moved', async () => (await epochsOf(call)).length === 2)
  assert.equal((await seeEachOther(pages)).provider, 'daily')
  await unblock()
})

test('there and back, several times', async () => {
  const { call, pages } = await callOn('daily')
  for (const provider of ['p2p', 'daily', 'p2p', 'daily']) {
    const epochs = await epochsOf(call)
    await switchProvider(call, epochs.length)
    await eventually('both have heard', async () =>
      (await Promise.all(pages.map(assignmentOf))).every(({ epoch }) => epoch === epochs.length + 1))
    assert.equal((await seeEachOther(pages)).provider, provider)
  }
  assert.equal((await epochsOf(call)).length, 5)
  for (const page of pages) await eventually('the old ones are closed', async () => await openPeerConnections(page) === 2)
})
