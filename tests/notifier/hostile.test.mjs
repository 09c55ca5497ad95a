// Does a client that misbehaves harm only itself?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import net from 'node:net'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started })

const { raw } = h

const newTopic = () => `realtime:room-${randomUUID()}`
const broadcast = (event, payload = {}) => ({ type: 'broadcast', event, payload })

// A room with somebody who hears everything.
async function room() {
  const topic = newTopic()
  const [attacker, witness] = [await raw(), await raw()]
  await attacker.join(topic, { version: 'realtime-js/2', config: {} })
  await witness.join(topic, { version: 'realtime-js/2', config: {} })
  return { topic, attacker, witness }
}

test('malformed text is dropped, and the connection stays', async () => {
  const nonsense = ['', ' ', 'x', '{}', '[]', 'null', '5', '"a"', '[null,null,"t","e"]', '[null,null,"t","e",{}',
    '[null,null,"t","e",{}]]', '[null,null,5,"e",{}]', '[null,null,"t",null,{}]', '[{},null,"t","e",{}]',
    '[null,[],"t","e",{}]', '[true,null,"t","e",{}]', `["${'r'.repeat(300)}",null,"t","e",{}]`,
    '[null,null,"t","e",{"a":01}]', '[null,null,"t","e",{"a":"\\x"}]', '[null,null,"t","e",{"a":"\\ud800"}]x',
    '[null,null,"\\ud800","e",{}]', '[null,null,"t","e",{"a":"\u0001"}]', `[null,null,"t","e",${'['.repeat(100000)}`,
    `[null,null,"t","e",${'['.repeat(5000)}${']'.repeat(5000)}]`, '{"topic":"t","event":"e"}', '[null,null,"t","e",{},]']
  for (const vsn of ['1.0.0', '2.0.0']) {
    const client = await raw({ vsn })
    for (const text of nonsense) client.ws.send(text)
    client.ws.send(vsn === '1.0.0' ? '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"h"}'
      : '[null,"h","phoenix","heartbeat",{}]')
    const frame = await client.frame('heartbeat', (f) => f.ref === 'h' || f[1] === 'h')
    assert.ok(frame)
    assert.deepEqual(client.frames, [])
  }
})

test('invalid UTF-8 is not passed on', async () => {
  const { topic, attacker, witness } = await room()
  const sequences = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0xf8, 0x88, 0x80, 0x80, 0x80]]
  for (const bytes of sequences) {
    attacker.ws.send(h.kind3({ joinRef: '1', topic, event: Buffer.from(bytes), encoding: 1, payload: '{}' }))
    attacker.ws.send(h.kind3({ joinRef: '1', topic, event: 'e', encoding: 1,
      payload: Buffer.concat([Buffer.from('"'), Buffer.from(bytes), Buffer.from('"')]) }))
  }
  await attacker.heartbeat()
  for (const bytes of sequences) {
    const other = await raw()
    await other.join(topic)
    other.ws.send(Buffer.concat([Buffer.from(`["1","2","${topic}","broadcast",{"event":"e","payload":"`),
      Buffer.from(bytes), Buffer.from('"}]')]), { binary: false })
    assert.deepEqual(await other.closed, { code: 1007, reason: 'text is not valid UTF-8' })
  }
  await witness.heartbeat()
  assert.ok(!witness.frames.some((f) => f[3] === 'broadcast' || Buffer.isBuffer(f)))
})

test('broadcasts that would make clients throw are refused', async () => {
  const { topic, attacker, witness } = await room()
  const payloads = ['null', '5', '"x"', '[]', '{"event":5}', '{"event":null}', '{"ids":[1]}', '{"\\u0069ds":[1]}', '{"event":"a","event":{}}']
  for (const [i, payload] of payloads.entries()) {
    attacker.ws.send(`["1","b${i}","${topic}","broadcast",${payload}]`)
    assert.equal((await attacker.reply(`b${i}`))[4].status, 'error', payload)
  }
  attacker.ws.send(h.kind3({ joinRef: '1', topic, event: 'e', encoding: 1, payload: '{"a":' }))
  attacker.ws.send(h.kind3({ joinRef: '1', topic, event: 'e', encoding: 1, payload: '' }))
  attacker.ws.send(h.kind3({ joinRef: '1', topic, event: 'e', encoding: 1, payload: '{}],"x"' }))
  attacker.ws.send(h.kind3({ joinRef: '1', topic, event: 'e', encoding: 2, payload: '{}' }))
  await attacker.heartbeat()
  await witness.heartbeat()
  assert.ok(!witness.frames.some((f) => f[3] === 'broadcast' || Buffer.isBuffer(f)))
})

test('truncated and overlong binary frames are dropped', async () => {
  const { topic, attacker, witness } = await room()
  const whole = h.kind3({ joinRef: '1', ref: '2', topic, event: 'e', metadata: '{}', encoding: 1, payload: '{"n":1}' })
  for (let length = 0; length < whole.length; length++) attacker.ws.send(whole.subarray(0, length))
  for (let at = 1; at <= 5; at++) {
    const changed = Buffer.from(whole)
    changed[at] = 255
    attacker.ws.send(changed)
  }
  for (let kind = 0; kind < 256; kind++) {
    if (kind !== 3) attacker.ws.send(Buffer.concat([Buffer.from([kind]), whole.subarray(1)]))
  }
  for (let i = 0; i < 500; i++) attacker.ws.send(randomBytes(1 + (i % 60)))
  attacker.ws.send(whole)
  const frame = await witness.frame('a broadcast', (f) => f[3] === 'broadcast')
  assert.deepEqual(frame[4], broadcast('e', { n: 1 }))
  await attacker.heartbeat()
})

test('a message of more than 5,000,000 bytes closes with 1009', async () => {
  const { topic, attacker, witness } = await room()
  const message = (size) => {
    const head = `["1","2","${topic}","nonsense",{"payload":"`
    return `${head}${'x'.repeat(size - head.length - 3)}"}]`
  }
  attacker.ws.send(message(5_000_000))
  assert.equal((await attacker.reply('2'))[4].response.reason, 'unknown event')
  attacker.ws.send(message(5_000_001))
  assert.deepEqual(await attacker.closed, { code: 1009, reason: 'message is too big' })
  await witness.heartbeat()
})

test('a message in many fragments is one message, and has the same limit', async () => {
  const { topic, attacker, witness } = await room()
  const text = JSON.stringify(['1', '2', topic, 'broadcast', broadcast('e', { text: 'ü'.repeat(1000) })])
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i += 7) {
    attacker.ws.send(bytes.subarray(i, i + 7), { binary: false, fin: i + 7 >= bytes.length })
  }
  const frame = await witness.frame('a broadcast', (f) => f[3] === 'broadcast')
  assert.equal(frame[4].payload.text.length, 1000)
  const chunk = Buffer.alloc(100_000, 0x20)
  for (let i = 0; i < 51; i++) attacker.ws.send(chunk, { binary: false, fin: false })
  assert.equal((await attacker.closed).code, 1009)
})

test('wrong refs and unknown topics', async () => {
  const { topic, attacker: client } = await room()
  client.send('7', '2', topic, 'broadcast', broadcast('stale'))
  client.send('7', '3', topic, 'phx_leave', {})
  client.send('7', '4', topic, 'access_token', { access_token: 'nonsense' })
  client.send(null, '5', topic, 'nonsense', {})
  assert.deepEqual(await client.reply('5'), ['1', '5', topic, 'phx_reply', { status: 'error', response: { reason: 'unknown event' } }])
  assert.deepEqual(client.frames, [])
  client.send('1', '6', 'realtime:nowhere', 'broadcast', broadcast('e'))
  assert.deepEqual(await client.reply('6'), [null, '6', 'realtime:nowhere', 'phx_reply', { status: 'error', response: { reason: 'unmatched topic' } }])
  client.send(null, '7', 'realtime:nowhere', 'phx_leave', {})
  assert.deepEqual(await client.reply('7'), [null, '7', 'realtime:nowhere', 'phx_reply', { status: 'ok', response: {} }])
  client.send(null, null, 'phoenix', 'heartbeat', {})
  assert.deepEqual(await client.frame('null', (f) => f[1] === null), [null, null, 'phoenix', 'phx_reply', { status: 'ok', response: {} }])
  client.send(1, 2, 'phoenix', 'heartbeat', {})
  assert.deepEqual(await client.frame('numbers', (f) => f[1] === 2), [1, 2, 'phoenix', 'phx_reply', { status: 'ok', response: {} }])
})

test('joining twice closes the first join, by its own join_ref', async () => {
  const client = await raw()
  const topic = `realtime:session:${h.newSession()}`
  await client.join(topic, {}, '1')
  client.send('2', '2', topic, 'phx_join', {})
  assert.deepEqual(await client.frame('phx_close', (f) => f[3] === 'phx_close'), ['1', '1', topic, 'phx_close', {}])
  assert.equal((await client.reply('2'))[4].status, 'ok')
  client.send('1', '3', topic, 'phx_leave', {})
  client.send('2', '4', topic, 'phx_leave', {})
  assert.equal((await client.reply('4'))[4].status, 'ok')
  assert.deepEqual(await client.frame('phx_close', (f) => f[3] === 'phx_close'), ['2', '2', topic, 'phx_close', {}])
})

test('odd join payloads join with whatever they say', async () => {
  const client = await raw()
  let ref = 0
  for (const payload of [null, 5, 'x', [], {}, { config: null }, { config: 5 }, { config: { broadcast: null, presence: 5, postgres_changes: [null, 5, {}] } },
    { config: { postgres_changes: { a: 1 } } }, { access_token: 5, user_token: {} }]) {
    assert.equal((await client.join(newTopic(), payload, `j${++ref}`)).status, 'ok', JSON.stringify(payload))
  }
  const huge = await client.join(newTopic(), { padding: 'x'.repeat(70000) }, 'huge')
  assert.match(huge.response.reason, /^PayloadTooLarge: /)
})

test('who does not read is closed, and the others are unharmed', async () => {
  const { topic, attacker: sender, witness } = await room()
  const slow = await raw()
  await slow.join(topic)
  slow.ws._socket.pause()
  const closed = notifier.logged(/event=closed code=1013 reason="client reads too slowly"/)
  const text = 'x'.repeat(200_000)
  for (let i = 0; i < 150; i++) {
    sender.send('1', `${i}`, topic, 'broadcast', broadcast('e', { i, text }))
    await witness.frame('a broadcast', (f) => f[3] === 'broadcast' && f[4].payload.i === i)
  }
  await closed
  await notifier.logged(/event=slow_reader/)
  slow.ws._socket.resume()
  await slow.closed
  await sender.heartbeat()
})

test('who asks and never reads the answers is closed too', async () => {
  const client = await raw()
  client.ws._socket.pause()
  const line = notifier.lines.length
  const ref = 'r'.repeat(250)
  const beats = setInterval(() => {
    for (let i = 0; i < 2000; i++) client.ws.send(`[null,"${ref}","phoenix","heartbeat",{}]`)
  }, 5)
  try {
    await notifier.logged(/event=closed code=1013/, line)
  } finally {
    clearInterval(beats)
  }
})

test('connections that die in all ways leave nothing behind', async () => {
  const session = h.newSession()
  await h.claim(session)
  const many = await Promise.all([...Array(50).keys()].map(() => raw()))
  await Promise.all(many.map((client) => client.join(`realtime:session:${session}`)))
  for (const [i, client] of many.entries()) {
    if (i % 3 === 0) client.ws.terminate()
    else if (i % 3 === 1) client.ws.close(4000, 'bye')
    else client.ws._socket.resetAndDestroy()
  }
  const ends = await Promise.all(many.map((client) => client.closed))
  ends.forEach((end, i) => { if (i % 3 === 1) assert.deepEqual(end, { code: 4000, reason: 'bye' }) })
  await notifier.logged(/event=closed code=4000 reason="closed by the peer"/)
  const line = notifier.lines.length
  await h.sql(`SELECT pg_notify('harthio', '{"resync":true}')`)
  const resync = await notifier.logged(/event=resync sessions=(\d+)/, line)
  const others = await raw()
  assert.ok(Number(resync[1]) < 50)
  assert.equal((await others.join(`realtime:session:${session}`)).status, 'ok')
})

test('half an upgrade, garbage and silence do no harm', async () => {
  const requests = ['', 'G', 'GET /realtime/v1/websocket HTTP/1.1\r\n', '\r\n\r\n', '\0\0\0\0',
    'GET /realtime/v1/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    `GET /${'x'.repeat(40000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /realtime/v1/websocket?apikey=${'x'.repeat(20000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nabc']
  for (const request of requests) {
    const socket = net.connect(notifier.port, '127.0.0.1')
    await new Promise((resolve) => socket.on('connect', resolve))
    socket.on('error', () => {})
    socket.end(request)
    socket.resume()
    h.closing({ close: () => socket.destroy() })
  }
  const answer = await fetch(`${notifier.httpUrl}/healthcheck`)
  assert.equal(await answer.text(), 'ok')
  assert.equal((await fetch(`${notifier.httpUrl}/nothing`)).status, 404)
  assert.match(await (await fetch(notifier.httpUrl)).text(), /^harthio-notifier \d/)
  const client = await raw()
  await client.heartbeat()
})

test('frames that break RFC 6455 close only their connection', async () => {
  const witness = await raw()
  for (const frame of [[0x81, 0x01, 0x41], [0xc1, 0x80, 0, 0, 0, 0], [0x83, 0x80, 0, 0, 0, 0], [0x80, 0x80, 0, 0, 0, 0],
    [0x09, 0x80, 0, 0, 0, 0], [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    [0x88, 0x81, 0, 0, 0, 0, 0x41], [0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]]) {
    const client = await raw()
    client.ws._socket.write(Buffer.from(frame))
    client.ws._socket.end()
    await client.closed
  }
  await witness.heartbeat()
})
