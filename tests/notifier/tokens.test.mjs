// Does a channel live as long as its tokens, and heal when it gets a new one?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started })

async function joined(claims, topic = `realtime:session:${h.newSession()}`) {
  const client = await h.raw({ apikey: notifier.token(claims) })
  assert.equal((await client.join(topic)).status, 'ok')
  return { client, topic }
}

const failure = (client) => client.frame('phx_error', (frame) => frame[3] === 'phx_error')
const inSecondsExactly = (seconds) => Date.now() / 1000 + seconds

test('a channel ends with its token: a system message, then phx_error', async () => {
  const { client, topic } = await joined({ exp: inSecondsExactly(0.8) })
  const system = await client.frame('a system message', (frame) => frame[3] === 'system')
  assert.deepEqual(system.slice(0, 4), ['1', null, topic, 'system'])
  assert.match(system[4].message, /^Token has expired [01] seconds ago$/)
  assert.deepEqual({ ...system[4], message: '' },
    { extension: 'system', status: 'error', message: '', channel: topic.slice('realtime:'.length) })
  const error = await failure(client)
  assert.deepEqual(error.slice(0, 4), ['1', '1', topic, 'phx_error'])
  assert.equal(error[4].code, 4401)
  client.send('1', '2', topic, 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
  assert.equal((await client.reply('2'))[4].response.reason, 'unmatched topic')
})

test('a new token lengthens the life of a channel, in silence', async () => {
  const { client, topic } = await joined({ exp: inSecondsExactly(1.2), sub: 'a' })
  const other = 'realtime:public'
  await client.join(other, { access_token: notifier.token({ exp: inSecondsExactly(1.2) }) }, '2')
  client.send('1', '3', topic, 'access_token', { access_token: notifier.token({ sub: 'a' }) })
  // The other channel's end shows that the time of this one's first token is up.
  const error = await failure(client)
  assert.equal(error[2], other)
  client.send('1', '4', topic, 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
  await client.heartbeat()
  assert.ok(!client.frames.some((frame) => frame[2] === topic))
})

for (const [name, token, message] of [
  ['expired', () => notifier.token({ exp: h.inSeconds(-10) }), /^Token has expired 1\d seconds ago$/],
  ['badly signed', () => h.signToken({ role: 'authenticated', exp: h.inSeconds(60) }, { secret: 'x' }), /^Failed to validate JWT signature$/],
  ['malformed', () => 'nonsense', /^The token provided is not a valid JWT$/],
  ['without a role', () => notifier.token({ role: undefined }), /^Fields `role` and `exp` are required in JWT$/],
  ['without a right', () => notifier.token({ role: 'anon', sub: undefined }), /^You no longer have permission to read from this Channel topic: session:/],
]) {
  test(`a new token that is ${name} ends the channel`, async () => {
    const { client, topic } = await joined()
    client.send('1', '2', topic, 'access_token', { access_token: token() })
    const system = await client.frame('a system message', (frame) => frame[3] === 'system')
    assert.match(system[4].message, message)
    assert.match((await failure(client))[4].reason, message)
  })
}

test('sb_ keys, null and the same token change nothing', async () => {
  const apikey = notifier.token()
  const topic = `realtime:session:${h.newSession()}`
  const client = await h.raw({ apikey })
  await client.join(topic)
  for (const access_token of ['sb_secret_x', null, apikey, 5, {}]) {
    client.send('1', 'x', topic, 'access_token', { access_token })
  }
  client.send('1', 'x', topic, 'access_token', null)
  client.send('1', '9', topic, 'nonsense', {})
  await client.reply('9')
  assert.deepEqual(client.frames, [])
})

test('supabase-js heals by itself once its app has a new token', async () => {
  const session = h.newSession()
  let exp = inSecondsExactly(1.5)
  const client = h.closing(
    h.supabaseWithTokens(notifier, notifier.token({ role: 'anon', sub: undefined }),
      async () => notifier.token({ sub: 'alice', exp })))
  await h.claim(session)
  const channel = await client.join(`session:${session}`)
  await h.eventually('the state is heard', () => h.lastHeard(channel) === 1)
  await h.eventually('the channel fails', () => channel.statuses.includes('CHANNEL_ERROR'))
  await h.switchProvider(session, 1)
  exp = h.inSeconds(3600)
  // supabase-js does this itself with each heartbeat, every 25 s.
  await client.client.realtime.setAuth()
  await h.eventually('it is joined again', () => channel.statuses.at(-1) === 'SUBSCRIBED')
  await h.eventually('the missed switch is heard', () => h.lastHeard(channel) === 2)
  assert.ok(channel.system.some((m) => /^Token has expired/.test(m.message)))
})
