// Is a join refused when it must be, and does the user read why?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID, generateKeyPairSync } from 'node:crypto'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started })

const raw = (apikey, options) => h.raw({ apikey, ...options })

const refused = (reason) => ({ status: 'error', response: { reason } })
const session = () => `realtime:session:${h.newSession()}`

const malformed = 'MalformedJWT: The token provided is not a valid JWT'
const unknownKey = 'MalformedJWT: The API key is none that this server knows'
const signature = 'JwtSignatureError: Failed to validate JWT signature'
const signer = 'JwtSignerError: Failed to generate JWT signer, check your JWT secret or JWKS configuration'
const required = 'InvalidJWTToken: Fields `role` and `exp` are required in JWT'

const bad = {
  'no token at all': [() => undefined, malformed],
  'an empty token': [() => '', malformed],
  'not a token': [() => 'abc', malformed],
  'three parts of nothing': [() => 'a.b.c', malformed],
  'a part that no base64 ends like': [() => 'e=JhXXXX.e30.AAAA', malformed],
  'an API key that nobody configured': [() => 'sb_publishable_abc', unknownKey],
  'another secret': [() => h.signToken({ role: 'authenticated', sub: 'a', exp: h.inSeconds(60) }, { secret: 'other' }), signature],
  'no signature': [() => notifier.token().replace(/[^.]*$/, ''), signature],
  'alg none': [() => notifier.token({}, { alg: 'none' }), signer],
  'alg none, signed': [() => notifier.token({}, { header: { alg: 'none' } }), signer],
  'alg RS256, signed with the secret': [() => notifier.token({}, { header: { alg: 'RS256' } }), signer],
  'alg ES256': [() => notifier.token({}, { header: { alg: 'ES256' } }), signer],
  'alg PS256': [() => notifier.token({}, { header: { alg: 'PS256' } }), signer],
  'alg hs256 in small letters': [() => notifier.token({}, { header: { alg: 'hs256' } }), signer],
  'alg is a number': [() => notifier.token({}, { header: { alg: 256 } }), malformed],
  'an unknown critical extension': [() => notifier.token({}, { header: { crit: ['x'] } }), malformed],
  'no role': [() => notifier.token({ role: undefined }), required],
  'no exp': [() => notifier.token({ exp: undefined }), required],
  'exp is text': [() => notifier.token({ exp: '4102444800' }), 'InvalidJWTToken: Token expiration time is invalid'],
  'claims are an array': [() => h.signToken('[]', notifier), malformed],
  'claims are not JSON': [() => h.signToken('{"role":', notifier), malformed],
}

for (const [name, [token, reason]] of Object.entries(bad)) {
  test(`${name}: ${reason}`, async () => {
    const client = await raw(token())
    assert.deepEqual(await client.join(session()), refused(reason))
    assert.deepEqual(await client.join('realtime:public', {}, '2'), refused(reason))
    await client.heartbeat()
  })
}

test('an expired token says since when', async () => {
  const client = await raw(notifier.token({ exp: h.inSeconds(-100) }))
  const { response } = await client.join(session())
  assert.match(response.reason, /^InvalidJWTToken: Token has expired 10[0-9] seconds ago$/)
})

test('HS384 and HS512 are good too, and a kid does not matter', async () => {
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const client = await raw(notifier.token({}, { alg, header: { kid: 'k1' } }))
    assert.equal((await client.join(session())).status, 'ok')
  }
})

test('a fraction of a second in exp is fine', async () => {
  const client = await raw(notifier.token({ exp: h.inSeconds(60) + 0.5 }))
  assert.equal((await client.join(session())).status, 'ok')
})

test('an anonymous client has no place in a session, but in a public topic', async () => {
  const client = await raw(notifier.token({ role: 'anon', sub: undefined }))
  const topic = session()
  assert.deepEqual(await client.join(topic), refused(
    `Unauthorized: You do not have permissions to read from this Channel topic: ${topic.slice('realtime:'.length)}`))
  assert.equal((await client.join('realtime:public', {}, '2')).status, 'ok')
})

test('what the database objects to is told', async () => {
  const client = await raw(notifier.token({ sub: 'x'.repeat(1000) }))
  const { status, response } = await client.join(session())
  assert.equal(status, 'error')
  assert.match(response.reason, /^Unauthorized: .*participant/)
})

test('the token of the join comes before the key of the connection', async () => {
  const expired = notifier.token({ exp: h.inSeconds(-1) })
  const client = await raw(expired)
  assert.equal((await client.join(session(), { access_token: notifier.token() })).status, 'ok')
  assert.equal((await client.join(session(), { user_token: notifier.token(), access_token: expired }, '2')).status, 'ok')
  assert.equal((await client.join(session(), { user_token: expired, access_token: notifier.token() }, '3')).status, 'error')
})

test('an sb_ key in a join stands for the key of the connection', async () => {
  const client = await raw(notifier.token())
  assert.equal((await client.join(session(), { access_token: 'sb_publishable_x' })).status, 'ok')
})

test('the header x-api-key comes before the URL', async () => {
  const client = await raw('nonsense', { options: { headers: { 'x-api-key': notifier.token() } } })
  assert.equal((await client.join(session())).status, 'ok')
})

test('without policies nobody may join a private topic', async () => {
  const client = await raw(notifier.token())
  const config = { config: { private: true } }
  assert.deepEqual(await client.join('realtime:room', config), refused(
    'Unauthorized: You do not have permissions to read from this Channel topic: room'))
  assert.equal((await client.join(session(), config, '2')).status, 'ok', 'sessions are checked anyway')
})

test('topics that cannot be', async () => {
  const client = await raw(notifier.token())
  const rule = 'TopicNameInvalid: A session id must have 1 to 128 characters of A-Z, a-z, 0-9, _ and -'
  const cases = [
    ['realtime:', 'TopicNameRequired: You must provide a topic name'],
    ['realtim', 'unmatched topic'],
    ['', 'unmatched topic'],
    ['nosuch:topic', 'unmatched topic'],
    ['realtime:session:', rule],
    ['realtime:session:a b', rule],
    ['realtime:session:a:b', rule],
    ['realtime:session:ä', rule],
    ['realtime:session:a\u0000', rule],
    [`realtime:session:${'a'.repeat(129)}`, rule],
    ['realtime:provider-coord-', rule],
    ["realtime:p2p-session-'; DROP TABLE x", rule],
    [`realtime:${'a'.repeat(250)}`, 'TopicNameInvalid: A topic must not be longer than 255 bytes'],
  ]
  let ref = 0
  for (const [topic, reason] of cases) {
    assert.deepEqual(await client.join(topic, {}, String(++ref)), refused(reason), topic)
  }
  assert.equal((await client.join(`realtime:session:${'a'.repeat(128)}`, {}, 'x')).status, 'ok')
})

test('one connection has at most 100 channels', async () => {
  const client = await raw(notifier.token())
  for (let i = 0; i < 100; i++) client.send(`${i}`, `${i}`, `realtime:many-${i}`, 'phx_join', {})
  for (let i = 0; i < 100; i++) assert.equal((await client.reply(`${i}`))[4].status, 'ok')
  assert.deepEqual(await client.join('realtime:one-more', {}, 'x'),
    refused('ChannelRateLimitReached: Too many channels'))
  client.send('0', 'y', 'realtime:many-0', 'phx_leave', {})
  await client.reply('y')
  assert.equal((await client.join('realtime:one-more', {}, 'z')).status, 'ok')
})

test('supabase-js shows the reason to its user', async () => {
  const client = h.closing(
    h.clientKinds[h.newestKind](notifier, notifier.token({ role: 'anon', sub: undefined })))
  const name = `session:${h.newSession()}`
  const channel = await client.join(name, { wait: false })
  await h.eventually('an error', () => channel.errors.length > 0)
  assert.equal(channel.statuses[0], 'CHANNEL_ERROR')
  assert.match(channel.errors[0], /^Unauthorized: You do not have permissions to read/)
})

test('a token that a public key signed is refused, though the key is no secret', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { createSign } = await import('node:crypto')
  const [head, body] = notifier.token({}, { header: { alg: 'RS256' } }).split('.')
  const signed = createSign('RSA-SHA256').update(`${head}.${body}`).sign(privateKey, 'base64url')
  const client = await raw(`${head}.${body}.${signed}`)
  assert.deepEqual(await client.join(session()), refused(signer))
})

test('no token is ever logged', async () => {
  const secret = `secret-${randomUUID()}`
  const token = notifier.token({ sub: secret })
  const client = await raw(token)
  await client.join(session(), { access_token: `${token}x` })
  await client.join(session(), { access_token: token }, '2')
  await client.heartbeat()
  const log = notifier.lines.join('\n')
  assert.ok(!log.includes(token.split('.')[1]))
  assert.ok(!log.includes(notifier.secret))
})

test('upgrades: other paths and versions are refused', async () => {
  const open = (options) => h.RawClient.connect(notifier, options).then((c) => { c.close(); return 101 }, (e) => e.status)
  assert.equal(await open({ path: '/realtime/v1/websocket' }), 101)
  assert.equal(await open({ path: '/socket/websocket' }), 101)
  assert.equal(await open({ path: '/realtime/v1/websocket/' }), 404)
  assert.equal(await open({ path: '/realtime/v1' }), 404)
  assert.equal(await open({ path: '/' }), 404)
  for (const [vsn, status] of [[undefined, 101], ['1.0.0', 101], ['1.0.7', 101], ['2.0.0', 101],
    ['2.1.0', 403], ['3.0.0', 403], ['2.0.', 403], ['2.0.0-x', 403], ['x', 403]]) {
    assert.equal(await open({ vsn }), status, vsn)
  }
})

test('a token of 5 KB in the URL is read', async () => {
  const client = await raw(notifier.token({ padding: 'x'.repeat(5000) }))
  assert.equal((await client.join(session())).status, 'ok')
})
