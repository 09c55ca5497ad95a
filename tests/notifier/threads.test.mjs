// Are several event loops one notifier for those who talk to it?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import * as h from './harness.mjs'
import { dropRealtimeAfterThisFile, loadRealtime } from './realtime.mjs'

const THREADS = 3
const args = ['--threads', String(THREADS), '--internal-listen', '127.0.0.1:0']

let notifier
h.notifierForThisFile((started) => { notifier = started }, { args })
dropRealtimeAfterThisFile()

const newTopic = () => `realtime:room-${randomUUID()}`
const numbers = (count) => Array.from({ length: count }, (_, i) => i)

// One of what open() makes in each loop, in their order.
async function inEachLoop(open, at = notifier) {
  const opened = new Map()
  for (let tries = 0; opened.size < THREADS && tries < 100; tries++) {
    const line = at.lines.length
    const client = h.closing(await open())
    const [, loop] = await at.logged(/event=opened .* loop=(\d)/, line)
    if (opened.has(loop)) client.close()
    else opened.set(loop, client)
  }
  return numbers(THREADS).map((loop) => opened.get(String(loop)))
}

// Each has in `all` what it ever heard.
async function rawInEachLoop(options = {}, at = notifier) {
  const raws = await inEachLoop(() => h.RawClient.connect(at, { apikey: at.token(), ...options }), at)
  for (const raw of raws) {
    raw.all = []
    raw.ws.on('message', (data, binary) => { if (!binary) raw.all.push(JSON.parse(data)) })
  }
  return raws
}

// A supabase-js client connects when it first joins, here to a topic of its own.
const supabaseInEachLoop = () => inEachLoop(async () => {
  const client = h.clientKinds[h.newestKind](notifier, notifier.token())
  await client.join(randomUUID())
  return client
})

const hello = (payload = {}) => ({ type: 'broadcast', event: 'hello', payload })
const heard = (raw, topic) => raw.all.filter((frame) =>
  frame[3] === 'broadcast' && (topic === undefined || frame[2] === topic))
const everyoneHas = (what, raws, count) => h.eventually(what, () => raws.every((raw) => heard(raw).length >= count))

// What is sent after it and heard shows that nothing else is on its way.
async function settled(raws) {
  for (const raw of raws) await raw.heartbeat()
  for (const raw of raws) await raw.heartbeat()
}

const byLoop = (name) => Promise.all(numbers(THREADS).map((loop) => notifier.metric(`${name}{loop="${loop}"}`)))

// ---------------------------------------------------------------- connections

test('connections are spread over the loops, and who comes goes where there are fewest', async () => {
  const own = await h.Notifier.start({ args })
  const open = () => h.RawClient.connect(own, { apikey: own.token() })
  const loops = []
  const clients = []
  for (let i = 0; i < 6; i++) {
    const line = own.lines.length
    clients.push(h.closing(await open()))
    loops.push((await own.logged(/event=opened .* loop=(\d)/, line))[1])
  }
  assert.deepEqual(loops.toSorted(), ['0', '0', '1', '1', '2', '2'])
  const emptied = clients.filter((_, i) => loops[i] === '1')
  const line = own.lines.length
  for (const client of emptied) client.close()
  await h.eventually('both are gone', () =>
    own.lines.slice(line).filter((each) => each.includes('event=closed')).length === 2)
  for (let i = 0; i < 2; i++) {
    const from = own.lines.length
    h.closing(await open())
    assert.equal((await own.logged(/event=opened .* loop=(\d)/, from))[1], '1')
  }
  const ids = own.lines.flatMap((each) => /id=(\d+) event=opened/.exec(each)?.[1] ?? [])
  assert.equal(new Set(ids).size, 8)
  assert.ok(ids.every((id) => Number(id) <= 4 * THREADS), String(ids))
  await own.stop()
})

test('metrics are of all loops together, and some by loop', async () => {
  const before = await notifier.metric('joins_total')
  const raws = await rawInEachLoop()
  const topic = newTopic()
  const rooms = await notifier.metric('rooms')
  for (const raw of raws) assert.equal((await raw.join(topic)).status, 'ok')
  assert.equal(await notifier.metric('joins_total'), before + THREADS)
  await h.eventually('a topic of three loops is counted once', async () =>
    await notifier.metric('rooms') === rooms + 1)
  await h.eventually('the sum is the sum', async () => {
    const each = await byLoop('loop_connections')
    return each.every((count) => count >= 1) &&
      each.reduce((a, b) => a + b) === await notifier.metric('connections')
  })
  await h.eventually('all are ready', async () => (await notifier.internal('/readyz')).status === 200)
  assert.deepEqual(await byLoop('loop_ready'), [1, 1, 1])
  for (const raw of raws) raw.close()
})

// ---------------------------------------------------------------- broadcasts

test('a broadcast is heard in all loops, once, in order, by each serializer', async () => {
  const [sender, ...others] = [...await rawInEachLoop(), ...await rawInEachLoop({ vsn: '1.0.0' })]
  const topic = newTopic()
  const olds = others.filter((raw) => raw.ws.url.includes('1.0.0'))
  const news = others.filter((raw) => !olds.includes(raw))
  assert.equal((await sender.join(topic, { config: { broadcast: { ack: true } } })).status, 'ok')
  for (const raw of news) assert.equal((await raw.join(topic)).status, 'ok')
  for (const raw of olds) {
    raw.ws.send(JSON.stringify({ topic, event: 'phx_join', payload: {}, ref: '1', join_ref: '1' }))
    await h.eventually('joined', () => raw.all.some((frame) => frame.event === 'phx_reply' && frame.payload.status === 'ok'))
  }
  for (const n of numbers(200)) sender.send('1', `b${n}`, topic, 'broadcast', hello({ n }))
  await sender.reply('b199')
  await everyoneHas('200 messages', news, 200)
  const oldHeard = (raw) => raw.all.filter((frame) => frame.event === 'broadcast')
  await h.eventually('200 messages', () => olds.every((raw) => oldHeard(raw).length >= 200))
  await settled([sender])
  for (const raw of news) assert.deepEqual(heard(raw).map((frame) => frame[4].payload.n), numbers(200))
  for (const raw of olds) assert.deepEqual(oldHeard(raw).map((frame) => frame.payload.payload.n), numbers(200))
  assert.equal(heard(sender).length, 0)
})

test('a loop that is not woken, as it was awake, is reminded', async () => {
  const [one, other] = await rawInEachLoop()
  const topic = newTopic()
  for (const raw of [one, other]) await raw.join(topic)
  // each answers at once, so both have always been awake a moment ago
  for (const n of numbers(500)) {
    const [from, to] = n % 2 ? [one, other] : [other, one]
    from.send('1', `p${n}`, topic, 'broadcast', hello({ n }))
    await to.frame('the other one\'s', (frame) => frame[3] === 'broadcast')
  }
})

test('bytes that are not JSON reach those in other loops who understand them', async () => {
  const raws = await rawInEachLoop()
  const topic = newTopic()
  for (const raw of raws) assert.equal((await raw.join(topic)).status, 'ok')
  const bytes = Buffer.from([0, 255, 1])
  const [first, second, third] = raws
  const message = h.kind3({ joinRef: '1', ref: '2', topic, event: 'e', encoding: 0, payload: bytes })
  second.ws.send(message) // shows that it understands them
  await second.heartbeat()
  first.ws.send(message)
  const frame = await h.eventually('the bytes', () => second.frames.find((each) => Buffer.isBuffer(each)))
  assert.ok(frame.includes(bytes))
  await settled([first])
  assert.ok(!third.frames.some((each) => Buffer.isBuffer(each)))
})

test('supabase-js hears its peers in whichever loop they are', async () => {
  const clients = await supabaseInEachLoop()
  const topic = `room-${randomUUID()}`
  const channels = []
  for (const client of clients) channels.push(await client.join(topic, { broadcast: { self: true, ack: true } }))
  for (const [i, channel] of channels.entries()) assert.equal(await channel.send('from', { i }), 'ok')
  for (const channel of channels) {
    await h.eventually('all three', () => channel.messages.length === THREADS)
    assert.deepEqual(channel.messages.map(({ payload }) => payload.i), [0, 1, 2])
  }
})

test('a broadcast by HTTP reaches all loops, whichever takes it', async () => {
  const raws = await rawInEachLoop()
  const topic = newTopic()
  for (const raw of raws) assert.equal((await raw.join(topic)).status, 'ok')
  const post = (to, n) => fetch(`${notifier.httpUrl}/api/broadcast`, {
    method: 'POST', headers: { authorization: `Bearer ${notifier.token()}`, connection: 'close' },
    body: JSON.stringify({ messages: [{ topic: to, event: 'e', payload: { n } }] }) })
  for (const n of numbers(9)) assert.equal((await post(topic.slice('realtime:'.length), n)).status, 202)
  await everyoneHas('nine messages', raws, 9)
  // One who is in one loop only is found by the others too.
  const alone = newTopic()
  assert.equal((await raws[1].join(alone, {}, '2')).status, 'ok')
  for (const n of numbers(9)) assert.equal((await post(alone.slice('realtime:'.length), n)).status, 202)
  await h.eventually('nine more', () => heard(raws[1], alone).length === 9)
  await settled(raws)
  for (const raw of raws) assert.equal(heard(raw, topic).length, 9)
})

test('who has left a topic hears no more of it, nor does who comes again hear it twice', async () => {
  const [one, two] = await rawInEachLoop()
  const topic = newTopic()
  assert.equal((await one.join(topic)).status, 'ok')
  for (const n of numbers(20)) {
    assert.equal((await two.join(topic, {}, `j${n}`)).status, 'ok')
    one.send('1', `s${n}`, topic, 'broadcast', hello({ n }))
    await h.eventually('it is heard', () => heard(two).some((frame) => frame[4].payload.n === n))
    two.send(`j${n}`, `l${n}`, topic, 'phx_leave', {})
    await two.reply(`l${n}`)
  }
  one.send('1', 's', topic, 'broadcast', hello({ n: 'last' }))
  await settled([one, two])
  assert.deepEqual(heard(two).map((frame) => frame[4].payload.n), numbers(20))
})

// ---------------------------------------------------------------- presence

const present = (key) => ({ config: { presence: { key, enabled: true } } })
const track = (payload) => ({ type: 'presence', event: 'track', payload })

// What a client makes of the state and the diffs: { key: [name, ...] }
function view(raw, topic) {
  let state
  for (const [, , of, event, payload] of raw.all) {
    if (of !== topic) continue
    if (event === 'presence_state') {
      state = Object.fromEntries(Object.entries(payload).map(([key, { metas }]) => [key, metas]))
    }
    if (event !== 'presence_diff') continue
    for (const [key, { metas }] of Object.entries(payload.leaves)) {
      const refs = metas.map((meta) => meta.phx_ref)
      state[key] = (state[key] ?? []).filter((meta) => !refs.includes(meta.phx_ref))
      if (state[key].length === 0) delete state[key]
    }
    for (const [key, { metas }] of Object.entries(payload.joins)) state[key] = [...(state[key] ?? []), ...metas]
  }
  return state && Object.fromEntries(Object.entries(state)
    .map(([key, metas]) => [key, metas.map((meta) => meta.name).toSorted()]).toSorted())
}

const everyoneSees = (raws, topic, wanted) => h.eventually(`all see ${JSON.stringify(wanted)}`, () => {
  for (const raw of raws) assert.deepEqual(view(raw, topic), wanted)
  return true
})

test('presences of all loops are in the first state, and diffs tell what changes', async () => {
  const raws = [...await rawInEachLoop(), ...await rawInEachLoop()]
  const topic = newTopic()
  for (const [i, raw] of raws.entries()) {
    assert.equal((await raw.join(topic, present(`k${i % 4}`))).status, 'ok')
    const first = await h.eventually('a state', () => raw.all.find((frame) => frame[3] === 'presence_state'))
    assert.equal(Object.values(first[4]).flatMap(({ metas }) => metas).length, i, 'all who were there before')
    raw.send('1', '2', topic, 'presence', track({ name: `n${i}` }))
    assert.equal((await raw.reply('2'))[4].status, 'ok')
    // Whoever comes next may be told by another loop, which has to have heard it.
    await h.eventually('all see it', () => raws.slice(0, i + 1).every((each) =>
      JSON.stringify(view(each, topic)).includes(`n${i}`)))
  }
  const all = { k0: ['n0', 'n4'], k1: ['n1', 'n5'], k2: ['n2'], k3: ['n3'] }
  const newcomers = await rawInEachLoop()
  for (const raw of newcomers) await raw.join(topic, present('watcher'), '9')
  await everyoneSees(newcomers, topic, all)
  raws[0].send('1', '3', topic, 'presence', track({ name: 'changed' }))
  await everyoneSees(newcomers, topic, { ...all, k0: ['changed', 'n4'] })
  raws[1].send('1', '3', topic, 'presence', { type: 'presence', event: 'untrack' })
  raws[2].send('1', '3', topic, 'phx_leave', {})
  raws[3].close()
  await everyoneSees(newcomers, topic, { k0: ['changed', 'n4'], k1: ['n5'] })
  // A presence has the same reference in all loops.
  const refs = (raw) => new Set(JSON.stringify(raw.all).match(/"phx_ref":"[^"]+"/g).toSorted())
  assert.equal(refs(newcomers[0]).size, 7)
  assert.deepEqual(refs(newcomers[0]), refs(newcomers[2]))
})

test('those of a loop whose last member goes are gone, and back when one comes back', async () => {
  const [one, two, three] = await rawInEachLoop()
  const topic = newTopic()
  assert.equal((await three.join(topic, present('watcher'))).status, 'ok')
  for (const n of numbers(10)) {
    for (const [i, raw] of [one, two].entries()) {
      assert.equal((await raw.join(topic, present(`k${i}`), `j${n}`)).status, 'ok')
      raw.send(`j${n}`, `t${n}`, topic, 'presence', track({ name: `${n}` }))
    }
    await everyoneSees([three], topic, { k0: [`${n}`], k1: [`${n}`] })
    one.send(`j${n}`, `l${n}`, topic, 'phx_leave', {})
    two.send(`j${n}`, `l${n}`, topic, 'phx_leave', {})
    await everyoneSees([three], topic, {})
  }
})

test('when many come, change and go in all loops at once, all see the same in the end', async () => {
  const raws = [...await rawInEachLoop(), ...await rawInEachLoop(), ...await rawInEachLoop()]
  const topic = newTopic()
  const leaving = raws.slice(6)
  await Promise.all(raws.map(async (raw, i) => {
    for (const n of numbers(10)) {
      assert.equal((await raw.join(topic, present(`k${i}`), `j${n}`)).status, 'ok')
      raw.send(`j${n}`, `t${n}`, topic, 'presence', track({ name: `${n}` }))
      await raw.reply(`t${n}`)
      if (n === 9 && !leaving.includes(raw)) break
      raw.send(`j${n}`, `l${n}`, topic, 'phx_leave', {})
      await raw.reply(`l${n}`)
    }
  }))
  const watchers = await rawInEachLoop()
  for (const raw of watchers) await raw.join(topic, present('watcher'))
  await everyoneSees(watchers, topic, Object.fromEntries(numbers(6).map((i) => [`k${i}`, ['9']])))
})

test('supabase-js sees who is present in whichever loop', async () => {
  const clients = await supabaseInEachLoop()
  const topic = `room-${randomUUID()}`
  const channels = []
  for (const [i, client] of clients.entries()) {
    const channel = await client.join(topic, { key: `user-${i}` })
    await h.eventually('the first sync', () => channel.presences.some(({ event }) => event === 'sync'))
    assert.equal(Object.keys(channel.present()).length, i, 'the first state has all who were there')
    assert.equal(await channel.track({ i }), 'ok')
    channels.push(channel)
    for (const each of channels) {
      await h.eventually('all see it', () => Object.keys(each.present()).length === i + 1)
    }
  }
  const all = { 'user-0': [{ i: 0 }], 'user-1': [{ i: 1 }], 'user-2': [{ i: 2 }] }
  for (const channel of channels) assert.deepEqual(channel.present(), all)
  await channels[1].untrack()
  for (const channel of channels) {
    await h.eventually('it is gone for all', () => !('user-1' in channel.present()))
    assert.ok(channel.presences.some(({ event, key }) => event === 'leave' && key === 'user-1'))
  }
})

// ---------------------------------------------------------------- sessions

test('states of a session reach all loops, in order', async () => {
  const raws = await rawInEachLoop()
  const session = h.newSession()
  await h.claim(session)
  for (const raw of raws) assert.equal((await raw.join(`realtime:session:${session}`)).status, 'ok')
  for (const epoch of [1, 2, 3, 4]) await h.switchProvider(session, epoch)
  for (const raw of raws) {
    const epochs = () => heard(raw).map((frame) => frame[4].payload.epoch)
    await h.eventually('the last epoch', () => epochs().at(-1) === 5)
    assert.ok(h.isAscending(epochs()))
  }
})

test('when the listening connection of one loop ends, that one misses nothing', async () => {
  const raws = await rawInEachLoop()
  const session = h.newSession()
  await h.claim(session)
  for (const raw of raws) assert.equal((await raw.join(`realtime:session:${session}`)).status, 'ok')
  for (const epoch of numbers(6).map((n) => n + 1)) {
    const line = notifier.lines.length
    const backends = await h.eventually('a listener a loop', async () => {
      const found = await h.backends(`~ ${h.LISTENER_QUERIES}`)
      return found.length === THREADS && found
    })
    await h.sql('SELECT pg_terminate_backend($1)', [backends[epoch % THREADS].pid])
    await h.switchProvider(session, epoch)
    await notifier.logged(/link=listener event=resync/, line)
    for (const raw of raws) {
      await h.eventually('the switch', () => heard(raw).at(-1)?.[4].payload.epoch === epoch + 1)
    }
  }
})

test('ready means that all loops are', async () => {
  await h.eventually('it is ready', async () => (await notifier.internal('/readyz')).status === 200)
  for (const i of numbers(THREADS)) {
    const found = await h.eventually('a listener a loop', async () => {
      const all = await h.backends("LIKE '%publisher_lag%'")
      return all.length === THREADS && all.toSorted((a, b) => a.pid - b.pid)
    })
    process.kill(found[i].pid, 'SIGSTOP')
    try {
      await h.eventually('one is behind', async () =>
        (await notifier.internal('/readyz')).text.startsWith('not ready') &&
        (await byLoop('loop_ready')).toSorted().join() === '0,1,1')
    } finally {
      process.kill(found[i].pid, 'SIGCONT')
    }
    await h.eventually('it is ready again', async () => (await notifier.internal('/readyz')).status === 200)
  }
})

test('a participant who is in several loops is there until he has left the last', async () => {
  const session = h.newSession()
  await h.claim(session, 'alice')
  const raws = await inEachLoop(() => h.RawClient.connect(notifier, { apikey: notifier.token({ sub: 'alice' }) }))
  for (const raw of raws) assert.equal((await raw.join(`realtime:session:${session}`)).status, 'ok')
  const attached = async () => Number((await h.sql('SELECT count(*) AS n FROM harthio.attachment' +
    ' WHERE session_id = $1 AND detached_at IS NULL', [session]))[0].n)
  await h.eventually('each loop has told', async () => await attached() === THREADS)
  for (const left of [2, 1, 0]) {
    raws[left].close()
    await h.eventually('one less', async () => await attached() === left)
  }
})

// ---------------------------------------------------------------- limits

// A notifier of its own with these limits.
async function limited(...limits) {
  const own = await h.Notifier.start({ args: [...args, ...limits] })
  return { own, open: (options = {}) => h.RawClient.connect(own, { apikey: own.token(), ...options }) }
}

test('limits of connections count those of all loops', async () => {
  for (const [limit, name] of [['--max-connections-per-address', 'connections_per_address'], ['--max-connections', 'connections']]) {
    const { own, open } = await limited(limit, '4')
    const clients = []
    for (let i = 0; i < 4; i++) clients.push(h.closing(await open()))
    for (let i = 0; i < THREADS; i++) await assert.rejects(open(), { status: 429 })
    await h.eventually('the limit is named', async () => await own.metric(`limited_total{limit="${name}"}`) === THREADS)
    clients[2].close()
    h.closing(await h.eventually('there is room again', () => open()))
    await own.stop()
  }
})

test('however many connect at once, no more get in than may', async () => {
  const { own, open } = await limited('--max-connections-per-address', '5')
  const all = await Promise.allSettled(numbers(30).map(() => open()))
  const inside = all.filter(({ status }) => status === 'fulfilled').map(({ value }) => h.closing(value))
  assert.equal(inside.length, 5)
  for (const raw of inside) await raw.heartbeat()
  await own.stop()
})

test('an upgrade that fails on the way takes no place, in any loop', async () => {
  const { own, open } = await limited('--max-connections', '1')
  const fail = async () => {
    const socket = net.connect(own.port, '127.0.0.1', () => socket.write('GET /realtime/v1/websocket HTTP/1.1\r\n' +
      'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n'))
    let answer = ''
    socket.on('data', (bytes) => { answer += bytes })
    await once(socket, 'close')
    return answer
  }
  assert.equal(await fail(), '', 'its key was missing')
  const raw = h.closing(await h.eventually('all places are free', () => open()))
  await raw.heartbeat()
  await own.stop()
})

test('a subject has so many connections, in whichever loops', async () => {
  const { own, open } = await limited('--max-connections-per-subject', '2')
  const clients = []
  for (let i = 0; i < 4; i++) clients.push(h.closing(await open({ apikey: own.token({ sub: 'alice' }) })))
  const answers = []
  for (const client of clients) answers.push((await client.join(newTopic())).status)
  assert.deepEqual(answers, ['ok', 'ok', 'error', 'error'])
  await own.stop()
})

test('rates in all, and presences of a topic, count those of all loops', async () => {
  const { own } = await limited('--max-presences', '2', '--max-total-joins', '4')
  const raws = [...await rawInEachLoop({}, own), ...await rawInEachLoop({}, own), ...await rawInEachLoop({}, own)]
  const topic = newTopic()
  for (const [i, raw] of raws.entries()) raw.send('1', '1', topic, 'phx_join', present(`k${i}`))
  const joined = []
  for (const raw of raws) if ((await raw.reply('1'))[4].status === 'ok') joined.push(raw)
  assert.equal(joined.length, 8)
  const tracked = []
  for (const raw of joined.slice(0, 4)) {
    raw.send('1', '2', topic, 'presence', track({ name: 'x' }))
    tracked.push((await raw.reply('2'))[4].status)
    // Who is refused and who is not depends on what the other loops have heard.
    await settled(joined)
    await h.eventually('all have heard it', () => joined.slice(5).every((each) =>
      Object.keys(view(each, topic) ?? {}).length >= Math.min(tracked.length, 2)))
  }
  assert.deepEqual(tracked, ['ok', 'ok', 'error', 'error'])
  await own.stop()
})

// ---------------------------------------------------------------- private channels

test('private channels of a topic are another room in all loops', async () => {
  await loadRealtime()
  await h.sql(`CREATE POLICY hear ON realtime.messages FOR SELECT TO authenticated USING (true);
    CREATE POLICY send ON realtime.messages FOR INSERT TO authenticated WITH CHECK (true)`)
  const topic = newTopic()
  const publics = await rawInEachLoop()
  const privates = await rawInEachLoop()
  for (const raw of publics) assert.equal((await raw.join(topic)).status, 'ok')
  for (const raw of privates) assert.equal((await raw.join(topic, { config: { private: true } })).status, 'ok')
  publics[0].send('1', '2', topic, 'broadcast', hello({ from: 'public' }))
  privates[1].send('1', '2', topic, 'broadcast', hello({ from: 'private' }))
  // What the database sends each loop hears by itself, and tells nobody else.
  await h.sql("SELECT realtime.send('{\"from\": \"database\"}', 'e', $1, true)", [topic.slice('realtime:'.length)])
  const from = (raw) => heard(raw).map((frame) => frame[4].payload.from).toSorted()
  await h.eventually('all have heard theirs', () => from(publics[2]).length === 1 && from(publics[1]).length === 1 &&
    privates.every((raw) => from(raw).includes('database')) && from(privates[0]).length === 2)
  await settled([...publics, ...privates])
  assert.deepEqual(publics.map(from), [[], ['public'], ['public']])
  assert.deepEqual(privates.map(from), [['database', 'private'], ['database'], ['database', 'private']])
})

// ---------------------------------------------------------------- operation

test('a reload reaches all loops before it is said to be done', async () => {
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'harthio-')), 'settings')
  const secrets = [randomUUID().repeat(2), randomUUID().repeat(2)]
  const write = (n) => writeFileSync(file, `jwt-secret = ${secrets[n % 2]}\nmax-channels = ${n % 2 + 1}\n`, { mode: 0o600 })
  write(0)
  const own = await h.Notifier.start({ args: [...args, '--config', file], env: { HARTHIO_JWT_SECRET: undefined } })
  const raws = await rawInEachLoop({}, own)
  for (const n of [1, 2, 3, 4, 5]) {
    write(n)
    await own.reload()
    for (const raw of raws) {
      const join = async (secret, ref) => {
        const answer = await raw.join(newTopic(), {
          access_token: h.signToken({ role: 'authenticated', sub: 'a', exp: h.inSeconds(60) }, { secret }) }, ref)
        return answer.status === 'ok' ? 'ok' : answer.response.reason.split(':')[0]
      }
      assert.equal(await join(secrets[(n + 1) % 2], `${n}-old`), 'JwtSignatureError')
      const outcomes = [await join(secrets[n % 2], `${n}-1`), await join(secrets[n % 2], `${n}-2`)]
      assert.deepEqual(outcomes, n % 2 === 1 ? ['ok', 'ok'] : ['ok', 'ChannelRateLimitReached'])
      raw.close()
    }
    raws.splice(0, THREADS, ...await rawInEachLoop({}, own))
  }
  own.process.kill('SIGHUP')
  own.process.kill('SIGHUP')
  await h.eventually('all are obeyed, or were one', async () => await own.metric('reloads_total') >= 6)
  assert.equal(await own.metric('reloads_failed_total'), 0)
  await own.stop()
})

test('SIGTERM sends the clients of all loops away', async () => {
  const own = await h.Notifier.start({ args: [...args, '--drain-seconds', '1'] })
  const raws = [...await rawInEachLoop({}, own), ...await rawInEachLoop({}, own)]
  for (const raw of raws) await raw.join(newTopic())
  await own.stop()
  for (const raw of raws) assert.equal((await raw.closed).code, 1012)
})

test('a second signal ends all loops at once', async () => {
  const own = await h.Notifier.start({ args: [...args, '--drain-seconds', '3600'] })
  // So many that each loop takes a while to say goodbye to all of its own.
  const each = 30
  const raws = await Promise.all(numbers(THREADS * each).map(() => h.RawClient.connect(own)))
  own.process.kill('SIGTERM')
  await own.logged(/event=stopping/)
  await own.stop()
  const codes = await Promise.all(raws.map(async (raw) => (await raw.closed).code))
  assert.ok(codes.filter((code) => code !== 1012).length > each, 'some of more than one loop heard no goodbye')
})

test('what is hopeless in one loop ends all, with its exit code', async () => {
  const own = await h.Notifier.launch({ args: [...args, '--database', 'user=postgres'] })
  assert.equal((await own.exited).code, 6)
})

test('a number of threads that cannot be is refused', async () => {
  for (const [threads, code] of [['0', 2], ['65', 2], ['x', 2], ['64', 0]]) {
    const own = await h.Notifier.launch({ args: ['--threads', threads, '--check-config'] }).catch(() => null)
    if (own !== null) assert.equal((await own.exited).code, code, threads)
  }
})
