// Do all subscribers end right when the database fails under the notifier?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as h from './harness.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started }, { args: ['--database-timeout-ms', '2000'] })

const { connect } = h

// Sessions, each with one subscriber of each kind.
async function populate(count) {
  const sessions = []
  for (let i = 0; i < count; i++) {
    const session = h.newSession()
    await h.claim(session)
    const channels = await Promise.all(
      Object.keys(h.clientKinds).map((kind) => connect(kind).join(`session:${session}`)))
    sessions.push({ session, channels, epoch: 1 })
  }
  return sessions
}

async function switchAll(sessions) {
  for (const each of sessions) {
    each.epoch = (await h.switchProvider(each.session, each.epoch)).epoch
  }
}

// Everybody ends with what the table says, and never heard an epoch go back.
async function allEndRight(sessions) {
  for (const { session, channels } of sessions) {
    const last = await h.lastEpoch(session)
    for (const channel of channels) {
      await h.eventually(`epoch ${last} is heard`, () => h.lastHeard(channel) === last)
      assert.ok(h.isAscending(h.epochsOf(channel)), JSON.stringify(h.epochsOf(channel)))
    }
  }
}

test('PostgreSQL restarts while sessions switch', async () => {
  const sessions = await populate(5)
  for (const mode of ['fast', 'immediate']) {
    await switchAll(sessions)
    const line = notifier.lines.length
    await h.restartCluster(mode)
    await switchAll(sessions)
    await notifier.logged(/link=listener event=resync/, line)
    await switchAll(sessions)
    await allEndRight(sessions)
  }
})

test('the listener is terminated again and again while sessions switch', async () => {
  const sessions = await populate(5)
  for (let i = 0; i < 10; i++) {
    const line = notifier.lines.length
    const switching = switchAll(sessions)
    await h.eventually('the listener is terminated', async () => {
      const [listener] = await h.backends(`~ ${h.LISTENER_QUERIES}`)
      return listener && (await h.sql('SELECT pg_terminate_backend($1) AS done', [listener.pid]))[0].done
    })
    await notifier.logged(/link=listener event=resync/, line)
    await switching
  }
  await allEndRight(sessions)
})

test('all backends are terminated while clients join', async () => {
  const session = h.newSession()
  await h.claim(session)
  const channels = []
  for (let i = 0; i < 10; i++) {
    const joins = [1, 2, 3, 4, 5].map(() => connect().join(`session:${session}`))
    await h.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'harthio-notifier'`)
    await h.switchProvider(session, i + 1)
    channels.push(...await Promise.all(joins))
  }
  await allEndRight([{ session, channels }])
})

test('without an answer of the database a join is refused in time, and heartbeats go on', async () => {
  const raw = await h.raw()
  await h.whileDatabaseIsSilent(async () => {
    raw.send('1', '1', `realtime:session:${h.newSession()}`, 'phx_join', {})
    for (let i = 0; i < 20; i++) await raw.heartbeat()
    const [, , , , answer] = await raw.frame('an answer to the join', (frame) => frame[1] === '1')
    assert.deepEqual(answer, { status: 'error', response: { reason:
      'UnableToConnectToProject: Realtime was unable to connect to the project database' } })
  })
  assert.equal((await raw.join(`realtime:session:${h.newSession()}`, {}, '2')).status, 'ok')
})

test('a join is left, and its connection closed, while the database is asked', async () => {
  const [stays, goes] = [await h.raw(),
    await h.raw()]
  const topic = `realtime:session:${h.newSession()}`
  await h.whileDatabaseIsSilent(async () => {
    for (const client of [stays, goes]) client.send('1', '1', topic, 'phx_join', {})
    stays.send('1', '2', topic, 'phx_leave', {})
    assert.equal((await stays.reply('2'))[4].status, 'ok')
    assert.equal((await stays.frame('phx_close', (frame) => frame[3] === 'phx_close'))[0], '1')
    stays.send('3', '3', topic, 'phx_join', {})
    stays.send('4', '4', topic, 'phx_join', {})
    assert.equal((await stays.frame('phx_close', (frame) => frame[3] === 'phx_close'))[0], '3')
    stays.send('4', '5', topic, 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    assert.equal((await stays.reply('5'))[4].response.reason, 'channel is not joined yet')
    goes.close()
    await goes.closed
  })
  assert.equal((await stays.reply('4'))[4].status, 'ok')
  assert.ok(!stays.frames.some((frame) => frame[1] === '1' || frame[1] === '3'))
})

test('a token that cannot be checked now changes nothing, and one sent during a join decides it', async () => {
  const [member, joiner] = [await h.raw(),
    await h.raw()]
  const topic = `realtime:session:${h.newSession()}`
  await member.join(topic)
  await h.whileDatabaseIsSilent(async () => {
    joiner.send('1', '1', topic, 'phx_join', {})
    joiner.send('1', '2', topic, 'access_token', { access_token: notifier.token({ role: 'anon', sub: undefined }) })
    member.send('1', '2', topic, 'access_token', { access_token: notifier.token() })
    await Promise.all([member.heartbeat(), joiner.heartbeat()])
  })
  const answer = await joiner.frame('an answer', (frame) => frame[2] === topic)
  assert.equal(answer[1], '1')
  assert.match(answer[4].response.reason, /^Unauthorized: /)
  await h.whileDatabaseIsSilent(async () => {
    member.send('1', '3', topic, 'access_token', { access_token: notifier.token() })
    const line = notifier.lines.length
    await notifier.logged(/link=query event=lost reason="no answer in time"/, line)
  })
  member.send('1', '4', topic, 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
  member.send('1', '5', topic, 'nonsense', {})
  await member.reply('5')
  assert.deepEqual(member.frames, [])
})

test('an order to resync brings what was missed', async () => {
  const session = h.newSession()
  const channel = await connect().join(`session:${session}`)
  await h.claim(session)
  await h.eventually('the claim is heard', () => h.lastHeard(channel) === 1)
  const line = notifier.lines.length
  await h.sql(`SELECT pg_notify('harthio', '{"resync":true}')`)
  await notifier.logged(/event=resync sessions=\d+/, line)
  await h.switchProvider(session, 1)
  await h.eventually('the switch is heard', () => h.lastHeard(channel) === 2)
  assert.deepEqual(h.epochsOf(channel), [1, 2])
})

test('old, equal and merely reread states are not passed on, and nonsense does no harm', async () => {
  const session = h.newSession()
  await h.claim(session)
  await h.switchProvider(session, 1)
  const channel = await connect().join(`session:${session}`)
  const state = (await h.eventually('the state', () => channel.messages[0])).payload
  const say = (payload) => h.sql('SELECT pg_notify($1, $2)', ['harthio', typeof payload === 'string' ? payload : JSON.stringify(payload)])
  await say({ ...state, epoch: 1, version: state.version + 1000 })
  await say({ ...state, generation: 0, epoch: 9, version: state.version + 1000 })
  await say(state)
  await say({ ...state, version: state.version + 1 })
  await say({ ...state, version: state.version + 1, reason: 'other' })
  for (const nonsense of ['', '{', 'null', '[]', '{}', '{"resync":false}', '{"sessionId":5}',
    '{"sessionId":"a b","generation":1,"epoch":1,"version":1}', '{"sessionId":"a","generation":1.5,"epoch":1,"version":1}',
    `{"sessionId":"${session}","generation":1e99,"epoch":9,"version":1}`]) await say(nonsense)
  await say({ ...state, version: state.version + 2, reason: 'changed' })
  await h.eventually('the change is heard', () => channel.messages.at(-1).payload.reason === 'changed')
  assert.equal(channel.messages.length, 2)
  await say({ ...state, generation: state.generation + 1, epoch: 1 })
  await h.eventually('another generation is heard', () => channel.messages.length === 3)
  assert.equal(channel.messages[2].payload.epoch, 1)
})

test('more sessions than fit into one snapshot are all resynchronised', async () => {
  const prefix = h.newSession().slice(0, 20)
  await h.sql(`SELECT harthio_claim_provider($1 || '-' || i, 'alice') FROM generate_series(1, 1200) i`, [prefix])
  const raws = []
  for (let c = 0; c < 12; c++) {
    const raw = await h.raw()
    raws.push(raw)
    for (let i = 1; i <= 100; i++) {
      raw.send(`${i}`, `${i}`, `realtime:session:${prefix}-${c * 100 + i}`, 'phx_join', {})
    }
  }
  const heard = (raw, epoch) => raw.frames.filter((f) => f[3] === 'broadcast' && f[4].payload.epoch === epoch).length
  for (const raw of raws) await h.eventually('100 states', () => heard(raw, 1) === 100)
  const line = notifier.lines.length
  const restarting = h.restartCluster('fast')
  await restarting
  await h.sql(`SELECT harthio_switch_provider($1 || '-' || i, 1) FROM generate_series(1, 1200) i`, [prefix])
  // Each thread has its part of them.
  await notifier.loggedByAll(notifier.threads === 1 ? /event=resync sessions=1\d\d\d/ : /event=resync sessions=\d\d\d/, line)
  for (const raw of raws) await h.eventually('100 switches', () => heard(raw, 2) === 100)
})
