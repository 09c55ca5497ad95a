// Does the notifier keep to RFC 6455, byte for byte, and end what does not?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as h from './harness.mjs'
import { BINARY, CLOSE, PING, PONG, TEXT, WireClient, frame } from './wire.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started },
  { args: ['--max-message-bytes', '100000', '--max-messages', '0'] })

const connect = async (options) => h.closing(await WireClient.connect(notifier, notifier.token(), options))

const beat = (ref) => Buffer.from(`[null,"${ref}","phoenix","heartbeat",{}]`)
const answer = (ref) => `[null,"${ref}","phoenix","phx_reply",{"status":"ok","response":{}}]`
const code = (number, reason = '') =>
  Buffer.concat([Buffer.from([number >> 8, number & 255]), Buffer.from(reason)])

const textsOf = (client) => client.frames.filter((f) => f.opcode === TEXT).map((f) => f.payload.toString())
const hears = (client, ref) => h.eventually(`the answer to ${ref}`, () => textsOf(client).includes(answer(ref)))
const pongs = (client) => client.frames.filter((f) => f.opcode === PONG).map((f) => f.payload.toString())

// The close frame that ended it, as [code, reason]; [] is one without a code.
// Who has it ends its side too, or the server would wait for that some seconds.
async function farewell(client) {
  await h.eventually('the close frame', () => client.frames.some((f) => f.opcode === CLOSE))
  client.socket.end()
  await client.ended
  const closes = client.frames.filter((f) => f.opcode === CLOSE)
  assert.equal(closes.length, 1, `${closes.length} close frames`)
  assert.equal(client.frames.at(-1).opcode, CLOSE, 'nothing follows it')
  const { payload } = closes[0]
  assert.notEqual(payload.length, 1)
  return payload.length === 0 ? [] : [payload.readUInt16BE(0), payload.subarray(2).toString()]
}

// ---------------------------------------------------------------- handshake

test('the handshake is answered with the key\'s digest, and nothing that was not asked for', async () => {
  const client = await connect({ extra: 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n' })
  const [status, ...headers] = client.head.split('\r\n')
  assert.equal(status, 'HTTP/1.1 101 Switching Protocols')
  const fields = Object.fromEntries(headers.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  }))
  assert.equal(fields.upgrade.toLowerCase(), 'websocket')
  assert.equal(fields.connection.toLowerCase(), 'upgrade')
  assert.equal(fields['sec-websocket-accept'], client.accept)
  assert.equal(fields['sec-websocket-extensions'], undefined)
  assert.equal(fields['sec-websocket-protocol'], undefined)
})

test('of the protocols that are offered, phoenix is taken', async () => {
  const client = await connect({ extra: 'Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.dG9r\r\n' })
  assert.match(client.head, /^HTTP\/1\.1 101/)
  assert.match(client.head, /\r\nsec-websocket-protocol: phoenix(\r\n|$)/i)
})

for (const [name, options] of Object.entries({
  'no key': { key: '' }, 'a method that is not GET': { method: 'POST' },
})) {
  test(`${name}: no upgrade`, async () => {
    const client = await connect(options)
    assert.doesNotMatch(client.head ?? '', /^HTTP\/1\.1 101/)
  })
}

test('another version is told which one it must be', async () => {
  for (const version of ['8', '12', '14', '0', 'x']) {
    const client = await connect({ version })
    assert.match(client.head, /^HTTP\/1\.[01] 426 /)
    assert.match(client.head, /\r\nsec-websocket-version: 13(\r\n|$)/i)
  }
})

// ---------------------------------------------------------------- frames

test('frames of the server are not masked, not compressed, and have the shortest length', async () => {
  const client = await connect()
  for (const length of [1, 60, 61, 250]) client.send({ payload: beat('r'.repeat(length)) })
  const payload = Buffer.from(`[null,"big","${'t'.repeat(200)}","${'x'.repeat(2)}",{}]`)
  client.send({ payload })
  await hears(client, 'r'.repeat(250))
  await h.eventually('all', () => client.frames.length === 5)
  for (const one of client.frames) {
    assert.equal(one.first, 0x81)
    assert.equal(one.masked, false)
    assert.equal(one.lengthBytes, one.payload.length < 126 ? 0 : one.payload.length < 65536 ? 2 : 8)
  }
})

test('a message has any length, up to the limit', async () => {
  const client = await connect()
  for (const length of [beat('n').length, 125, 126, 127, 128, 65535, 65536, 65537, 100000]) {
    const ref = `n${length}`.slice(0, length === beat('n').length ? 1 : undefined)
    client.send({ payload: Buffer.concat([beat(ref), Buffer.alloc(length - beat(ref).length, ' ')]) })
    await hears(client, ref)
  }
  client.send({ payload: Buffer.alloc(100001, ' ') }, { opcode: CLOSE, payload: code(1009) })
  assert.deepEqual(await farewell(client), [1009, 'message is too big'])
})

test('a message that is announced to be too long is not waited for', async () => {
  const client = await connect()
  client.socket.write(Buffer.concat([Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(16)]))
  await h.eventually('the close frame', () => client.frames.length === 1)
  client.send({ opcode: CLOSE, payload: code(1009) })
  assert.deepEqual(await farewell(client), [1009, 'message is too big'])
})

test('a length of more than 63 bits ends the connection', async () => {
  const client = await connect()
  client.socket.write(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]))
  await client.ended
})

test('a frame may come byte by byte, and many frames in one piece', async () => {
  const client = await connect()
  for (const byte of frame({ payload: beat('slow') })) {
    await new Promise((resolve) => client.socket.write(Buffer.from([byte]), resolve))
  }
  await hears(client, 'slow')
  client.send(...[...Array(100).keys()].map((i) => ({ payload: beat(`many${i}`) })))
  await hears(client, 'many99')
  assert.equal(textsOf(client).length, 101)
})

test('empty messages do nothing', async () => {
  const client = await connect()
  client.send({}, { opcode: BINARY }, { fin: false }, { opcode: 0, fin: false }, { opcode: 0 }, { payload: beat('after') })
  await hears(client, 'after')
  assert.equal(client.frames.length, 1)
})

for (const [name, frames] of Object.entries({
  'reserved bit 1': [{ rsv: 4, payload: beat('r') }],
  'reserved bit 2': [{ rsv: 2, payload: beat('r') }],
  'reserved bit 3': [{ rsv: 1, payload: beat('r') }],
  'reserved bit in a ping': [{ rsv: 4, opcode: PING }],
  ...Object.fromEntries([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`reserved opcode ${opcode}`, [{ opcode }]])),
  'a ping in fragments': [{ opcode: PING, fin: false }],
  'a close in fragments': [{ opcode: CLOSE, fin: false }],
  'a continuation of nothing': [{ opcode: 0, payload: beat('r') }],
  'a first fragment that continues nothing': [{ opcode: 0, fin: false, payload: beat('r') }],
  'text before the last fragment of text': [{ fin: false, payload: beat('r') }, { payload: beat('r') }],
  'bytes before the last fragment of text': [{ fin: false, payload: beat('r') }, { opcode: BINARY, payload: beat('r') }],
})) {
  test(`${name}: 1002`, async () => {
    const client = await connect()
    client.send(...frames, { payload: beat('too-late') })
    assert.equal((await farewell(client))[0], 1002)
  })
}

test('who has been told why and stays is ended', async () => {
  const client = await connect()
  client.send({ opcode: 3 })
  assert.equal(await client.ended, 'ended')
})

for (const opcode of [PING, PONG, CLOSE]) {
  test(`a control frame (${opcode}) of 126 bytes ends the connection`, async () => {
    const client = await connect()
    client.send({ opcode, payload: code(1000, 'x'.repeat(124)) }, { payload: beat('too-late') })
    await client.ended
    assert.deepEqual(textsOf(client), [])
  })
}

// ---------------------------------------------------------------- fragments and UTF-8

test('a message in fragments is one, wherever it is cut', async () => {
  const client = await connect()
  const text = Buffer.from('[null,"ü🎥","phoenix","heartbeat",{}]')
  for (let at = 0; at <= text.length; at++) {
    client.send({ fin: false, payload: text.subarray(0, at) }, { opcode: 0, payload: text.subarray(at) })
  }
  client.send(...[...text].map((byte, i) =>
    ({ opcode: i === 0 ? TEXT : 0, fin: i === text.length - 1, payload: Buffer.from([byte]) })))
  await h.eventually('all answers', () => textsOf(client).length === text.length + 2)
  assert.ok(textsOf(client).every((t) => t === answer('ü🎥')))
})

test('control frames come between fragments', async () => {
  const client = await connect()
  const text = beat('mixed')
  client.send({ fin: false, payload: text.subarray(0, 5) }, { opcode: PING, payload: 'one' })
  await h.eventually('the first pong', () => pongs(client).at(-1) === 'one')
  client.send({ opcode: 0, fin: false, payload: text.subarray(5, 9) }, { opcode: PONG, payload: 'none' }, { opcode: PING, payload: 'two' })
  await h.eventually('the second pong', () => pongs(client).at(-1) === 'two')
  client.send({ opcode: 0, payload: text.subarray(9) })
  await hears(client, 'mixed')
})

for (const [name, bytes] of Object.entries({
  'a lone continuation byte': [0x80], 'an overlong form': [0xc0, 0xaf], 'a surrogate': [0xed, 0xa0, 0x80],
  'more than U+10FFFF': [0xf4, 0x90, 0x80, 0x80], 'a byte that is never in UTF-8': [0xff], 'half a character': [0xe2, 0x82],
})) {
  test(`text with ${name}: 1007`, async () => {
    for (const cut of [false, true]) {
      const client = await connect()
      const text = Buffer.concat([Buffer.from('[null,"'), Buffer.from(bytes), Buffer.from('","phoenix","heartbeat",{}]')])
      if (cut) client.send({ fin: false, payload: text.subarray(0, 8) }, { opcode: 0, payload: text.subarray(8) })
      else client.send({ payload: text })
      await h.eventually('the close frame', () => client.frames.length === 1)
      client.send({ opcode: CLOSE, payload: code(1007) })
      assert.deepEqual(await farewell(client), [1007, 'text is not valid UTF-8'])
    }
  })
}

test('bytes need not be UTF-8', async () => {
  const client = await connect()
  client.send({ opcode: BINARY, payload: Buffer.from([0xff, 0xfe]) }, { payload: beat('after') })
  await hears(client, 'after')
})

// ---------------------------------------------------------------- ping and pong

test('a ping is answered with what it holds', async () => {
  const client = await connect()
  const payloads = ['', 'a', 'ü', 'x'.repeat(125)]
  for (const payload of payloads) {
    client.send({ opcode: PING, payload })
    await h.eventually('the pong', () => pongs(client).at(-1) === payload)
  }
})

test('many pings at once are not each answered, and do no harm', async () => {
  const client = await connect()
  client.send(...[...Array(50).keys()].map((i) => ({ opcode: PING, payload: `p${i}` })), { payload: beat('after') })
  await hears(client, 'after')
  await h.eventually('a pong', () => pongs(client).length > 0)
  client.send({ opcode: PING, payload: 'last' })
  await h.eventually('the last pong', () => pongs(client).at(-1) === 'last')
})

test('a pong that nobody asked for does nothing', async () => {
  const client = await connect()
  client.send({ opcode: PONG }, { opcode: PONG, payload: 'x' }, { payload: beat('after') })
  await hears(client, 'after')
  assert.equal(client.frames.length, 1)
})

// ---------------------------------------------------------------- close

test('a close is answered with the same code and reason', async () => {
  for (const number of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
    for (const reason of ['', 'ünd tschüß', 'x'.repeat(123)]) {
      const client = await connect()
      client.send({ opcode: CLOSE, payload: code(number, reason) })
      assert.deepEqual(await farewell(client), [number, reason])
    }
  }
})

test('a close without a code is answered without one', async () => {
  const client = await connect()
  client.send({ opcode: CLOSE })
  assert.deepEqual(await farewell(client), [])
})

test('a close with a code that must not be sent: 1002', async () => {
  for (const number of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    const client = await connect()
    client.send({ opcode: CLOSE, payload: code(number) })
    assert.equal((await farewell(client))[0], 1002, `${number}`)
  }
})

test('a close with half a code: 1002', async () => {
  const client = await connect()
  client.send({ opcode: CLOSE, payload: Buffer.from([3]) })
  assert.equal((await farewell(client))[0], 1002)
})

test('a close whose reason is not UTF-8: 1007', async () => {
  const client = await connect()
  client.send({ opcode: CLOSE, payload: Buffer.concat([code(1000), Buffer.from([0xff])]) })
  assert.equal((await farewell(client))[0], 1007)
})

test('what comes after a close is not heard', async () => {
  const client = await connect()
  client.send({ opcode: CLOSE, payload: code(1000) }, { payload: beat('too-late') }, { opcode: PING })
  assert.deepEqual(await farewell(client), [1000, ''])
})

test('what comes after the server\'s close is not heard either', async () => {
  const client = await connect()
  client.send({ payload: Buffer.alloc(100001, ' ') }, { payload: beat('too-late') }, { opcode: CLOSE, payload: code(1009) })
  assert.equal((await farewell(client))[0], 1009)
  assert.deepEqual(textsOf(client), [])
})
