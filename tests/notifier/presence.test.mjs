// Do all see who is there, and each change of it once?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started })

const { connect, raw } = h

const newTopic = () => `room:${randomUUID()}`
const wanted = { config: { presence: { key: 'watcher', enabled: true } } }

const isDiff = (frame) => frame[3] === 'presence_diff'
const isState = (frame) => frame[3] === 'presence_state'

// A bare client that is in the topic with presence on; its state is `state`.
async function watcher(topic, options = {}, payload = wanted) {
  const client = await raw(options)
  assert.equal((await client.join(`realtime:${topic}`, payload)).status, 'ok')
  client.topic = `realtime:${topic}`
  client.refs = 1
  client.call = async (event, payload) => {
    const ref = `${++client.refs}`
    client.send('1', ref, client.topic, 'presence', { type: 'presence', event, payload })
    return (await client.reply(ref))[4]
  }
  return client
}

const ok = { status: 'ok', response: {} }
const metasOf = (side) => Object.fromEntries(Object.entries(side).map(([key, { metas }]) =>
  [key, metas.map(({ phx_ref, phx_ref_prev, ...meta }) => meta)]))

for (const kind of Object.keys(h.clientKinds)) {
  test(`${kind}: track, update and untrack are seen by all kinds of client`, async () => {
    const topic = newTopic()
    const others = await Promise.all(Object.keys(h.clientKinds).map((other, i) =>
      connect(other).join(topic, { key: `other-${i}` })))
    const channel = await connect(kind).join(topic, { key: 'alice' })
    const all = [channel, ...others]
    const seenByAll = (expected) => Promise.all(all.map((one) =>
      h.eventually(`${JSON.stringify(expected)} is seen`, () =>
        JSON.stringify(one.present()) === JSON.stringify(expected))))

    assert.equal(await channel.track({ status: 'here', n: 1 }), 'ok')
    await seenByAll({ alice: [{ status: 'here', n: 1 }] })
    assert.equal(await channel.track({ status: 'away' }), 'ok')
    await seenByAll({ alice: [{ status: 'away' }] })
    const late = await connect(h.newestKind).join(topic, { key: 'late' })
    await h.eventually('who comes late sees it', () => late.present().alice?.[0].status === 'away')
    assert.equal(await channel.untrack(), 'ok')
    await seenByAll({})
    for (const one of others) {
      assert.deepEqual(one.presences.filter((p) => p.event !== 'sync').map((p) => `${p.event} ${p.key}`),
        ['join alice', 'join alice', 'leave alice', 'leave alice'])
    }
  })

  test(`${kind}: who leaves, or is gone, is seen to be gone`, async () => {
    const topic = newTopic()
    const witness = await connect(h.newestKind).join(topic, { key: 'witness' })
    const client = connect(kind)
    const leaving = await client.join(topic, { key: 'leaving' })
    const gone = connect(kind)
    const dying = await gone.join(topic, { key: 'dying' })
    await leaving.track({ a: 1 })
    await dying.track({ b: 1 })
    await h.eventually('both are seen', () => Object.keys(witness.present()).length === 2)
    await leaving.leave()
    await h.eventually('one has left', () => Object.keys(witness.present()).join() === 'dying')
    gone.close()
    await h.eventually('nobody is left', () => Object.keys(witness.present()).length === 0)
  })
}

test('the join is answered, then the state comes, even if nobody is there', async () => {
  const client = await raw()
  const topic = `realtime:${newTopic()}`
  client.send('7', '7', topic, 'phx_join', wanted)
  const state = await client.frame('the state', (frame) => isState(frame))
  assert.deepEqual(state, ['7', null, topic, 'presence_state', {}])
  client.send('8', '8', topic, 'phx_join', wanted)
  const frames = await h.eventually('four frames', () => client.frames.length >= 3 && client.frames)
  assert.deepEqual(frames.map((f) => f[3]), ['phx_close', 'phx_reply', 'presence_state'])
  assert.equal(frames[2][0], '8', 'again after each join')
})

test('the same in serializer 1.0.0', async () => {
  const client = await raw({ vsn: '1.0.0' })
  const topic = `realtime:${newTopic()}`
  const send = (ref, event, payload) =>
    client.ws.send(JSON.stringify({ topic, event, payload, ref, join_ref: '1' }))
  send('1', 'phx_join', wanted)
  assert.deepEqual(await client.frame('the state', (f) => f.event === 'presence_state'),
    { ref: null, topic, event: 'presence_state', payload: {} })
  send('2', 'presence', { event: 'track', payload: { a: 1 } })
  const diff = await client.frame('the diff', (f) => f.event === 'presence_diff')
  assert.deepEqual({ ...diff, payload: metasOf(diff.payload.joins) },
    { ref: null, topic, event: 'presence_diff', payload: { watcher: [{ a: 1 }] } })
  await client.frame('the reply', (f) => f.ref === '2')
})

test('the diff comes first, then the reply', async () => {
  const client = await watcher(newTopic())
  client.send('1', '2', client.topic, 'presence', { type: 'presence', event: 'track', payload: { a: 1 } })
  await client.frame('the state', isState)
  await h.eventually('both', () => client.frames.length === 2)
  assert.deepEqual(client.frames.map((f) => f[3]), ['presence_diff', 'phx_reply'])
  assert.deepEqual(client.frames[0].slice(0, 3), [null, null, client.topic])
  assert.deepEqual(client.frames[1], ['1', '2', client.topic, 'phx_reply', ok])
})

test('an update is one diff, whose references tell the old meta from the new', async () => {
  const client = await watcher(newTopic())
  await client.frame('the state', isState)
  client.send('1', '2', client.topic, 'presence', { event: 'track', payload: { status: 'here' } })
  const first = (await client.frame('the first', isDiff))[4]
  await client.reply('2')
  client.send('1', '3', client.topic, 'presence', { event: 'TRACK', payload: { status: 'away' } })
  const second = (await client.frame('the second', isDiff))[4]
  const [old] = first.joins.watcher.metas
  const [now] = second.joins.watcher.metas
  assert.deepEqual(first, { joins: { watcher: { metas: [{ status: 'here', phx_ref: old.phx_ref }] } }, leaves: {} })
  assert.notEqual(now.phx_ref, old.phx_ref)
  assert.deepEqual(second, {
    joins: { watcher: { metas: [{ status: 'away', phx_ref: now.phx_ref, phx_ref_prev: old.phx_ref }] } },
    leaves: { watcher: { metas: [{ status: 'here', phx_ref: old.phx_ref }] } } })
  client.send('1', '4', client.topic, 'presence', { event: 'untrack' })
  assert.deepEqual((await client.frame('the third', isDiff))[4],
    { joins: {}, leaves: { watcher: { metas: [{ status: 'away', phx_ref: now.phx_ref }] } } })
  const late = await watcher(client.topic.slice('realtime:'.length))
  assert.deepEqual((await late.frame('the state', isState))[4], {})
})

test('tracking the same again is answered, and told to nobody', async () => {
  const client = await watcher(newTopic())
  await client.call('track', { a: 1 })
  assert.deepEqual(await client.call('track', { a: 1 }), ok)
  assert.deepEqual(await client.call('untrack'), ok)
  assert.deepEqual(await client.call('untrack'), ok)
  client.frames.length = 0
  assert.deepEqual(await client.call('untrack'), ok)
  assert.deepEqual(client.frames, [])
})

test('two under one key are two metas of it, and one can go', async () => {
  const topic = newTopic()
  const [one, two] = [await watcher(topic), await watcher(topic)]
  await one.call('track', { n: 1 })
  await two.call('track', { n: 2 })
  const late = await watcher(topic)
  const state = (await late.frame('the state', isState))[4]
  assert.deepEqual(metasOf(state).watcher.map((meta) => meta.n).sort(), [1, 2])
  one.close()
  const diff = (await late.frame('the diff', isDiff))[4]
  assert.deepEqual(metasOf(diff.leaves), { watcher: [{ n: 1 }] })
  assert.deepEqual(diff.joins, {})
})

test('what happens in one turn makes one diff, and each call has its answer', async () => {
  const topic = newTopic()
  const watching = await watcher(topic)
  const client = await watcher(topic, {}, { config: { presence: { key: 'busy' } } })
  await watching.frame('the state', isState)
  // In one write, so that they are read in one turn.
  const socket = client.ws._socket
  socket.cork()
  for (let n = 1; n <= 20; n++) {
    client.send('1', `t${n}`, client.topic, 'presence', { event: 'track', payload: { n } })
  }
  socket.uncork()
  for (let n = 1; n <= 20; n++) assert.deepEqual((await client.reply(`t${n}`))[4], ok)
  const diffs = []
  await h.eventually('the last', async () => {
    const frame = await watching.frame('a diff', isDiff)
    diffs.push(frame[4])
    return metasOf(frame[4].joins).busy?.[0].n === 20
  })
  assert.ok(diffs.length < 20, `${diffs.length} diffs`)
})

test('what is given and taken back in one turn was never there', async () => {
  const topic = newTopic()
  const watching = await watcher(topic)
  await watching.frame('the state', isState)
  const client = await watcher(topic)
  const both = [['2', 'track'], ['3', 'untrack']].map(([ref, event]) => {
    const text = Buffer.from(JSON.stringify(['1', ref, client.topic, 'presence', { event, payload: {} }]))
    return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text])
  })
  client.ws._socket.write(Buffer.concat(both))
  await client.reply('3')
  await watching.heartbeat()
  assert.ok(!watching.frames.some(isDiff), JSON.stringify(watching.frames))
})

test('a client of an old version need not say that it wants presence', async () => {
  for (const [presence, heard] of [[{ key: 'a' }, true], [{}, true], [{ key: 'a', enabled: 'TRUE' }, true],
    [{ key: 'a', enabled: false }, false], [{ enabled: null }, false], [undefined, false], [null, false], [5, false]]) {
    const client = await watcher(newTopic(), {}, { config: { presence } })
    await client.heartbeat()
    assert.equal(client.frames.some(isState), heard, JSON.stringify(presence))
  }
})

test('without presence one hears no diffs, but may track, and then hears all', async () => {
  const topic = newTopic()
  const deaf = await watcher(topic, {}, { config: { presence: { key: 'deaf', enabled: false } } })
  const client = await watcher(topic)
  await client.call('track', { a: 1 })
  await deaf.heartbeat()
  assert.deepEqual(deaf.frames, [])
  deaf.send('1', '2', deaf.topic, 'presence', { event: 'track', payload: { b: 1 } })
  await h.eventually('three frames', () => deaf.frames.length === 3)
  assert.deepEqual(deaf.frames.map((f) => f[3]), ['presence_state', 'presence_diff', 'phx_reply'])
  assert.deepEqual(metasOf(deaf.frames[0][4]), { watcher: [{ a: 1 }] })
})

test('a key that is missing or empty is made, and a number is one', async () => {
  const topic = newTopic()
  const keys = []
  for (const presence of [{}, { key: '' }, { key: null }, { key: 7 }]) {
    const client = await watcher(topic, {}, { config: { presence } })
    client.send('1', '2', client.topic, 'presence', { event: 'track', payload: {} })
    // Those of other threads may only now be heard of.
    const present = (frame) => isDiff(frame) ? frame[4].joins : isState(frame) ? frame[4] : {}
    const news = (frame) => Object.keys(present(frame)).filter((key) => !keys.includes(key))
    keys.push(...news(await client.frame('its own', (frame) => news(frame).length > 0)))
  }
  assert.equal(new Set(keys).size, 4)
  for (const key of keys.slice(0, 3)) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(keys[3], '7')
})

test('references are the server\'s to give, and all else is passed on byte for byte', async () => {
  const client = await watcher(newTopic())
  client.ws.send(`["1","2","${client.topic}","presence",{"event":"track","payload":` +
    '{"phx_ref":"mine", "phx_ref\\u005fprev":1,"n" : 1.0000000000000000001e0,"s":"\\u00e9","phx_ref_prev":[]}}]')
  const heard = []
  client.ws.on('message', (data) => heard.push(data.toString()))
  await client.reply('2')
  const text = heard.find((t) => t.includes('presence_diff'))
  assert.match(text, /\{"metas":\[\{"n":1\.0000000000000000001e0,"s":"\\u00e9","phx_ref":"[0-9a-f]{8}-[0-9a-f]+"\}\]\}/)
})

test('what is not an object, or not track or untrack, is refused', async () => {
  const client = await watcher(newTopic())
  for (const payload of [null, 5, 'x', [], true]) {
    assert.deepEqual(await client.call('track', payload),
      { status: 'error', response: { reason: 'Presence track payload must be a map' } }, JSON.stringify(payload))
  }
  for (const event of ['', 'tracked', 5, null, {}]) {
    assert.deepEqual(await client.call(event, {}), { status: 'error', response: {} }, JSON.stringify(event))
  }
  for (const [i, payload] of [null, 5, [], {}].entries()) {
    client.send('1', `p${i}`, client.topic, 'presence', payload)
    assert.deepEqual((await client.reply(`p${i}`))[4], { status: 'error', response: {} })
  }
  assert.deepEqual(await client.call('track'), ok, 'no payload is an empty one')
})

test('a key that every object has would make the others throw, so nobody gets in with it', async () => {
  const topic = newTopic()
  const witnesses = await Promise.all(Object.keys(h.clientKinds).map((kind) =>
    connect(kind).join(topic, { key: 'w' })))
  const names = Object.getOwnPropertyNames(Object.prototype)
  for (const [i, key] of [...names, 'ids', 'x'.repeat(256)].entries()) {
    const client = await raw()
    const { status, response } = await client.join(`realtime:${topic}`, { config: { presence: { key } } }, `${i}`)
    assert.equal(status, 'error', key)
    assert.match(response.reason, /^PresenceKeyInvalid: /)
  }
  const others = ['type', 'event', 'payload', 'data', 'schema', 'status', 'response', 'metas', 'joins', 'leaves', '*', '0', '\u0001"\\']
  for (const key of others) {
    const client = await watcher(topic, {}, { config: { presence: { key } } })
    await client.call('track', Object.fromEntries([...names, ...others, 'ids', 'presence_ref'].map((name) => [name, 1])))
  }
  const seen = (channel) => h.eventually('the others are seen', () =>
    Object.keys(channel.present()).sort().join() === others.toSorted().join())
  for (const witness of witnesses) await seen(witness)
  const late = await Promise.all(Object.keys(h.clientKinds).map((kind) => connect(kind).join(topic, { key: 'l' })))
  for (const channel of late) await seen(channel)
})

test('a session\'s topics have presence too, each its own', async () => {
  const session = h.newSession()
  const one = await watcher(`session:${session}`)
  const two = await watcher(`p2p-session-${session}`)
  await one.call('track', { a: 1 })
  await two.heartbeat()
  assert.ok(!two.frames.some(isDiff))
})

test('who is in many rooms and dies is gone from each', async () => {
  const topics = [...Array(20).keys()].map(() => newTopic())
  const witness = await raw()
  const client = await raw()
  for (const [i, topic] of topics.entries()) {
    await witness.join(`realtime:${topic}`, wanted, `w${i}`)
    await client.join(`realtime:${topic}`, wanted, `c${i}`)
    client.send(`c${i}`, `t${i}`, `realtime:${topic}`, 'presence', { event: 'track', payload: { i } })
    await client.reply(`t${i}`)
  }
  // Who comes and goes between two diffs is never told of.
  await witness.frame('the last join', (frame) => isDiff(frame) && frame[2] === `realtime:${topics.at(-1)}`)
  client.close()
  const left = new Set()
  while (left.size < topics.length) left.add((await witness.frame('a leave', isDiff))[2])
})
