// Does everyone hear of the rung that the session is on, once, when it changes?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as h from './harness.mjs'

h.notifierForThisFile()

const GOOD = { rtt_ms: 20, loss: 0 }
const BAD = { rtt_ms: 20, loss: 16 } // two rungs down at once

const eventsOf = (channel) => channel.messages.map(({ event, payload }) => `${event} ${payload.rung}`)

// Two clients of two people in one session, each having heard its state.
async function twoInSession(kinds) {
  const session = h.newSession()
  await h.claim(session, 'alice')
  await h.claim(session, 'bob')
  const channels = []
  for (const kind of kinds) {
    const channel = await h.connect(kind).join(`session:${session}`)
    await h.eventually('the state is heard', () => channel.messages.length > 0)
    channels.push(channel)
  }
  return { session, channels }
}

for (const kind of Object.keys(h.clientKinds)) {
  test(`${kind}: one's bad connection lowers the rung of all, who hear of it once`, async () => {
    const { session, channels } = await twoInSession([h.newestKind, kind])

    await h.reportQuality(session, 1, 'bob', GOOD)
    const advice = await h.reportQuality(session, 1, 'alice', BAD)
    assert.equal(advice.session_rung, 360)
    for (const channel of channels) {
      await h.eventually('the rung is heard', () => eventsOf(channel).includes('quality-changed 360'))
    }

    // it stays: reports are answered, and nobody is told anything
    assert.equal((await h.reportQuality(session, 1, 'bob', GOOD)).session_rung, 360)
    assert.equal((await h.reportQuality(session, 1, 'alice', BAD)).session_rung, 360)

    // in a new epoch it is part of the state, which has its own name
    await h.switchProvider(session, 1)
    for (const channel of channels) {
      await h.eventually('the switch is heard', () => h.lastHeard(channel) === 2)
      assert.deepEqual(eventsOf(channel),
        ['provider-selected 720', 'quality-changed 360', 'coordinated-recovery 360'])
      const [selected, changed] = channel.messages.map(({ payload }) => payload)
      assert.deepEqual({ ...changed, version: 0, rung: 720 }, { ...selected, version: 0 })
      assert.ok(changed.version > selected.version)
    }
  })
}

test('who joins later gets the state with its rung, under its own name', async () => {
  const { session } = await twoInSession([h.newestKind])
  await h.reportQuality(session, 1, 'alice', BAD)
  const late = await h.connect(h.newestKind).join(`session:${session}`)
  await h.eventually('the state is heard', () => late.messages.length > 0)
  assert.deepEqual(eventsOf(late), ['provider-selected 360'])
})

test('a rung that was rolled back is told with the next report', async () => {
  const { session, channels: [channel] } = await twoInSession([h.newestKind])
  await assert.rejects(h.sql(
    `DO $$ BEGIN
       PERFORM harthio_report_quality('${session}', 1, '{"loss": 16}', 'alice');
       RAISE 'undone';
     END $$`), /undone/)
  await h.reportQuality(session, 1, 'bob', GOOD)
  await h.eventually('the rung is heard', () => eventsOf(channel).includes('quality-changed 360'))
})

test('all reports of a majority that is bad for long: one switch, heard once', async () => {
  const { session, channels } = await twoInSession([h.newestKind, h.newestKind])
  const at = (seconds, participant) => h.sql(
    `SELECT FROM set_config('harthio.clock_offset', $1, false),
       LATERAL harthio_report_quality($2, 1, '{"video_loss": 9}', $3)`,
    [String(seconds), session, participant])
  for (const seconds of [0, 5, 10]) {
    await Promise.all(['alice', 'bob'].map((participant) => at(seconds, participant)))
  }
  await Promise.all(['alice', 'bob'].map((participant) => at(15, participant)))
  await at(16, 'alice')
  for (const channel of channels) {
    await h.eventually('the switch is heard', () => h.lastHeard(channel) === 2)
    const recoveries = channel.messages.filter(({ event }) => event === 'coordinated-recovery')
    assert.equal(recoveries.length, 1)
    assert.equal(recoveries[0].payload.reason, 'degraded')
  }
})
