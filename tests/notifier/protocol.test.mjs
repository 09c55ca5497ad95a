// The rest of the protocol: what joins ask for, what is told when, and in which words.

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started })

const { connect, raw } = h

const newTopic = () => `realtime:room-${randomUUID()}`
const broadcast = (payload = {}) => ({ type: 'broadcast', event: 'e', payload })
const refused = (reason) => ({ status: 'error', response: { reason } })

for (const kind of Object.keys(h.clientKinds)) {
  test(`${kind}: join, leave, join again, heartbeat`, async () => {
    const client = connect(kind)
    const topic = `room:${randomUUID()}`
    // Without any channel left some versions hang up, and do not come back.
    await client.join(`room:${randomUUID()}`)
    const first = await client.join(topic, { broadcast: { ack: true } })
    assert.equal(await first.send('one', {}), 'ok')
    await first.leave()
    const second = await client.join(topic, { broadcast: { ack: true, self: true } })
    assert.equal(await second.send('two', { n: 2 }), 'ok')
    await h.eventually('its own', () => second.messages.length === 1)
    assert.deepEqual(first.messages, [])
    await client.client?.realtime.sendHeartbeat?.()
    assert.deepEqual(second.statuses, ['SUBSCRIBED'])
  })

  test(`${kind}: row changes are echoed and refused, and the channel goes on`, async () => {
    const client = connect(kind)
    if (!client.client) return
    const channel = client.client.channel(`room:${randomUUID()}`, { config: { broadcast: { ack: true } } })
    const [statuses, system] = [[], []]
    channel.on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'a', filter: 'id=eq.1' }, () => {})
    channel.on('postgres_changes', { event: '*', schema: 'public' }, () => {})
    channel.on('system', {}, (message) => system.push(message))
    channel.subscribe((status) => statuses.push(status))
    await h.eventually('the system message', () => system.length === 1)
    assert.deepEqual({ ...system[0], channel: '' },
      { extension: 'postgres_changes', status: 'error', message: 'Row changes are not offered by this server', channel: '' })
    assert.equal(await channel.send({ type: 'broadcast', event: 'e', payload: {} }), 'ok')
    assert.deepEqual(statuses, ['SUBSCRIBED'])
  })
}

test('a join\'s bindings come back in their order, each with an id of its own', async () => {
  const client = await raw()
  const reply = await client.join(newTopic(), { config: { postgres_changes: [
    { event: '*', schema: 'public' }, null, { event: 'INSERT', schema: 's', table: 't', filter: 'a=eq.1', select: ['a'] }, {}] } })
  const { postgres_changes: bindings } = reply.response
  assert.equal(new Set(bindings.map((one) => one.id)).size, 3)
  assert.deepEqual(bindings.map(({ id, ...rest }) => rest),
    [{ event: '*', schema: 'public' }, { event: 'INSERT', schema: 's', table: 't', filter: 'a=eq.1' }, {}])
  assert.deepEqual((await client.join(newTopic(), {}, '2')).response, { postgres_changes: [] })
})

test('replay is refused in the words of the protocol', async () => {
  const client = await raw()
  const config = { broadcast: { replay: { since: 1, limit: 5 } } }
  assert.deepEqual(await client.join(newTopic(), { config }),
    refused('UnableToReplayMessages: Replay is not allowed for public channels'))
  assert.deepEqual(await client.join(`realtime:session:${h.newSession()}`, { config: { ...config, private: true } }, '2'),
    refused('UnableToReplayMessages: Replay is not offered for sessions'))
})

test('who asks when the database is heard is told, once', async () => {
  const client = await raw()
  const topic = `realtime:session:${h.newSession()}`
  await client.join(topic, { config: { broadcast: { replication_ready: true } } })
  assert.deepEqual(await client.frame('a system message', (f) => f[3] === 'system'),
    ['1', null, topic, 'system', { extension: 'system', status: 'ok', message: 'Replication connection established',
      channel: topic.slice('realtime:'.length) }])
})

test('a message that is to be stored is sent, and its sender is told that it is not stored', async () => {
  const topic = newTopic()
  const [client, witness] = [await raw(), await raw()]
  await client.join(topic, { config: {} })
  await witness.join(topic, { config: {} })
  for (const [i, metadata] of ['{"persist":true}', '{"persist":{"ttl":60}}'].entries()) {
    client.ws.send(h.kind3({ joinRef: '1', ref: `p${i}`, topic, event: 'e', metadata, encoding: 1, payload: '{}' }))
    assert.deepEqual((await client.reply(`p${i}`))[4],
      { status: 'error', response: { error: 'Messages are not stored by this server' } })
    await witness.frame('it is heard', (f) => f[3] === 'broadcast')
  }
  for (const metadata of ['{"persist":false}', '{"persist":null}', '{}', '{"x":[1]}']) {
    client.ws.send(h.kind3({ joinRef: '1', ref: 'x', topic, event: 'e', metadata, encoding: 1, payload: '{}' }))
    await witness.frame('it is heard', (f) => f[3] === 'broadcast')
  }
  for (const metadata of ['x', '[]', '{', '5', '{}x']) {
    client.ws.send(h.kind3({ joinRef: '1', ref: 'x', topic, event: 'bad', metadata, encoding: 1, payload: '{}' }))
  }
  await client.heartbeat()
  assert.deepEqual(client.frames, [])
  await witness.heartbeat()
  assert.deepEqual(witness.frames, [])
})

test('an opaque message is kind 4, byte for byte', async () => {
  const [client, witness] = [await raw(), await raw()]
  const topic = 'realtime:topic:room'
  for (const one of [client, witness]) await one.join(topic, { config: {} })
  client.ws.send(Buffer.from('0301011303000036397265616c74696d653a746f7069633a726f6f6d62696e0102ff00', 'hex').fill('1', 7, 8))
  const frame = await witness.frame('the bytes', (f) => Buffer.isBuffer(f))
  assert.equal(frame.toString('hex'), '04130300007265616c74696d653a746f7069633a726f6f6d62696e0102ff00')
})

test('joining again ends the first join, with what it showed of itself', async () => {
  const topic = newTopic()
  const [client, witness] = [await raw(), await raw()]
  const config = { config: { presence: { key: 'k', enabled: true } } }
  await witness.join(topic, config)
  await client.join(topic, config)
  client.send('1', '2', topic, 'presence', { event: 'track', payload: { n: 1 } })
  await client.reply('2')
  await witness.frame('the join', (f) => f[3] === 'presence_diff')
  client.send('3', '3', topic, 'phx_join', config)
  assert.deepEqual(await client.frame('phx_close', (f) => f[3] === 'phx_close'), ['1', '1', topic, 'phx_close', {}])
  assert.equal((await client.reply('3'))[4].status, 'ok')
  assert.deepEqual(Object.keys((await witness.frame('the leave', (f) => f[3] === 'presence_diff'))[4].leaves), ['k'])
  for (const event of ['broadcast', 'presence', 'access_token', 'phx_leave', 'nonsense']) {
    client.send('1', 'stale', topic, event, { event: 'track', payload: {} })
  }
  await client.heartbeat()
  assert.ok(!client.frames.some((f) => f[1] === 'stale' || f[3] === 'phx_close'), JSON.stringify(client.frames))
  client.send(null, '4', topic, 'presence', { event: 'track', payload: { n: 2 } })
  assert.equal((await client.reply('4'))[4].status, 'ok', 'no join_ref is taken for the right one')
})

test('null refs are echoed as null, in both serializers', async () => {
  const two = await raw()
  const topic = newTopic()
  two.send(null, null, topic, 'phx_join', {})
  assert.deepEqual(await two.frame('the reply', (f) => f[3] === 'phx_reply'),
    [null, null, topic, 'phx_reply', { status: 'ok', response: { postgres_changes: [] } }])
  const one = await raw({ vsn: '1.0.0' })
  one.ws.send(JSON.stringify({ topic, event: 'phx_join', payload: {}, ref: null }))
  assert.deepEqual(await one.frame('the reply', (f) => f.event === 'phx_reply'),
    { ref: null, topic, event: 'phx_reply', payload: { status: 'ok', response: { postgres_changes: [] } } })
  one.ws.send(JSON.stringify({ topic, event: 'phx_leave', payload: {}, ref: '5' }))
  assert.deepEqual(await one.frame('the end', (f) => f.event === 'phx_close'), { ref: null, topic, event: 'phx_close', payload: {} })
})

test('without a vsn it is 1.0.0, and what else is in the query means nothing', async () => {
  for (const more of ['', '&log_level=info&foo=b%20r&eventsPerSecond=10', '&log_level=nonsense']) {
    const client = await raw({ vsn: null, path: `/socket/websocket?apikey=${notifier.token()}${more}&x=` })
    client.ws.send(JSON.stringify({ topic: 'phoenix', event: 'heartbeat', payload: {}, ref: '1' }))
    assert.deepEqual(await client.frame('the answer', (f) => f.ref === '1'),
      { ref: '1', topic: 'phoenix', event: 'phx_reply', payload: { status: 'ok', response: {} } })
  }
})

test('the state of a topic comes after each join, also the second', async () => {
  const client = await raw()
  const topic = newTopic()
  for (const ref of ['1', '2', '3']) {
    assert.equal((await client.join(topic, { config: { presence: { key: 'k', enabled: true } } }, ref)).status, 'ok')
    const state = await client.frame('the state', (f) => f[3] === 'presence_state')
    assert.deepEqual([state[0], state[4]], [ref, {}])
  }
})

test('at a restart each channel is told that it is the server who ends', async () => {
  const own = await h.Notifier.start()
  h.closing({ close: () => own.process.kill('SIGKILL') })
  const client = await h.RawClient.connect(own, { apikey: own.token() })
  const topics = [newTopic(), newTopic()]
  for (const [i, topic] of topics.entries()) await client.join(topic, {}, `${i}`)
  const stopped = own.stop()
  assert.deepEqual(await client.closed, { code: 1012, reason: 'server is restarting' })
  await stopped
  const told = client.frames.filter((f) => f[3] === 'system')
  assert.deepEqual(told.map((f) => f[2]).sort(), [...topics].sort())
  assert.deepEqual({ ...told[0][4], channel: '' },
    { extension: 'system', status: 'ok', message: 'Server requested disconnect', channel: '' })
})
