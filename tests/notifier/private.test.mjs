// Do private channels go by the policies on realtime.messages?

import { before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import * as h from './harness.mjs'
import { dropRealtimeAfterThisFile, loadRealtime, loadSupabaseRealtime } from './realtime.mjs'

let notifier
h.notifierForThisFile((started) => { notifier = started })
dropRealtimeAfterThisFile()

// Who may do what where, and the policies of an operator that go by it.
const POLICIES = `
  DROP TABLE IF EXISTS public.grants;
  CREATE TABLE public.grants (topic text, uid text, extension text, command text);
  GRANT SELECT ON public.grants TO anon, authenticated;
  CREATE OR REPLACE FUNCTION public.granted(wanted_extension text, wanted_command text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM grants g WHERE g.topic = realtime.topic() AND g.extension = wanted_extension AND g.command = wanted_command
      AND g.uid = current_setting('request.jwt.claims', true)::jsonb ->> 'sub') $$;
  CREATE POLICY hear ON realtime.messages FOR SELECT TO authenticated USING (public.granted(extension, 'read'));
  CREATE POLICY send ON realtime.messages FOR INSERT TO authenticated WITH CHECK (public.granted(extension, 'write'));
  -- what the notifier itself may is nobody's right
  GRANT SELECT ON realtime.messages TO harthio_notifier;
  CREATE POLICY notifier_reads ON realtime.messages FOR SELECT TO harthio_notifier USING (true);
  CREATE POLICY guests ON realtime.messages FOR SELECT TO anon USING (realtime.topic() = 'lobby');
  CREATE OR REPLACE FUNCTION public.broken() RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN RETURN realtime.topic() = 'broken' AND realtime.topic()::int > 0; END $$;
  CREATE POLICY broken ON realtime.messages FOR SELECT TO authenticated USING (public.broken())`

const newTopic = () => `room-${randomUUID()}`
const READ = [['broadcast', 'read']]
const ALL = ['broadcast', 'presence'].flatMap((extension) => [[extension, 'read'], [extension, 'write']])
const allow = async (topic, uid, rights = ALL) => {
  for (const [extension, command] of rights) await h.sql('INSERT INTO grants VALUES ($1, $2, $3, $4)', [topic, uid, extension, command])
}
const forbid = (topic, uid) => h.sql('DELETE FROM grants WHERE topic = $1 AND uid = $2', [topic, uid])

const supabase = (claims) => h.closing(h.clientKinds[h.newestKind](notifier, notifier.token(claims)))
const join = (topic, uid, { config = {}, ...options } = {}) =>
  supabase({ sub: uid }).join(topic, { ...options, config: { private: true, ...config } })
const rawJoin = async (topic, claims, config = {}) => {
  const client = await h.raw({ apikey: notifier.token(claims) })
  return { client, answer: await client.join(`realtime:${topic}`, { config: { private: true, ...config } }) }
}
const refusal = (topic) => ({ status: 'error',
  response: { reason: `Unauthorized: You do not have permissions to read from this Channel topic: ${topic}` } })
const probes = async () => (await h.sql('SELECT FROM realtime.messages')).length
const UNWRITABLE = 'Unauthorized: You do not have permissions to write to this Channel topic'

for (const [where, load] of [['harthio_realtime.sql', loadRealtime], ["Supabase's schema", loadSupabaseRealtime]]) {
  describe(where, () => {
    before(async () => {
      await load()
      await h.sql(POLICIES)
    })

    test('who may read gets in, and nobody else', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      await allow(topic, 'bob')
      const [alice, bob] = [await join(topic, 'alice'), await join(topic, 'bob')]
      assert.equal(await alice.send('hello', { n: 1 }), 'ok')
      await h.eventually('bob hears alice', () => bob.messages.length === 1)
      const mallory = await join(topic, 'mallory', { wait: false })
      await h.eventually('mallory is refused', () => mallory.errors.includes(refusal(topic).response.reason))
      assert.deepEqual((await rawJoin(topic, { sub: 'mallory' })).answer, refusal(topic))
      assert.equal(await probes(), 0)
    })

    test('roles go by their own policies', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      assert.equal((await rawJoin('lobby', { role: 'anon', sub: undefined })).answer.status, 'ok')
      assert.deepEqual((await rawJoin(topic, { role: 'anon', sub: 'alice' })).answer, refusal(topic))
      assert.equal((await rawJoin(topic, { role: 'service_role' })).answer.status, 'ok')
    })

    for (const role of ['nobody-here', 'postgres', 'none', 'harthio_notifier', '', 5, 'x"; --']) {
      test(`role ${JSON.stringify(role)} of a token has no rights`, async () => {
        const topic = newTopic()
        const { answer } = await rawJoin(topic, { role })
        assert.deepEqual(answer.status, 'error')
        assert.match(answer.response.reason, /^(Unauthorized: You do not have permissions|InvalidJWTToken: Fields)/)
      })
    }

    test('who may only read hears, and cannot send', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      await allow(topic, 'reader', READ)
      const alice = await join(topic, 'alice')
      const reader = await join(topic, 'reader', { broadcast: { ack: true } })
      assert.equal(await reader.send('forged', {}), 'error')
      assert.equal(await alice.send('real', {}), 'ok')
      await h.eventually('the reader hears', () => reader.messages.length === 1)
      assert.deepEqual(reader.messages.map((message) => message.event), ['real'])
      const { client } = await rawJoin(topic, { sub: 'reader' })
      client.send('1', '2', `realtime:${topic}`, 'broadcast', { type: 'broadcast', event: 'forged', payload: {} })
      assert.deepEqual((await client.reply('2'))[4], { status: 'error', response: { reason: UNWRITABLE } })
      assert.deepEqual(alice.messages, [])
    })

    test('who may only hear of presence hears no broadcast', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      await allow(topic, 'watcher', [['presence', 'read']])
      const alice = await join(topic, 'alice', { key: 'a' })
      const watcher = await join(topic, 'watcher', { key: 'w' })
      await alice.send('secret', {})
      assert.equal(await alice.track({ here: true }), 'ok')
      await h.eventually('alice is seen', () => watcher.present().a)
      assert.deepEqual(watcher.messages, [])
      assert.equal(await watcher.track({ here: true }), 'error')
      // without presence there is nothing to listen to
      assert.deepEqual((await rawJoin(topic, { sub: 'watcher' })).answer, refusal(topic))
    })

    test('who may not hear of presence hears nothing of it, and may show itself', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      await allow(topic, 'blind', [['broadcast', 'read'], ['presence', 'write']])
      const { client } = await rawJoin(topic, { sub: 'blind' }, { presence: { key: 'b', enabled: true } })
      const alice = await join(topic, 'alice', { key: 'a' })
      client.send('1', '2', `realtime:${topic}`, 'presence', { type: 'presence', event: 'track', payload: { x: 1 } })
      assert.equal((await client.reply('2'))[4].status, 'ok')
      await alice.track({})
      await h.eventually('alice sees it', () => alice.present().b && alice.present().a)
      await alice.send('last', {})
      await client.frame('the broadcast', (frame) => frame[3] === 'broadcast')
      assert.ok(!client.frames.some((frame) => /^presence/.test(frame[3])))
    })

    test('the public and the private channel of a name are two', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      const inside = await join(topic, 'alice', { key: 'a' })
      const outside = await supabase({ sub: 'mallory' }).join(topic, { key: 'm' })
      await inside.track({ secret: true })
      await outside.track({})
      await outside.send('forged', {})
      await inside.send('secret', {})
      await h.eventually('each sees itself', () => inside.present().a && outside.present().m)
      assert.deepEqual([Object.keys(inside.present()), Object.keys(outside.present())], [['a'], ['m']])
      assert.deepEqual([inside.messages, outside.messages], [[], []])
    })

    test('a new token is judged anew', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      await allow(topic, 'reader', READ)
      const { client } = await rawJoin(topic, { sub: 'alice' }, { presence: { key: 'k', enabled: true } })
      const other = await join(topic, 'alice', { key: 'o' })
      const tell = (...message) => client.send('1', ...message)
      tell('2', `realtime:${topic}`, 'presence', { type: 'presence', event: 'track', payload: {} })
      await h.eventually('it is seen', () => other.present().k)
      tell('3', `realtime:${topic}`, 'access_token', { access_token: notifier.token({ sub: 'reader' }) })
      // what it may no longer show is gone, and what it may no longer send is refused
      await h.eventually('it is seen no more', () => !other.present().k)
      tell('4', `realtime:${topic}`, 'broadcast', { type: 'broadcast', event: 'forged', payload: {} })
      assert.equal((await client.reply('4'))[4].response.reason, UNWRITABLE)
      tell('5', `realtime:${topic}`, 'access_token', { access_token: notifier.token({ sub: 'mallory' }) })
      const error = await client.frame('phx_error', (frame) => frame[3] === 'phx_error')
      assert.deepEqual(error[4], { code: 4403, reason: `You no longer have permission to read from this Channel topic: ${topic}` })
      await other.send('secret', {})
      await client.heartbeat()
      assert.ok(!client.frames.some((frame) => frame[3] === 'broadcast'))
    })

    test('rights are kept until the token changes', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      const { client } = await rawJoin(topic, { sub: 'alice' })
      await forbid(topic, 'alice')
      client.send('1', '2', `realtime:${topic}`, 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
      client.send('1', '3', `realtime:${topic}`, 'access_token', { access_token: notifier.token({ sub: 'alice', jti: 'new' }) })
      await client.frame('phx_error', (frame) => frame[3] === 'phx_error' && frame[4].code === 4403)
    })

    test('a policy that fails lets nobody in, and its words stay in the log', async () => {
      const from = notifier.lines.length
      const { answer } = await rawJoin('broken', { sub: 'alice' })
      assert.deepEqual(answer, refusal('broken'))
      await notifier.logged(/code=22P02/, from)
    })

    test('no topic and no claim is taken for SQL', async () => {
      const topic = `'; DROP TABLE grants; -- $try$ "\\ ü`
      await allow(topic, `o'hara $try$`)
      assert.equal((await rawJoin(topic, { sub: `o'hara $try$` })).answer.status, 'ok')
      assert.deepEqual((await rawJoin(topic, { sub: 'alice' })).answer, refusal(topic))
      const client = await h.raw()
      assert.equal((await client.join(`realtime:${topic}\0x`, { config: { private: true } })).status, 'error')
    })

    test('broadcasts by HTTP need the right to send', async () => {
      const topic = newTopic()
      await allow(topic, 'alice')
      await allow(topic, 'reader', READ)
      const alice = await join(topic, 'alice')
      const post = async (sub, where, body) => (await fetch(`${notifier.httpUrl}/api/broadcast${where}`, {
        method: 'POST', body, headers: { 'content-type': 'application/json', authorization: `Bearer ${notifier.token({ sub })}` } })).status
      const single = `/${topic}/events/single?private=true`
      assert.equal(await post('reader', single, '{}'), 403)
      assert.equal(await post('alice', single, '{}'), 202)
      const batch = (event) => JSON.stringify({ messages: [{ topic, event, payload: {}, private: true }, { topic, event: 'public', payload: {} }] })
      assert.equal(await post('reader', '', batch('forged')), 202)
      assert.equal(await post('alice', '', batch('batch')), 202)
      await h.eventually('alice hears both', () => alice.messages.length === 2)
      assert.deepEqual(alice.messages.map((message) => message.event), ['single', 'batch'])
    })
  })
}

test('without public channels private ones are there', async () => {
  const strict = await h.Notifier.start({ args: ['--public-channels', 'off'] })
  const topic = newTopic()
  await allow(topic, 'alice')
  const client = await h.RawClient.connect(strict, { apikey: strict.token({ sub: 'alice' }) })
  assert.deepEqual((await client.join(`realtime:${topic}`, { config: { private: false } })).response,
    { reason: 'PrivateOnly: This project only allows private channels' })
  assert.equal((await client.join(`realtime:${topic}`, { config: { private: true } }, '2')).status, 'ok')
  client.close()
  await strict.stop()
})

test('a slow policy makes neither sessions nor other channels wait', async () => {
  await h.sql(`CREATE POLICY slow ON realtime.messages FOR SELECT TO authenticated
    USING (realtime.topic() = 'slow' AND pg_sleep(60) IS NOT NULL)`)
  try {
    const slow = rawJoin('slow', { sub: 'alice' })
    const client = await h.raw()
    assert.equal((await client.join(`realtime:session:${h.newSession()}`)).status, 'ok')
    assert.match((await slow).answer.response.reason, /^UnableToConnectToProject/)
    const topic = newTopic()
    await allow(topic, 'alice')
    assert.equal((await rawJoin(topic, { sub: 'alice' })).answer.status, 'ok')
  } finally {
    await h.sql('DROP POLICY slow ON realtime.messages')
  }
})

test('a role that the notifier is no member of is refused, and the log says why', async () => {
  const topic = newTopic()
  await allow(topic, 'alice')
  await h.sql('REVOKE authenticated FROM harthio_notifier')
  const from = notifier.lines.length
  try {
    assert.deepEqual((await rawJoin(topic, { sub: 'alice' })).answer, refusal(topic))
    await notifier.logged(/permission denied to set role/, from)
  } finally {
    await h.sql('GRANT authenticated TO harthio_notifier')
  }
})

test('without schema realtime nobody has a right', async () => {
  await h.sql('DROP SCHEMA realtime CASCADE')
  assert.deepEqual((await rawJoin('any', { role: 'service_role' })).answer, refusal('any'))
})
