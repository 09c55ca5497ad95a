// Do broadcasts by HTTP reach whom they should, and is the rest refused?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import net from 'node:net'
import { randomUUID } from 'node:crypto'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started },
  { args: ['--max-payload-bytes', '100000', '--max-messages', '200', '--max-channels', '5', '--database-timeout-ms', '2000'] })

const { connect, raw } = h

const newTopic = () => `room:${randomUUID()}`

// POST as a client would; resolves to [status, body].
async function post(where, body, { type = 'application/json', token = notifier.token(), headers = {} } = {}) {
  const response = await fetch(`${notifier.httpUrl}${where}`, {
    method: 'POST', body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(type ? { 'content-type': type } : {}), ...headers },
  })
  const text = await response.text()
  return [response.status, text === '' ? '' : JSON.parse(text)]
}

const batch = (messages, options) => post('/api/broadcast', { messages }, options)
const single = (topic, event, body, options = {}) =>
  post(`/realtime/v1/api/broadcast/${encodeURIComponent(topic)}/events/${encodeURIComponent(event)}${options.query ?? ''}`, body, options)

// Somebody in the topic, who keeps what is broadcast there.
async function listener(topic, options = {}, payload = { config: {} }) {
  const client = await raw(options)
  assert.equal((await client.join(`realtime:${topic}`, payload)).status, 'ok')
  return client
}

const heard = (client) => client.frame('a broadcast', (f) => Buffer.isBuffer(f) || f[3] === 'broadcast' || f.event === 'broadcast')

for (const kind of Object.keys(h.clientKinds).filter((name) => name.startsWith('supabase'))) {
  test(`${kind}: send() before the join goes by HTTP`, async () => {
    const topic = newTopic()
    const receiver = await listener(topic)
    const channel = connect(kind).client.channel(topic)
    assert.equal(await channel.send({ type: 'broadcast', event: 'shout', payload: { text: 'grüß 🎥' } }), 'ok')
    assert.deepEqual(await heard(receiver), [null, null, `realtime:${topic}`, 'broadcast',
      { type: 'broadcast', event: 'shout', payload: { text: 'grüß 🎥' } }])
  })
}

test('httpSend() of supabase-js sends JSON and bytes', async () => {
  const topic = 'room 1/ü?&#%+"' + randomUUID()
  const receiver = await connect(h.newestKind).join(topic)
  const channel = connect(h.newestKind).client.channel(topic)
  assert.deepEqual(await channel.httpSend('e?v/1', { n: 1 }), { success: true })
  await h.eventually('it is heard', () => receiver.messages.length === 1)
  assert.deepEqual(receiver.messages, [{ type: 'broadcast', event: 'e?v/1', payload: { n: 1 } }])
  assert.deepEqual(await channel.httpSend('bin', new Uint8Array([1, 2, 255, 0])), { success: true })
  await h.eventually('the bytes are heard', () => receiver.messages.length === 2)
  assert.deepEqual(new Uint8Array(receiver.messages[1].payload), new Uint8Array([1, 2, 255, 0]))
})

test('a batch is heard by all of each room, in its order, whatever they speak', async () => {
  const [one, other] = [newTopic(), newTopic()]
  const first = await listener(one)
  const all = await Promise.all(Object.keys(h.clientKinds).map((kind) => connect(kind).join(one)))
  const elsewhere = await listener(other)
  const messages = [...Array(10).keys()].map((n) => ({ topic: one, event: `e${n}`, payload: { n } }))
  messages.splice(5, 0, { topic: other, event: 'else', payload: {} })
  assert.deepEqual(await batch(messages), [202, ''])
  for (let n = 0; n < 10; n++) assert.equal((await heard(first))[4].event, `e${n}`)
  for (const channel of all) {
    await h.eventually('all ten', () => channel.messages.length === 10)
    assert.deepEqual(channel.messages.map((m) => m.payload.n), [...Array(10).keys()])
  }
  assert.equal((await heard(elsewhere))[4].event, 'else')
})

test('payloads go byte for byte, an id goes with them', async () => {
  const topic = newTopic()
  const receiver = await listener(topic)
  const texts = []
  receiver.ws.on('message', (data) => texts.push(data.toString()))
  const payload = '{ "n":1.0000000000000000001e0,"dup":1,"dup":2, "s":"\\u00e9\\/" }'
  const id = randomUUID()
  assert.deepEqual(await post('/realtime/v1/api/broadcast',
    `{"messages":[{"topic":"${topic}","event":"\\u0065","payload":${payload},"id":"${id}","private":false}]}`), [202, ''])
  await heard(receiver)
  assert.equal(texts[0], `[null,null,"realtime:${topic}","broadcast",{"type":"broadcast","event":"e","payload":${payload},"meta":{"id":"${id}"}}]`)
})

test('of one message the payload may be any JSON', async () => {
  const topic = newTopic()
  const receiver = await listener(topic)
  for (const body of ['{}', '5', 'null', '"x"', '[1]', ' true ']) {
    assert.deepEqual(await single(topic, 'e', body), [202, ''])
    assert.deepEqual((await heard(receiver))[4].payload, JSON.parse(body))
  }
  assert.deepEqual(await single(topic, 'e', Buffer.from('{}'), { type: null }), [202, ''], 'JSON if nothing else is said')
  assert.equal((await single(topic, 'e', '{"a":'))[0], 400)
  assert.equal((await single(topic, 'e', ''))[0], 400)
  assert.deepEqual(await single(topic, 'e', 'a=b', { type: 'application/x-www-form-urlencoded' }),
    [415, { error: 'Unsupported Media Type. Use application/json or application/octet-stream' }])
})

test('the last /events/ is the one that counts', async () => {
  const topic = `a/events/b-${randomUUID()}`
  const receiver = await listener(topic)
  assert.deepEqual(await single(topic, 'e', '{}'), [202, ''])
  assert.equal((await heard(receiver))[4].event, 'e')
})

test('who has no good token is told nothing but that', async () => {
  const bad = { 'none': null, 'nonsense': 'x', 'expired': notifier.token({ exp: h.inSeconds(-1) }),
    'of another secret': h.signToken({ role: 'a', exp: h.inSeconds(60) }, { secret: 'x' }) }
  for (const [name, token] of Object.entries(bad)) {
    assert.deepEqual(await batch([{ topic: 'a', event: 'e', payload: {} }], { token }), [401, { message: 'Unauthorized' }], name)
    assert.deepEqual(await single('a', 'e', '{}', { token }), [401, { message: 'Unauthorized' }], name)
  }
  assert.deepEqual(await batch([{ topic: 'a', event: 'e', payload: {} }], { token: null, headers: { apikey: notifier.token() } }), [202, ''])
  assert.deepEqual(await batch([{ topic: 'a', event: 'e', payload: {} }],
    { token: 'x', headers: { apikey: notifier.token() } }), [401, { message: 'Unauthorized' }], 'Authorization comes first')
  assert.deepEqual(await single('a', 'e', '{}', { token: null, query: `?apikey=${notifier.token()}` }),
    [401, { message: 'Unauthorized' }], 'the query does not count')
})

test('what is wrong with a batch is told for each message, and nothing of it is sent', async () => {
  const topic = newTopic()
  const receiver = await listener(topic)
  const blank = ["can't be blank"]
  const invalid = ['is invalid']
  assert.deepEqual(await batch([{ topic, event: 'e', payload: {} }, {}, { topic: 5, event: [], payload: 'x', id: 7 },
    { topic: '', event: null, payload: null }, 5, { topic, event: 'e', payload: { x: 'x'.repeat(100000) } },
    { topic: 'session:a b', event: 'e', payload: {} }, { topic: 't'.repeat(250), event: 'e'.repeat(256), payload: {} }]),
  [422, { errors: { messages: [{}, { topic: blank, event: blank, payload: blank },
    { topic: invalid, event: invalid, payload: invalid, id: invalid }, { topic: blank, event: blank, payload: blank },
    { topic: blank, event: blank, payload: blank }, { payload: ['Payload size exceeds tenant limit'] },
    { topic: invalid }, { topic: invalid, event: invalid }] } }])
  for (const body of ['{}', '[]', '5', '{"messages":[]}', '{"messages":{}}', '{"messages":null}']) {
    assert.deepEqual(await post('/api/broadcast', body), [422, { errors: { messages: blank } }], body)
  }
  for (const body of ['', '{', '{"messages":[{}', '\xff', '{"messages":[]}x']) {
    assert.equal((await post('/api/broadcast', body))[0], 400, body)
  }
  assert.deepEqual(await single(topic, 'e', JSON.stringify('x'.repeat(100000))),
    [422, { errors: { payload: ['Payload size exceeds tenant limit'] } }])
  for (const [where, event] of [['session:a b', 'e'], ['t'.repeat(250), 'e'], [topic, 'e'.repeat(256)]]) {
    assert.equal((await single(where, event, '{}'))[0], 422, where)
  }
  assert.equal((await post(`/api/broadcast/a%ff/events/e`, '{}'))[0], 422, 'no UTF-8')
  await receiver.heartbeat()
  assert.deepEqual(receiver.frames, [])
})

test('a session hears only those whom the database lets in', async () => {
  const session = h.newSession()
  const inside = await listener(`session:${session}`)
  const other = newTopic()
  const bystander = await listener(other)
  const anon = { token: notifier.token({ role: 'anon', sub: undefined }) }
  const forbidden = [403, { message: 'Unauthorized' }]
  assert.deepEqual(await single(`session:${session}`, 'e', '{}', anon), forbidden)
  assert.deepEqual(await single(`p2p-session-${session}`, 'e', '{}', anon), forbidden)
  assert.deepEqual(await batch([{ topic: `session:${session}`, event: 'lost', payload: {} },
    { topic: other, event: 'heard', payload: {} }], anon), [202, ''])
  assert.equal((await heard(bystander))[4].event, 'heard')
  assert.deepEqual(await single(`session:${session}`, 'e', '{}', { query: '?private=true' }), [202, ''], 'private or not')
  assert.equal((await heard(inside))[4].event, 'e', 'the first that was heard')
  assert.deepEqual(await batch([1, 2, 3].map((n) => ({ topic: `session:${session}`, event: `e${n}`, payload: {}, private: true }))), [202, ''])
  for (const n of [1, 2, 3]) assert.equal((await heard(inside))[4].event, `e${n}`)
})

test('without policies nobody may write to a private topic', async () => {
  const topic = newTopic()
  const receiver = await listener(topic)
  assert.deepEqual(await single(topic, 'e', '{}', { query: '?private=true' }), [403, { message: 'Unauthorized' }])
  assert.deepEqual(await batch([{ topic, event: 'lost', payload: {}, private: true }, { topic, event: 'heard', payload: {} }]), [202, ''])
  assert.equal((await heard(receiver))[4].event, 'heard')
})

test('nothing is stored, so who asks for it is told', async () => {
  for (const query of ['?persist=true', '?persist%5Bttl%5D=60', '?persist[ttl]=60']) {
    assert.deepEqual(await single(newTopic(), 'e', '{}', { query }),
      [422, { message: 'Messages are not stored by this server' }])
  }
})

test('while the database is silent the request waits, then it is told', { timeout: 60000 }, async () => {
  const session = h.newSession()
  const inside = await listener(`session:${session}`)
  await h.whileDatabaseIsSilent(async () => {
    assert.deepEqual(await single(`session:${session}`, 'e', '{}'),
      [422, { message: 'Realtime was unable to connect to the project database' }])
    // One that goes away before its answer is there.
    const gone = new AbortController()
    const request = fetch(`${notifier.httpUrl}/api/broadcast/session:${session}/events/gone`,
      { method: 'POST', body: '{}', headers: { authorization: `Bearer ${notifier.token()}` }, signal: gone.signal })
    setImmediate(() => gone.abort())
    await assert.rejects(request)
  })
  await h.eventually('it answers again', async () => (await single(`session:${session}`, 'again', '{}'))[0] === 202)
  assert.equal((await heard(inside))[4].event, 'again')
})

test('too much at once is refused', async () => {
  const message = (topic) => ({ topic, event: 'e', payload: {} })
  const tooMany = [429, { message: 'Too many messages to broadcast, please reduce the batch size' }]
  assert.deepEqual(await batch(Array(201).fill(message('a'))), tooMany)
  assert.deepEqual(await batch(Array(200).fill(message('a'))), [202, ''])
  assert.deepEqual(await batch([...Array(6).keys()].map(() => message(`session:${h.newSession()}`))), tooMany)
  assert.deepEqual(await batch([...Array(5).keys()].map(() => message(`session:${h.newSession()}`))), [202, ''])
})

test('a body that is too large, or does not come, ends only its connection', async () => {
  const ask = (head, body = '') => new Promise((resolve) => {
    let text = ''
    const socket = net.connect(notifier.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.on('data', (data) => { text += data })
    socket.write(`POST /api/broadcast HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${notifier.token()}\r\n${head}\r\n\r\n${body}`)
    if (body !== '') socket.end()
    h.closing({ close: () => socket.destroy() })
  })
  const line = notifier.lines.length
  assert.match(await ask('Content-Length: 5000001'), /^HTTP\/1\.1 413 [^]*"The body is too large"/)
  for (const head of ['Content-Length: 99999999999999999999', 'Content-Length: -1', 'Content-Length: x']) {
    assert.doesNotMatch(await ask(head, 'x'), / 202 /)
  }
  assert.doesNotMatch(await ask('Content-Length: 100', '{"mess'), / 202 /)
  assert.equal((await fetch(`${notifier.httpUrl}/api/ping`)).status, 200)
  assert.ok(!notifier.lines.slice(line).some((text) => text.includes('error')))
})

test('pages of any origin may ask', async () => {
  const response = await fetch(`${notifier.httpUrl}/realtime/v1/api/broadcast`, {
    method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,apikey,x-my-own' } })
  assert.equal(response.status, 204)
  assert.equal(response.headers.get('access-control-allow-origin'), '*')
  assert.equal(response.headers.get('access-control-allow-methods'), 'POST, GET, HEAD, OPTIONS')
  assert.equal(response.headers.get('access-control-allow-headers'), 'authorization,apikey,x-my-own')
  const plain = await fetch(`${notifier.httpUrl}/api/broadcast`, { method: 'OPTIONS' })
  assert.equal(plain.headers.get('access-control-allow-headers'), 'authorization, apikey, content-type, x-client-info')
  const refused = await fetch(`${notifier.httpUrl}/api/broadcast`, { method: 'POST' })
  assert.equal(refused.headers.get('access-control-allow-origin'), '*')
})

test('ping, health, and what is not there', async () => {
  for (const prefix of ['', '/realtime/v1']) {
    const response = await fetch(`${notifier.httpUrl}${prefix}/api/ping`)
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.deepEqual([response.status, await response.json()], [200, { message: 'Success' }])
  }
  assert.equal(await (await fetch(`${notifier.httpUrl}/healthcheck`)).text(), 'ok')
  for (const [method, where] of [['GET', '/api/broadcast'], ['POST', '/api/ping'], ['PUT', '/api/broadcast'], ['POST', '/api/nothing'],
    ['POST', '/api/broadcast/'], ['POST', '/api/broadcast/a'], ['POST', '/api/broadcast/a/events']]) {
    const response = await fetch(`${notifier.httpUrl}${where}`, { method, headers: { authorization: `Bearer ${notifier.token()}` } })
    assert.equal(response.status, 404, `${method} ${where}`)
  }
})

test('many requests of one connection are answered in turn', async () => {
  const topic = newTopic()
  const receiver = await listener(topic)
  const one = (n) => {
    const body = JSON.stringify({ messages: [{ topic, event: `e${n}`, payload: {} }] })
    return `POST /api/broadcast HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${notifier.token()}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }
  const socket = net.connect(notifier.port, '127.0.0.1')
  h.closing({ close: () => socket.destroy() })
  let text = ''
  socket.on('data', (data) => { text += data })
  for (let n = 0; n < 5; n++) {
    socket.write(one(n))
    await h.eventually('an answer', () => text.split('HTTP/1.1 202').length === n + 2)
    assert.equal((await heard(receiver))[4].event, `e${n}`)
  }
})

test('nobody can speak for the server in a session', async () => {
  const session = h.newSession()
  const topic = `session:${session}`
  const receiver = await listener(topic)
  assert.equal((await single(topic, 'coordinated-recovery', { epoch: 9 }))[0], 403)
  assert.equal((await batch([
    { topic, event: 'session-ended', payload: {} },
    { topic, event: 'chat', payload: { text: 'hello' } },
  ]))[0], 202)
  const frame = await heard(receiver)
  assert.equal((frame[4] ?? frame.payload).event, 'chat')
})
