// Does everyone in a session hear its state, whatever client and topic it uses?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as h from './harness.mjs'

h.notifierForThisFile()

const { connect } = h

const topicsOf = (session) => [`session:${session}`, `provider-coord-${session}`, `p2p-session-${session}`]

for (const kind of Object.keys(h.clientKinds)) {
  test(`${kind}: hears selection, recovery and end on every topic`, async () => {
    const session = h.newSession()
    const client = connect(kind)
    const channels = await Promise.all(topicsOf(session).map((topic) => client.join(topic)))

    await h.claim(session)
    await h.fail(session, 1)
    await h.endSession(session)

    for (const channel of channels) {
      await h.eventually('the end is heard', () => h.lastHeard(channel) === 3)
      const events = channel.messages.map((message) => message.event)
      assert.equal(events.at(-1), 'session-ended')
      assert.ok(h.isAscending(h.epochsOf(channel)), JSON.stringify(channel.messages))
    }
  })

  test(`${kind}: who joins after a switch gets the current state, once`, async () => {
    const session = h.newSession()
    await h.claim(session)
    await h.fail(session, 1)
    const client = connect(kind)
    for (const topic of topicsOf(session)) {
      const channel = await client.join(topic)
      await h.eventually('the state is heard', () => channel.messages.length > 0)
      assert.deepEqual(h.epochsOf(channel), [2])
      assert.equal(channel.messages[0].event, 'coordinated-recovery')
    }
  })
}

test('payloads have the keys that clients count on', async () => {
  const session = h.newSession()
  const client = connect(h.newestKind)
  const channel = await client.join(`session:${session}`)

  await h.claim(session, 'alice')
  const selected = await h.eventually('selected', () => channel.messages.find((m) => m.event === 'provider-selected'))
  await h.fail(session, 1, 'alice')
  const recovered = await h.eventually('recovered', () => channel.messages.find((m) => m.event === 'coordinated-recovery'))
  await h.endSession(session)
  const ended = await h.eventually('ended', () => channel.messages.find((m) => m.event === 'session-ended'))

  const keys = ['sessionId', 'generation', 'epoch', 'version', 'provider', 'room', 'roomId',
    'reason', 'initiatedBy', 'timestamp', 'rung']
  assert.deepEqual(Object.keys(selected.payload).sort(), [...keys].sort())
  assert.deepEqual(Object.keys(recovered.payload).sort(), [...keys, 'failedProvider', 'newProvider'].sort())
  assert.equal(selected.type, 'broadcast')
  assert.equal(selected.payload.sessionId, session)
  assert.equal(selected.payload.initiatedBy, 'alice')
  assert.equal(recovered.payload.failedProvider, selected.payload.provider)
  assert.equal(recovered.payload.newProvider, recovered.payload.provider)
  assert.equal(ended.payload.provider, null)
  assert.equal(ended.payload.room, null)
  assert.equal(ended.payload.roomId, null)
})

test('who joined before and who joined after a switch end with the table', async () => {
  const session = h.newSession()
  const early = await connect(h.newestKind).join(`session:${session}`)
  let epoch = (await h.claim(session)).epoch
  const late = []
  for (let i = 0; i < 8; i++) {
    const joining = connect(h.newestKind).join(`session:${session}`)
    epoch = (await h.switchProvider(session, epoch)).epoch
    late.push(await joining)
  }
  const last = await h.lastEpoch(session)
  assert.equal(last, epoch)
  for (const channel of [early, ...late]) {
    await h.eventually('the last epoch is heard', () => h.lastHeard(channel) === last)
    assert.ok(h.isAscending(h.epochsOf(channel)), JSON.stringify(h.epochsOf(channel)))
  }
})

test('a session that does not exist is joined in silence', async () => {
  const channel = await connect(h.newestKind).join(`session:${h.newSession()}`)
  assert.deepEqual(channel.messages, [])
})

test('sessions are apart from one another', async () => {
  const [one, other] = [h.newSession(), h.newSession()]
  const client = connect(h.newestKind)
  const [first, second] = [await client.join(`session:${one}`), await client.join(`session:${other}`)]
  await h.claim(one)
  await h.eventually('the claim is heard', () => first.messages.length === 1)
  await h.claim(other)
  await h.eventually('the other claim is heard', () => second.messages.length === 1)
  assert.equal(first.messages.length, 1)
  assert.equal(second.messages[0].payload.sessionId, other)
})

test('leaving ends what is heard, and joining again brings the state', async () => {
  const session = h.newSession()
  const client = connect(h.newestKind)
  const witness = await connect(h.newestKind).join(`session:${session}`)
  const channel = await client.join(`session:${session}`)
  await h.claim(session)
  await h.eventually('the claim is heard', () => channel.messages.length === 1)
  await channel.leave()
  await h.switchProvider(session, 1)
  await h.eventually('the witness hears the switch', () => h.lastHeard(witness) === 2)
  assert.equal(h.lastHeard(channel), 1)
  const again = await client.join(`session:${session}`)
  await h.eventually('the state is heard', () => h.lastHeard(again) === 2)
})
