// Do clients hear what other clients send, as the protocol promises?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import * as h from './harness.mjs'

h.notifierForThisFile()

const { connect, raw } = h

const newTopic = () => `room:${randomUUID()}`

for (const sender of Object.keys(h.clientKinds)) {
  test(`what ${sender} sends is heard by all kinds of client`, async () => {
    const topic = newTopic()
    const from = await connect(sender).join(topic, { broadcast: { ack: true } })
    const listeners = await Promise.all(Object.keys(h.clientKinds).map((kind) => connect(kind).join(topic)))
    const payload = { text: 'grüß "dich" \u2028 🎥', n: 1, nested: [{ a: null }] }
    assert.equal(await from.send('shout', payload), 'ok')
    for (const listener of listeners) {
      await h.eventually('it is heard', () => listener.messages.length > 0)
      assert.deepEqual(listener.messages, [{ type: 'broadcast', event: 'shout', payload }])
    }
    assert.deepEqual(from.messages, [], 'self is off')
  })

  test(`${sender}: self hears itself`, async () => {
    const channel = await connect(sender).join(newTopic(), { broadcast: { self: true } })
    channel.send('echo', { n: 1 })
    await h.eventually('the echo', () => channel.messages.length === 1)
    assert.deepEqual(channel.messages[0].payload, { n: 1 })
  })
}

test('clients can talk in a session, each spelling of its topic a room of its own', async () => {
  const session = h.newSession()
  const [a, b, c] = [connect(h.newestKind), connect(h.newestKind), connect(h.newestKind)]
  const [one, two] = [await a.join(`session:${session}`, { broadcast: { ack: true } }), await b.join(`session:${session}`)]
  const elsewhere = await c.join(`p2p-session-${session}`)
  assert.equal(await one.send('ice', { candidate: 'x' }), 'ok')
  await h.eventually('it is heard', () => two.messages.length === 1)
  await h.claim(session)
  await h.eventually('the state is heard everywhere', () => h.lastHeard(elsewhere) === 1)
  assert.deepEqual(elsewhere.messages.map((m) => m.event), ['provider-selected'])
})

test("nobody can speak for the server in a session, on none of its topics", async () => {
  const session = h.newSession()
  for (const topic of [`session:${session}`, `provider-coord-${session}`, `p2p-session-${session}`]) {
    const forger = await connect(h.newestKind).join(topic, { broadcast: { ack: true } })
    const listener = await connect(h.newestKind).join(topic)
    for (const event of ['provider-selected', 'coordinated-recovery', 'session-ended', 'quality-changed'])
      assert.equal(await forger.send(event, { sessionId: session, epoch: 9, provider: 'mine' }), 'error', event)
    // realtime-js sends bytes in another kind of frame
    assert.equal(await forger.send('session-ended', new Uint8Array([1]).buffer), 'error')
    assert.equal(await forger.send('chat', { text: 'hello' }), 'ok')
    await h.eventually('what came after is heard', () => listener.messages.length > 0)
    assert.deepEqual(listener.messages.map((m) => m.event), ['chat'])
  }
})

test('elsewhere these are events like others', async () => {
  const topic = newTopic()
  const from = await connect(h.newestKind).join(topic, { broadcast: { ack: true } })
  assert.equal(await from.send('session-ended', {}), 'ok')
})

test('opaque bytes reach realtime-js and nobody else', async () => {
  const topic = newTopic()
  const sender = await connect(h.newestKind).join(topic, { broadcast: { ack: true } })
  const receiver = await connect(h.newestKind).join(topic)
  const old = await connect('supabase-js 2.39.8').join(topic)
  const plain = await raw()
  assert.equal((await plain.join(`realtime:${topic}`)).status, 'ok')
  const bytes = new Uint8Array([1, 2, 255, 0, 3])
  assert.equal(await sender.send('bin', bytes.buffer), 'ok')
  const heard = await h.eventually('the bytes are heard', () => receiver.messages[0])
  assert.equal(heard.event, 'bin')
  assert.deepEqual(new Uint8Array(heard.payload), bytes)
  // What is sent later is heard later, so nothing is on its way any more.
  assert.equal(await sender.send('text', {}), 'ok')
  await h.eventually('the text is heard', () => old.messages.length === 1)
  assert.deepEqual(old.messages.map((m) => m.event), ['text'])
  const first = await plain.frame('a broadcast', (frame) => Buffer.isBuffer(frame) || frame[3] === 'broadcast')
  assert.equal(first[4]?.event, 'text')
})

test('a text payload is passed on byte for byte', async () => {
  const topic = `realtime:${newTopic()}`
  const [sender, receiver] = [await raw(), await raw()]
  await sender.join(topic)
  await receiver.join(topic)
  const heard = []
  receiver.ws.on('message', (data) => heard.push(data.toString()))
  const payload = '{ "event" :"e","n":1.0000000000000000001e0,  "dup":1,"dup":2, "s":"\\u00e9\\/" }'
  sender.ws.send(`["1","2","${topic}","broadcast",${payload}]`)
  await h.eventually('it is heard', () => heard.length === 1)
  assert.equal(heard[0], `[null,null,"${topic}","broadcast",${payload}]`)
})

test('a large message of many frames arrives whole', async () => {
  const topic = newTopic()
  const sender = await connect(h.newestKind).join(topic, { broadcast: { ack: true } })
  const receiver = await connect('supabase-js 2.39.8').join(topic)
  const text = 'x'.repeat(3_000_000)
  assert.equal(await sender.send('big', { text }), 'ok')
  await h.eventually('it is heard', () => receiver.messages.length === 1)
  assert.equal(receiver.messages[0].payload.text, text)
})

test('many messages arrive in order', async () => {
  const topic = newTopic()
  const sender = await connect(h.newestKind).join(topic)
  const receivers = await Promise.all(Object.keys(h.clientKinds).map((kind) => connect(kind).join(topic)))
  for (let n = 0; n < 1000; n++) sender.send('n', { n })
  for (const receiver of receivers) {
    await h.eventually('all are heard', () => receiver.messages.length === 1000)
    assert.deepEqual(receiver.messages.map((m) => m.payload.n), [...Array(1000).keys()])
  }
})

test('row changes are echoed, and refused without breaking the channel', async () => {
  const client = connect(h.newestKind)
  const channel = client.client.channel(newTopic())
  const statuses = []
  const system = []
  channel.on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'a', filter: 'id=eq.1' }, () => {})
  channel.on('postgres_changes', { event: '*', schema: 'public' }, () => {})
  channel.on('system', {}, (message) => system.push(message))
  channel.subscribe((status, error) => statuses.push(status, error?.message))
  await h.eventually('the system message', () => system.length === 1)
  assert.deepEqual(statuses, ['SUBSCRIBED', undefined])
  assert.equal(system[0].extension, 'postgres_changes')
  assert.equal(system[0].status, 'error')
})

test('booleans as text are understood', async () => {
  const client = await raw()
  const topic = `realtime:${newTopic()}`
  await client.join(topic, { config: { broadcast: { ack: 'TRUE', self: 'true' } } })
  client.send('1', '2', topic, 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
  await client.frame('the echo', (frame) => frame[3] === 'broadcast')
  assert.deepEqual((await client.reply('2'))[4], { status: 'ok', response: {} })
})
