// Is too much refused, told to whom it concerns, counted, and harmless to others?

import { test, afterEach } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import * as h from './harness.mjs'
import { PING, PONG, WireClient } from './wire.mjs'

const { Notifier, RawClient } = h

// Each has connections to the database: those of all tests would be too many.
const started = []
afterEach(async () => {
  for (const { notifier, clients } of started.splice(0)) {
    for (const client of clients) client.close()
    await notifier.stop()
  }
})

// A notifier with these options, and raw(), which connects to it.
async function limited(...args) {
  const notifier = await Notifier.start({ args })
  const clients = []
  started.push({ notifier, clients })
  const raw = async (options = {}) => {
    const client = await RawClient.connect(notifier, { apikey: notifier.token(), ...options })
    clients.push(client)
    return client
  }
  return { notifier, raw, clients }
}

const newTopic = () => `realtime:room-${randomUUID()}`
const refused = (reason) => ({ status: 'error', response: { reason } })
const broadcast = (payload = {}) => ({ type: 'broadcast', event: 'e', payload })
const presence = { config: { presence: { key: 'k' } } }

const counted = (notifier, limit) => notifier.logged(new RegExp(`event=refused limit=${limit}$`))

// Sends `count` numbered messages at once; resolves to how many were answered with what.
async function flood(client, count, send) {
  for (let i = 0; i < count; i++) send(`f${i}`)
  const isReply = (f) => f[3] === 'phx_reply' && /^f\d+$/.test(f[1])
  await h.eventually('all answers', () => client.frames.filter(isReply).length === count)
  const tally = {}
  for (const { status, response } of client.frames.filter(isReply).map((f) => f[4])) {
    const key = status === 'ok' ? 'ok' : response.reason
    tally[key] = (tally[key] ?? 0) + 1
  }
  return tally
}

// A burst is twice the rate; what the clock adds in between is not much.
function assertBurst(tally, rate, reason) {
  assert.deepEqual(Object.keys(tally).sort(), [reason, 'ok'].sort())
  assert.ok(tally.ok >= 2 * rate && tally.ok < 3 * rate, `${tally.ok} of a burst of ${2 * rate}`)
}

test('messages per second of one connection', async () => {
  const { notifier, raw } = await limited('--max-messages', '50')
  const [client, witness] = [await raw(), await raw()]
  const topic = newTopic()
  await client.join(topic, { config: { broadcast: { ack: true } } })
  await witness.join(topic)
  const tally = await flood(client, 190, (ref) => client.send('1', ref, topic, 'broadcast', broadcast()))
  assertBurst(tally, 50, 'Too many messages per second')
  await witness.heartbeat()
  await counted(notifier, 'messages')
  client.send('1', 'leave', topic, 'phx_leave', {})
  assert.equal((await client.reply('leave'))[4].status, 'ok', 'leaving is always possible')
  witness.send('1', 'w', topic, 'broadcast', broadcast())
  await h.eventually('it is open again', async () => (await client.join(topic, {}, randomUUID())).status === 'ok')
  client.close()
  const closed = await notifier.logged(/event=closed .* refused=(\d+)/)
  assert.equal(Number(closed[1]), tally['Too many messages per second'])
})

test('what was refused is not heard, and the rate is given back with time', async () => {
  const { raw } = await limited('--max-messages', '20')
  const [client, witness] = [await raw(), await raw()]
  const topic = newTopic()
  await client.join(topic, { config: { broadcast: { ack: true } } })
  await witness.join(topic)
  const heard = []
  witness.ws.on('message', (data) => { if (data.includes('"broadcast"')) heard.push(data) })
  const tally = await flood(client, 100, (ref) => client.send('1', ref, topic, 'broadcast', broadcast()))
  await witness.heartbeat()
  assert.equal(heard.length, tally.ok)
  let ref = 0
  await h.eventually('one more is let through', async () => {
    client.send('1', `again${++ref}`, topic, 'broadcast', broadcast())
    return (await client.reply(`again${ref}`))[4].status === 'ok'
  })
})

test('messages per second in all', async () => {
  const { raw } = await limited('--max-total-messages', '50', '--max-messages', '0')
  const topic = newTopic()
  const clients = [await raw(), await raw()]
  for (const client of clients) await client.join(topic, { config: { broadcast: { ack: true } } })
  const tallies = await Promise.all(clients.map((client) =>
    flood(client, 150, (ref) => client.send('1', ref, topic, 'broadcast', broadcast()))))
  const ok = tallies.reduce((sum, tally) => sum + (tally.ok ?? 0), 0)
  assert.ok(ok >= 100 && ok < 200, `${ok}`)
})

test('heartbeats are answered whatever the rates, or the client would leave', async () => {
  const { raw } = await limited('--max-messages', '1', '--max-total-messages', '1')
  const client = await raw()
  const topic = newTopic()
  await client.join(topic)
  const tally = await flood(client, 100, (ref) => client.send('1', ref, topic, 'nonsense', {}))
  assert.ok(tally['Too many messages per second'] > 0)
  for (let i = 0; i < 50; i++) await client.heartbeat()
})

test('a broadcast by HTTP is told what is left of the rate, if there is one', async () => {
  const post = async (notifier, messages) => {
    const response = await fetch(`${notifier.httpUrl}/api/broadcast`, { method: 'POST',
      headers: { authorization: `Bearer ${notifier.token()}` }, body: JSON.stringify({ messages }) })
    const number = (name) => response.headers.has(name) ? Number(response.headers.get(name)) : undefined
    return [response.status, number('x-rate-limit'), number('x-rate-rolling'), number('x-rate-limit-remaining')]
  }
  const messages = (count) => Array(count).fill({ topic: 'room', event: 'e', payload: {} })
  const { notifier } = await limited('--max-total-messages', '20')
  const [status, limit, used, left] = await post(notifier, messages(12))
  assert.deepEqual([status, limit, used, left], [202, 20, 12, 8])
  const [refusedStatus, , usedThen] = await post(notifier, messages(40))
  assert.equal(refusedStatus, 429)
  assert.ok(usedThen <= 12)
  const free = await limited()
  assert.deepEqual(await post(free.notifier, messages(1)), [202, undefined, undefined, undefined])
})

test('who goes on asking for too much is read no faster than it may be told so', async () => {
  const { notifier, raw } = await limited('--max-messages', '100', '--internal-listen', '127.0.0.1:0')
  const [client, witness] = [await raw(), await raw()]
  const topic = newTopic()
  const send = (each) => (ref) => each.send('1', ref, topic, 'broadcast', broadcast())
  for (const each of [client, witness]) await each.join(topic, { config: { broadcast: { ack: true } } })
  await flood(witness, 390, send(witness))
  assert.equal(await notifier.metric('rests_total'), 0, 'a burst of refusals is borne')
  const answered = flood(client, 800, send(client))
  await h.eventually('it rests', async () => await notifier.metric('rests_total') > 0)
  await witness.heartbeat()
  const tally = await answered
  assert.equal(tally.ok + tally['Too many messages per second'], 800, 'all is answered in the end')
  assert.ok(tally.ok > 400, `${tally.ok} were good, as the others waited`)
  assert.ok(await notifier.metric('rests_total') > 1, 'and it rests again')
  await client.heartbeat()
})

test('one who rests is heard when it goes', async () => {
  const { notifier, raw } = await limited('--max-messages', '10', '--internal-listen', '127.0.0.1:0')
  const client = await raw()
  const topic = newTopic()
  await client.join(topic)
  for (let i = 0; i < 200; i++) client.send('1', `f${i}`, topic, 'broadcast', broadcast())
  client.ws.close(1000)
  assert.equal((await client.closed).code, 1000)
  await notifier.logged(/event=closed code=1000 .* messages_in=201 /)
})

test('joins per second of one connection and in all', async () => {
  const one = await limited('--max-joins', '20', '--max-channels', '1000')
  const client = await one.raw()
  const tally = await flood(client, 75, (ref) => client.send(ref, ref, newTopic(), 'phx_join', {}))
  assertBurst(tally, 20, 'ClientJoinRateLimitReached: Too many joins per second')
  await counted(one.notifier, 'joins')
  const other = await one.raw()
  assert.equal((await other.join(newTopic())).status, 'ok')

  const all = await limited('--max-total-joins', '20', '--max-joins', '0', '--max-channels', '1000')
  const clients = [await all.raw(), await all.raw()]
  const tallies = await Promise.all(clients.map((c) => flood(c, 60, (ref) => c.send(ref, ref, newTopic(), 'phx_join', {}))))
  const ok = tallies.reduce((sum, t) => sum + (t.ok ?? 0), 0)
  assert.ok(ok >= 40 && ok < 80, `${ok}`)
})

test('presence calls per second', async () => {
  const { notifier, raw } = await limited('--max-presence-calls', '10')
  const client = await raw()
  const topic = newTopic()
  await client.join(topic, presence)
  let n = 0
  const tally = await flood(client, 38, (ref) =>
    client.send('1', ref, topic, 'presence', { event: 'track', payload: { n: n++ } }))
  assertBurst(tally, 10, 'Client presence rate limit exceeded')
  await counted(notifier, 'presence_calls')
  client.send('1', 'b', topic, 'broadcast', broadcast())
  await client.heartbeat()
})

test('how large a presence is, and how many there are', async () => {
  const { notifier, raw } = await limited('--max-presence-bytes', '100', '--max-presences', '2')
  const topic = newTopic()
  const clients = [await raw(), await raw(), await raw()]
  for (const client of clients) await client.join(topic, presence)
  const track = async (client, ref, payload) => {
    client.send('1', ref, topic, 'presence', { event: 'track', payload })
    return (await client.reply(ref))[4]
  }
  assert.deepEqual(await track(clients[0], 'a', { x: 'x'.repeat(93) }), refused('Track message size exceeded'))
  assert.equal((await track(clients[0], 'b', { x: 'x'.repeat(92) })).status, 'ok')
  assert.equal((await track(clients[1], 'c', {})).status, 'ok')
  assert.deepEqual(await track(clients[2], 'd', {}), refused('Too many are present in this topic'))
  assert.equal((await track(clients[1], 'e', { now: 1 })).status, 'ok', 'who is in may change')
  clients[0].close()
  await h.eventually('there is room again', async () => (await track(clients[2], randomUUID(), {})).status === 'ok')
  await counted(notifier, 'presence_bytes')
  await counted(notifier, 'presences')
})

test('how large a payload is: the sender is told, and stays', async () => {
  const { notifier, raw } = await limited('--max-payload-bytes', '1000')
  const topic = newTopic()
  const [client, witness] = [await raw(), await raw()]
  await client.join(topic, { config: { broadcast: { ack: true } } })
  await witness.join(topic)
  const payload = (size) => ({ ...broadcast(), payload: 'x'.repeat(size - JSON.stringify({ ...broadcast(), payload: '' }).length) })
  client.send('1', '2', topic, 'broadcast', payload(1001))
  assert.deepEqual((await client.reply('2'))[4], { status: 'error', response: 'payload_size_exceeded' })
  client.ws.send(h.kind3({ joinRef: '1', ref: '3', topic, event: 'e', encoding: 0, payload: Buffer.alloc(1001) }))
  assert.deepEqual((await client.reply('3'))[4], { status: 'error', response: 'payload_size_exceeded' })
  client.send('1', '4', topic, 'broadcast', payload(1000))
  assert.equal((await client.reply('4'))[4].status, 'ok')
  await witness.frame('the one that is small enough', (f) => f[3] === 'broadcast')
  await counted(notifier, 'payload_bytes')
})

test('channels of one connection', async () => {
  const { notifier, raw } = await limited('--max-channels', '3')
  const client = await raw()
  for (const ref of ['1', '2', '3']) assert.equal((await client.join(newTopic(), {}, ref)).status, 'ok')
  assert.deepEqual(await client.join(newTopic(), {}, '4'), refused('ChannelRateLimitReached: Too many channels'))
  await counted(notifier, 'channels')
})

test('connections in all, and of one address', async () => {
  for (const option of ['--max-connections', '--max-connections-per-address']) {
    const { notifier, raw } = await limited(option, '2')
    const [one] = [await raw(), await raw()]
    await assert.rejects(raw(), { status: 429 })
    one.close()
    const next = await h.eventually('there is room again', () => raw())
    await next.heartbeat()
  }
})

test('connections of one subject: the join is refused, the others stay', async () => {
  const { notifier, raw } = await limited('--max-connections-per-subject', '2')
  const apikey = notifier.token({ sub: 'alice' })
  const clients = [await raw({ apikey }), await raw({ apikey }), await raw({ apikey })]
  assert.equal((await clients[0].join(newTopic())).status, 'ok')
  assert.equal((await clients[0].join(newTopic(), {}, '2')).status, 'ok', 'two channels are one connection')
  assert.equal((await clients[1].join(newTopic())).status, 'ok')
  assert.deepEqual(await clients[2].join(newTopic()), refused('ConnectionRateLimitReached: Too many connected users'))
  assert.equal((await (await raw()).join(newTopic())).status, 'ok', 'another subject')
  for (let i = 0; i < 4; i++) {
    const anonymous = await raw({ apikey: notifier.token({ sub: undefined }) })
    assert.equal((await anonymous.join(newTopic())).status, 'ok', 'who has no subject is not counted')
  }
  await counted(notifier, 'connections_per_subject')
  clients[0].close()
  await h.eventually('there is room again', async () => (await clients[2].join(newTopic(), {}, randomUUID())).status === 'ok')
})

test('a queue in messages and in bytes: the slow reader is closed, and harms nobody', async () => {
  for (const [args, size] of [[['--max-queue-messages', '50'], 20_000], [['--max-queue-bytes', '65536'], 50_000]]) {
    const { notifier, raw } = await limited(...args, '--max-messages', '0')
    const topic = newTopic()
    const [sender, witness, slow] = [await raw(), await raw(), await raw()]
    for (const client of [sender, witness, slow]) await client.join(topic)
    slow.ws._socket.pause()
    const closed = notifier.logged(/event=closed code=1013 reason="client reads too slowly"/)
    let over = false
    closed.then(() => { over = true })
    const text = 'x'.repeat(size)
    for (let i = 0; !over; i++) {
      sender.send('1', `${i}`, topic, 'broadcast', broadcast({ i, text }))
      await witness.frame('a broadcast', (f) => f[3] === 'broadcast' && f[4].payload.i === i)
    }
    await closed
    await counted(notifier, 'queue')
    await sender.heartbeat()
  }
})

test('whoever answers pings stays, and whoever speaks; who does neither is gone', async () => {
  const { notifier, clients } = await limited('--ping-interval', '1', '--ping-timeout', '1')
  const alive = await WireClient.connect(notifier, notifier.token())
  const dead = await WireClient.connect(notifier, notifier.token())
  const chatty = await WireClient.connect(notifier, notifier.token())
  clients.push(alive, dead, chatty)
  let pings = 0
  const chat = () => chatty.send({ payload: '[null,"r","phoenix","heartbeat",{}]' })
  chatty.socket.on('data', () => setTimeout(chat, 100))
  chat()
  alive.socket.on('data', () => {
    const fresh = alive.frames.filter((f) => f.opcode === PING).slice(pings)
    pings += fresh.length
    for (const { payload } of fresh) alive.send({ opcode: PONG, payload })
  })
  await dead.ended
  await h.eventually('more pings', () => pings >= 3)
  await notifier.logged(/event=closed code=0 reason="no answer to a ping"/)
  alive.send({ payload: '[null,"r","phoenix","heartbeat",{}]' })
  await h.eventually('it is still there', () => alive.frames.some((f) => f.payload.includes('phx_reply')))
  const heard = chatty.frames.length
  await h.eventually('the other one, too', () => chatty.frames.length > heard)
  assert.ok(chatty.frames.every((f) => f.opcode !== PING), 'nobody asks who speaks')
})

test('a notifier that slept asks before it takes anybody for gone', async () => {
  const { notifier, clients } = await limited('--ping-interval', '1', '--ping-timeout', '1')
  const client = await WireClient.connect(notifier, notifier.token())
  clients.push(client)
  let pings = 0
  client.socket.on('data', () => {
    const fresh = client.frames.filter((f) => f.opcode === PING).slice(pings)
    pings += fresh.length
    for (const { payload } of fresh) client.send({ opcode: PONG, payload })
  })
  await h.eventually('a ping', () => pings > 0)
  // the silence is what is tested: longer than the two options together
  notifier.process.kill('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const before = pings
  notifier.process.kill('SIGCONT')
  await h.eventually('it is asked, and stays', () => pings >= before + 2)
})

test('topics other than sessions can be closed to all', async () => {
  const { notifier, raw } = await limited('--public-channels', 'off')
  const client = await raw()
  const reason = refused('PrivateOnly: This project only allows private channels')
  assert.deepEqual(await client.join('realtime:room'), reason)
  assert.equal((await client.join(`realtime:session:${h.newSession()}`, {}, '2')).status, 'ok')
  const post = async (where, body) => (await fetch(`${notifier.httpUrl}/api/broadcast${where}`,
    { method: 'POST', body: Buffer.from(body), headers: { authorization: `Bearer ${notifier.token()}` } })).status
  assert.equal(await post('/room/events/e', '{}'), 403)
  assert.equal(await post('', JSON.stringify({ messages: [{ topic: 'room', event: 'e', payload: {} }] })), 202)
})

test('options that cannot be are said', async () => {
  for (const args of [['--max-messages', 'x'], ['--max-messages', '-1'], ['--max-messages', ''], ['--max-channels', '0'],
    ['--max-message-bytes', '99999999999'], ['--ping-interval', '0'], ['--public-channels', 'maybe']]) {
    const notifier = await Notifier.launch({ args }).catch(() => null)
    if (notifier === null) continue
    assert.equal((await notifier.exited).code, 2, args.join(' '))
    assert.ok(notifier.lines.some((line) => line.includes(`event=invalid option=${args[0]}`)), args.join(' '))
  }
})
