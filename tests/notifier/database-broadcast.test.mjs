// Do messages of the database reach who listens, once they are committed?

import { before, test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import * as h from './harness.mjs'
import { dropRealtimeAfterThisFile, loadRealtime } from './realtime.mjs'

h.notifierForThisFile()
dropRealtimeAfterThisFile()
before(async () => {
  await loadRealtime()
  await h.sql('CREATE POLICY hear ON realtime.messages FOR SELECT TO authenticated USING (true)')
})

const newTopic = () => `t-${randomUUID()}`
const send = (topic, event, payload, isPrivate = true) =>
  h.sql('SELECT realtime.send($1, $2, $3, $4)', [payload, event, topic, isPrivate])
const joined = (topic, config = { private: true }, kind = undefined) => h.connect(kind).join(topic, { config })

// What a channel was told up to and with this event.
async function told(channel, last) {
  await h.eventually(`event ${last}`, () => channel.messages.some((message) => message.event === last))
  return channel.messages.map((message) => message.event)
}

async function inTransaction(during) {
  const client = new pg.Client({ user: 'postgres' })
  await client.connect()
  try {
    await client.query('BEGIN')
    return await during(client)
  } finally {
    await client.end()
  }
}

for (const kind of ['supabase-js 2.119.1, vsn 2.0.0', 'supabase-js 2.119.1, vsn 1.0.0', 'supabase-js 2.95.3']) {
  test(`a message of the database is heard: ${kind}`, async () => {
    const topic = newTopic()
    const channel = await joined(topic, { private: true }, kind)
    await send(topic, 'hello', { n: 1, text: 'ü"\\' })
    await told(channel, 'hello')
    const [{ id }] = await h.sql('SELECT id FROM realtime.messages WHERE topic = $1', [topic])
    assert.deepEqual(channel.messages,
      [{ type: 'broadcast', event: 'hello', payload: { n: 1, text: 'ü"\\', id }, meta: { id } }])
  })
}

test('bytes are heard as bytes, by who can read them', async () => {
  const topic = newTopic()
  const channel = await joined(topic)
  const old = await h.raw({ vsn: '1.0.0' })
  old.send = (message) => old.ws.send(JSON.stringify(message))
  old.send({ topic: `realtime:${topic}`, event: 'phx_join', payload: { config: { private: true } }, ref: '1', join_ref: '1' })
  await h.eventually('the old client is in', () => old.frames.some((frame) => frame.event === 'phx_reply' && frame.payload.status === 'ok'))
  await h.sql('SELECT realtime.send_binary($1, $2, $3)', [Buffer.from([0, 1, 255]), 'bytes', topic])
  await send(topic, 'after', {})
  await told(channel, 'after')
  assert.deepEqual([...new Uint8Array(channel.messages[0].payload)], [0, 1, 255])
  await h.eventually('the old client hears what follows', () => old.frames.some((frame) => frame.payload.event === 'after'))
  assert.ok(!old.frames.some((frame) => frame.payload.event === 'bytes'))
})

test('the private and the public channel of a name are told apart', async () => {
  const topic = newTopic()
  const [inside, outside] = [await joined(topic), await joined(topic, {})]
  await send(topic, 'secret', {})
  await send(topic, 'open', {}, false)
  await send(topic, 'end', {})
  await send(topic, 'end', {}, false)
  assert.deepEqual(await told(inside, 'end'), ['secret', 'end'])
  assert.deepEqual(await told(outside, 'end'), ['open', 'end'])
})

test('only what is committed is heard', async () => {
  const topic = newTopic()
  const channel = await joined(topic)
  await inTransaction(async (client) => {
    await client.query("SELECT realtime.send('{}', 'rolled back', $1)", [topic])
    await client.query('ROLLBACK')
    await client.query('BEGIN')
    await client.query("SELECT realtime.send('{}', 'first', $1)", [topic])
    await client.query('SAVEPOINT s')
    await client.query("SELECT realtime.send('{}', 'rolled back too', $1)", [topic])
    await client.query('ROLLBACK TO s')
    await client.query("SELECT realtime.send('{}', 'second', $1)", [topic])
    // this one is later and is committed earlier
    await send(topic, 'between', {})
    await told(channel, 'between')
    await client.query('COMMIT')
  })
  assert.deepEqual(await told(channel, 'second'), ['between', 'first', 'second'])
})

test('many messages come once each, in their order', async () => {
  const topic = newTopic()
  const channel = await joined(topic)
  await h.sql("SELECT realtime.send(jsonb_build_object('n', n), 'one', $1) FROM generate_series(1, 2500) n", [topic])
  await send(topic, 'last', {})
  await told(channel, 'last')
  assert.deepEqual(channel.messages.slice(0, -1).map((message) => message.payload.n),
    Array.from({ length: 2500 }, (_, n) => n + 1))
})

test('what is sent while the notifier cannot hear is heard later', async () => {
  const topic = newTopic()
  const channel = await joined(topic)
  await inTransaction(async (client) => {
    await client.query("SELECT realtime.send('{}', 'slow', $1)", [topic])
    await h.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'harthio-notifier'")
    await send(topic, 'meanwhile', {})
    await told(channel, 'meanwhile')
    await client.query('COMMIT')
  })
  assert.deepEqual(await told(channel, 'slow'), ['meanwhile', 'slow'])
})

test('a notification that was lost is made good by the order to resync', async () => {
  const topic = newTopic()
  const channel = await joined(topic)
  await h.sql('ALTER TABLE realtime.messages DISABLE TRIGGER note')
  await send(topic, 'unheard of', {})
  await h.sql('ALTER TABLE realtime.messages ENABLE TRIGGER note')
  await h.sql(`SELECT pg_notify('harthio', '{"resync":true}')`)
  await told(channel, 'unheard of')
})

test('broadcast_changes tells of rows', async () => {
  await h.sql(`
    CREATE TABLE public.note (id int PRIMARY KEY, topic text, body text);
    CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      PERFORM realtime.broadcast_changes(coalesce(new.topic, old.topic), TG_OP, TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, new, old);
      RETURN NULL;
    END $$;
    CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON public.note FOR EACH ROW EXECUTE FUNCTION public.tell()`)
  try {
    const topic = newTopic()
    const channel = await joined(topic)
    await h.sql("INSERT INTO note VALUES (1, $1, 'a')", [topic])
    await h.sql("UPDATE note SET body = 'b'")
    await h.sql('DELETE FROM note')
    await told(channel, 'DELETE')
    const [a, b] = ['a', 'b'].map((body) => ({ id: 1, topic, body }))
    const common = { schema: 'public', table: 'note' }
    assert.deepEqual(channel.messages.map(({ payload: { id, ...payload }, meta }) => [id === meta.id, payload]), [
      [true, { ...common, operation: 'INSERT', record: a, old_record: null }],
      [true, { ...common, operation: 'UPDATE', record: b, old_record: a }],
      [true, { ...common, operation: 'DELETE', record: null, old_record: b }],
    ])
  } finally {
    await h.sql('DROP TABLE public.note; DROP FUNCTION public.tell()')
  }
})

test('no message of the database is taken for a state of a session', async () => {
  const session = h.newSession()
  const channel = await joined(`session:${session}`)
  await send(`session:${session}`, 'coordinated-recovery', { epoch: 9 })
  await send(`session:${session}`, 'coordinated-recovery', { epoch: 9 }, false)
  await h.claim(session)
  await told(channel, 'provider-selected')
  assert.deepEqual(h.epochsOf(channel), [1])
})

test('one that is too large is dropped, and the next is not', async () => {
  const small = await h.Notifier.start({ args: ['--max-payload-bytes', '1000'] })
  const topic = newTopic()
  const client = h.clientKinds[h.newestKind](small, small.token())
  const channel = await client.join(topic, { config: { private: true } })
  await send(topic, 'large', { text: 'x'.repeat(1000) })
  await send(topic, 'small', {})
  assert.deepEqual(await told(channel, 'small'), ['small'])
  await small.logged(/event=message_dropped id=\S+ reason="the payload is larger/)
  client.close()
  await small.stop()
})

test('schema realtime may come after the notifier', async () => {
  await h.sql('DROP SCHEMA realtime CASCADE')
  const late = await h.Notifier.start()
  try {
    await loadRealtime()
    const topic = newTopic()
    const client = h.clientKinds[h.newestKind](late, late.token())
    const channel = await client.join(topic)
    await send(topic, 'first', {}, false)
    assert.deepEqual(await told(channel, 'first'), ['first'])
    client.close()
  } finally {
    await h.sql('CREATE POLICY hear ON realtime.messages FOR SELECT TO authenticated USING (true)')
    await late.stop()
  }
})

// ---------------------------------------------------------------- replay

const since = async (topic, event) => Number((await h.sql(
  `SELECT floor(extract(epoch FROM inserted_at AT TIME ZONE 'UTC') * 1000) AS ms
     FROM realtime.messages WHERE topic = $1 AND event = $2`, [topic, event]))[0].ms)
const replay = (value) => ({ private: true, broadcast: { replay: value } })

test('who joins is told what was sent before, oldest first', async () => {
  const topic = newTopic()
  await inTransaction(async (client) => {
    for (const event of ['a', 'b', 'c', 'd']) await client.query("SELECT realtime.send('{}', $1, $2)", [event, topic])
    await client.query('COMMIT')
  })
  await send(topic, 'public', {}, false)
  const channel = await joined(topic, replay({ since: 0, limit: 3 }))
  await send(topic, 'live', {})
  assert.deepEqual(await told(channel, 'live'), ['b', 'c', 'd', 'live'])
  const rows = await h.sql('SELECT id FROM realtime.messages WHERE topic = $1 AND private ORDER BY harthio_sequence', [topic])
  assert.deepEqual(channel.messages.map((message) => message.meta),
    [...rows.slice(1, 4).map(({ id }) => ({ replayed: true, id })), { id: rows[4].id }])
})

test('at most 25, from a time on, and no event of presence', async () => {
  const topic = newTopic()
  await h.sql("SELECT realtime.send('{}', 'e' || n, $1) FROM generate_series(1, 30) n", [topic])
  await h.sql("INSERT INTO realtime.messages (topic, extension, event, payload, private) VALUES ($1, 'presence', 'x', '{}', true)", [topic])
  for (const [value, first] of [[{ since: 0, limit: 100 }, 'e6'], [{ since: 0 }, 'e6'], [{ since: 0, limit: -5 }, 'e30']]) {
    const channel = await joined(topic, replay(value))
    assert.equal((await told(channel, 'e30'))[0], first)
  }
  const now = Date.now() + 3600_000
  const channel = await joined(topic, replay({ since: now, limit: 25 }))
  await send(topic, 'live', {})
  assert.deepEqual(await told(channel, 'live'), ['live'])
  assert.ok(await since(topic, 'e1') <= Date.now())
})

test('what a join may not ask for', async () => {
  const client = await h.raw()
  const reason = async (config, topic = `realtime:${newTopic()}`) =>
    (await client.join(topic, { config }, randomUUID())).response.reason
  const invalid = 'UnableToReplayMessages: Replay params are not valid'
  for (const value of [{}, { since: '1' }, { since: 1.5 }, { since: null }, { since: -1 }, { since: 9e15 }, { since: 0, limit: 'x' }, { since: 0, limit: 2.5 }]) {
    assert.equal(await reason(replay(value)), invalid, JSON.stringify(value))
  }
  assert.equal(await reason({ ...replay({ since: 0 }), private: false }), 'UnableToReplayMessages: Replay is not allowed for public channels')
  assert.equal(await reason(replay({ since: 0 }), `realtime:session:${h.newSession()}`), 'UnableToReplayMessages: Replay is not offered for sessions')
})

test('what is sent between the replay and its answer is neither lost nor told twice', async () => {
  const topic = newTopic()
  await send(topic, 'before', {})
  const witness = await joined(topic)
  // it waits, is read, and waits again
  await h.sql(`ALTER FUNCTION realtime.harthio_replay RENAME TO real_replay;
    CREATE FUNCTION realtime.harthio_replay(text, bigint, integer) RETURNS TABLE (topic text, private boolean, event text, payload jsonb, binary_payload bytea, id text)
    LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      PERFORM pg_advisory_xact_lock_shared(1963);
      RETURN QUERY SELECT * FROM realtime.real_replay($1, $2, $3);
      PERFORM pg_advisory_xact_lock_shared(1964);
    END $$`)
  const waitsFor = (lock) => h.eventually(`it waits for ${lock}`, async () =>
    (await h.sql("SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted", [lock])).length === 1)
  try {
    await inTransaction(async (client) => {
      await client.query('SELECT pg_advisory_lock(1963), pg_advisory_lock(1964)')
      const joining = joined(topic, replay({ since: 0 }))
      await waitsFor(1963)
      await send(topic, 'in both', {})
      await told(witness, 'in both')
      await client.query('SELECT pg_advisory_unlock(1963)')
      await waitsFor(1964)
      await send(topic, 'only live', {})
      await told(witness, 'only live')
      await witness.send('not of the database', {})
      await client.query('SELECT pg_advisory_unlock(1964)')
      const channel = await joining
      await send(topic, 'after', {})
      assert.deepEqual(await told(channel, 'after'), ['before', 'in both', 'only live', 'after'])
    })
  } finally {
    await h.sql('DROP FUNCTION realtime.harthio_replay; ALTER FUNCTION realtime.real_replay RENAME TO harthio_replay')
  }
})

test('bytes are replayed as bytes', async () => {
  const topic = newTopic()
  await h.sql('SELECT realtime.send_binary($1, $2, $3)', [Buffer.from([7, 0, 8]), 'bytes', topic])
  const channel = await joined(topic, replay({ since: 0, limit: 1 }))
  await told(channel, 'bytes')
  assert.deepEqual([...new Uint8Array(channel.messages[0].payload)], [7, 0, 8])
  assert.equal(channel.messages[0].meta.replayed, true)
})

test('old messages are deleted', async () => {
  const topic = newTopic()
  await send(topic, 'old', {})
  await h.sql("UPDATE realtime.messages SET inserted_at = inserted_at - interval '73 hours' WHERE topic = $1", [topic])
  // a notifier looks at once, and then once a minute
  const fresh = await h.Notifier.start()
  await h.eventually('it is gone', async () =>
    (await h.sql('SELECT FROM realtime.messages WHERE topic = $1', [topic])).length === 0)
  await fresh.stop()
})
