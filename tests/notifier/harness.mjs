// What the tests share: a notifier of their own, tokens, clients, SQL, and
// waiting for conditions.  Nothing here sleeps for a fixed time as a check.
//
// Environment: PGHOST, PGPORT and PGDATABASE name the cluster, whose directory
// is HARTHIO_CLUSTER_DIR; HARTHIO_NOTIFIER is the binary to test, HARTHIO_SLOWNESS
// how many times slower than usual it may be, and HARTHIO_THREADS its number of
// threads where a test does not say it.

import { after, before } from 'node:test'
import { spawn, execFile } from 'node:child_process'
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import path from 'node:path'
import pg from 'pg'
import WebSocket from 'ws'
import { createClient } from '@supabase/supabase-js'

const require = createRequire(import.meta.url)
const { createClient: createClient239 } = require('supabase-js-2.39.8')
const { createClient: createClient250 } = require('supabase-js-2.50.0')
const { createClient: createClient295 } = require('supabase-js-2.95.3')
const { Socket: PhoenixSocket, Presence: PhoenixPresence } = require('phoenix')

const here = path.dirname(fileURLToPath(import.meta.url))
export const root = path.resolve(here, '../..')
export const binary = process.env.HARTHIO_NOTIFIER ?? path.join(root, 'notifier/harthio-notifier')
export const underValgrind = path.basename(binary) === 'memcheck'

process.setMaxListeners(0)

export const DEADLINE_MS = 20000 * Number(process.env.HARTHIO_SLOWNESS ?? 1)

// ---------------------------------------------------------------- waiting

// The first truthy result of probe(), which is tried until the deadline, at first
// often: most that is waited for is there at once.
export async function eventually(what, probe, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs
  let last
  for (let pause = 1; ; pause = Math.min(2 * pause, 10)) {
    try {
      const result = await probe()
      if (result) return result
      last = result
    } catch (error) {
      last = error
    }
    if (Date.now() > end) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last)
      throw new Error(`did not happen in ${deadlineMs} ms: ${what} (last seen: ${seen})`)
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

// ---------------------------------------------------------------- tokens

const base64url = (value) => Buffer.from(value).toString('base64url')

export function signToken(claims, { secret, alg = 'HS256', header = {} }) {
  const head = base64url(JSON.stringify({ alg, typ: 'JWT', ...header }))
  const body = base64url(typeof claims === 'string' ? claims : JSON.stringify(claims))
  const hash = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }[alg]
  const signature = hash
    ? createHmac(hash, secret).update(`${head}.${body}`).digest('base64url')
    : ''
  return `${head}.${body}.${signature}`
}

export const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds

// ---------------------------------------------------------------- notifier

export class Notifier {
  // Started, and ready to answer for the database, in all threads.
  static async start(options) {
    const notifier = await Notifier.launch(options)
    await notifier.loggedByAll(/link=query event=ready/)
    await notifier.loggedByAll(/link=listener event=resync/)
    return notifier
  }

  // Started; it listens, or has ended.
  static async launch({ args = [], env = {}, secret = randomBytes(32).toString('hex'), tls = false } = {}) {
    const notifier = new Notifier()
    notifier.tls = tls
    notifier.threads = (args.includes('--threads') && Number(args[args.indexOf('--threads') + 1])) ||
      Number(env.HARTHIO_THREADS ?? process.env.HARTHIO_THREADS ?? 1)
    notifier.secret = secret
    notifier.lines = []
    notifier.process = spawn(
      binary,
      ['--database', 'user=harthio_notifier', '--listen', '127.0.0.1:0', '--log-level', 'debug',
        '--drain-seconds', '0', ...args],
      { env: { ...process.env, HARTHIO_JWT_SECRET: secret, ...env }, stdio: ['ignore', 'inherit', 'pipe'] },
    )
    // One that a failed test leaves behind would keep the test runner waiting.
    process.once('exit', () => notifier.process.kill('SIGKILL'))
    let rest = ''
    notifier.process.stderr.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      notifier.lines.push(...lines)
    })
    notifier.exited = new Promise((resolve, reject) => {
      notifier.process.on('error', reject)
      notifier.process.on('close', (code, signal) => resolve({ code, signal }))
    })
    const listening = await Promise.race([
      notifier.logged(/event=listening (?:address=\S+ port=(\d+)|path="(\S+)") for=clients/), notifier.exited])
    notifier.port = Number(listening[1])
    return notifier
  }

  get httpUrl() { return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}` }
  get wsUrl() { return `${this.tls ? 'wss' : 'ws'}://127.0.0.1:${this.port}` }

  // What the internal port says: { status, text }.
  async internal(path) {
    const [, port] = await this.logged(/event=listening address=\S+ port=(\d+) for=internal/)
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: answer.status, text: await answer.text() }
  }

  // The number of one line of /metrics.
  async metric(name) {
    const { text } = await this.internal('/metrics')
    const line = text.split('\n').find((each) => each.startsWith(`harthio_notifier_${name} `))
    return Number(line.split(' ')[1])
  }

  // What clients may have written into the log since performance.now() was
  // `began`: a burst and so many a second for each thread (notifier/log.c).
  clientLinesAllowed(began) {
    return this.threads * (100 + 20 * ((performance.now() - began) / 1000 + 1))
  }

  // SIGHUP, and what came of it.
  async reload(outcome = /event=reloaded/) {
    const from = this.lines.length
    this.process.kill('SIGHUP')
    return this.logged(outcome, from)
  }

  // A line of the log that matches, at or after line number `from`.
  logged(pattern, from = 0) {
    return eventually(`log line ${pattern}`, () => {
      for (const line of this.lines.slice(from)) {
        const match = pattern.exec(line)
        if (match) return match
      }
      return undefined
    })
  }

  // The same, as often as there are threads.
  loggedByAll(pattern, from = 0) {
    return eventually(`${this.threads} log lines ${pattern}`, () =>
      this.lines.slice(from).filter((line) => pattern.test(line)).length >= this.threads)
  }

  token(claims = {}, options = {}) {
    return signToken(
      { role: 'authenticated', sub: randomUUID(), exp: inSeconds(3600), ...claims },
      { secret: this.secret, ...options },
    )
  }

  // Ends it and complains unless it ended cleanly; a sanitizer's report does not.
  async stop() {
    this.process.kill('SIGTERM')
    const end = await this.exited
    if (end.code !== 0) {
      throw new Error(`notifier ended with ${JSON.stringify(end)}:\n${this.lines.slice(-40).join('\n')}`)
    }
    return end
  }
}

// ---------------------------------------------------------------- clients

// All clients look alike: join(topic, options) resolves to a channel with
// `messages` (what was broadcast to it), `statuses`, send() and leave().

class SupabaseClient {
  constructor(client) {
    this.client = client
  }

  // With a presence key it listens to presence, whose events are in `presences`.
  async join(topic, { broadcast = {}, wait = true, key, config = {} } = {}) {
    const presence = key === undefined ? {} : { presence: { key } }
    const channel = this.client.channel(topic, { config: { broadcast, ...presence, ...config } })
    const result = { channel, messages: [], statuses: [], errors: [], system: [], presences: [] }
    if (key !== undefined) {
      for (const event of ['sync', 'join', 'leave']) {
        channel.on('presence', { event }, (what) => result.presences.push({ ...what, event }))
      }
    }
    channel.on('broadcast', { event: '*' }, (message) => result.messages.push(message))
    channel.on('system', {}, (message) => result.system.push(message))
    channel.subscribe((status, error) => {
      result.statuses.push(status)
      if (error) result.errors.push(error.message)
    })
    result.send = (event, payload) => channel.send({ type: 'broadcast', event, payload })
    result.leave = () => this.client.removeChannel(channel)
    result.track = (meta) => channel.track(meta)
    result.untrack = () => channel.untrack()
    result.present = () => withoutRefs(channel.presenceState())
    if (wait) {
      await eventually(`join of ${topic}: ${result.errors}`, () => result.statuses.includes('SUBSCRIBED'))
    }
    return result
  }

  close() {
    this.client.realtime.disconnect()
  }
}

class PhoenixClient {
  constructor(socket) {
    this.socket = socket
  }

  async join(topic, { broadcast = {}, wait = true, key } = {}) {
    const presence = key === undefined ? {} : { presence: { key, enabled: true } }
    const channel = this.socket.channel(`realtime:${topic}`, { config: { broadcast, ...presence } })
    const result = { channel, messages: [], statuses: [], errors: [], system: [], presences: [] }
    const present = new PhoenixPresence(channel)
    present.onJoin((name, current, joined) => result.presences.push(
      { event: 'join', key: name, newPresences: joined.metas }))
    present.onLeave((name, current, left) => result.presences.push(
      { event: 'leave', key: name, leftPresences: left.metas }))
    const push = (event, payload) => new Promise((resolve) => {
      channel.push('presence', { type: 'presence', event, payload })
        .receive('ok', () => resolve('ok'))
        .receive('error', () => resolve('error'))
        .receive('timeout', () => resolve('timed out'))
    })
    result.track = (meta) => push('track', meta)
    result.untrack = () => push('untrack')
    result.present = () => withoutRefs(Object.fromEntries(
      present.list((name, { metas }) => [name, metas])))
    channel.on('broadcast', (message) => result.messages.push(message))
    channel.on('system', (message) => result.system.push(message))
    channel.onClose(() => result.statuses.push('CLOSED'))
    channel.onError((reason) => result.errors.push(JSON.stringify(reason)))
    channel.join()
      .receive('ok', () => result.statuses.push('SUBSCRIBED'))
      .receive('error', (reason) => result.errors.push(JSON.stringify(reason)))
    result.send = (event, payload) => new Promise((resolve) => {
      channel.push('broadcast', { type: 'broadcast', event, payload })
        .receive('ok', () => resolve('ok'))
        .receive('error', () => resolve('error'))
        .receive('timeout', () => resolve('timed out'))
    })
    result.leave = () => new Promise((resolve) => {
      channel.leave().receive('ok', () => resolve('ok'))
    })
    if (wait) {
      await eventually(`join of ${topic}: ${result.errors}`, () => result.statuses.includes('SUBSCRIBED'))
    }
    return result
  }

  close() {
    this.socket.disconnect()
  }
}

// A presence state as { key: [meta, ...] }, without the references in it.
const withoutRefs = (state) => Object.fromEntries(Object.entries(state).map(([key, metas]) =>
  [key, metas.map(({ presence_ref, phx_ref, phx_ref_prev, ...meta }) => meta)]))

const quietAuth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }

// Every kind of client that must work, by name.
export const clientKinds = {
  'supabase-js 2.119.1, vsn 2.0.0': (notifier, jwt) => new SupabaseClient(
    createClient(notifier.httpUrl, jwt, {
      auth: quietAuth, realtime: { transport: WebSocket, vsn: '2.0.0' } })),
  'supabase-js 2.119.1, vsn 1.0.0': (notifier, jwt) => new SupabaseClient(
    createClient(notifier.httpUrl, jwt, {
      auth: quietAuth, realtime: { transport: WebSocket, vsn: '1.0.0' } })),
  'supabase-js 2.95.3': (notifier, jwt) => new SupabaseClient(
    createClient295(notifier.httpUrl, jwt, { auth: quietAuth, realtime: { transport: WebSocket } })),
  'supabase-js 2.50.0': (notifier, jwt) => new SupabaseClient(
    createClient250(notifier.httpUrl, jwt, { auth: quietAuth })),
  'supabase-js 2.39.8': (notifier, jwt) => new SupabaseClient(
    createClient239(notifier.httpUrl, jwt, { auth: quietAuth })),
  'phoenix 1.8.16': (notifier, jwt) => {
    const socket = new PhoenixSocket(`${notifier.wsUrl}/socket`, {
      transport: WebSocket, params: { apikey: jwt } })
    socket.connect()
    return new PhoenixClient(socket)
  },
}

export const newestKind = 'supabase-js 2.119.1, vsn 2.0.0'

// A supabase-js client that asks `accessToken` for its token, as apps do.
export function supabaseWithTokens(notifier, apikey, accessToken) {
  return new SupabaseClient(createClient(notifier.httpUrl, apikey, {
    accessToken, realtime: { transport: WebSocket } }))
}

// A bare websocket that keeps all frames: for what no proper client would do.
export class RawClient {
  static async connect(notifier, { vsn = '2.0.0', apikey, path: where = '/realtime/v1/websocket', options } = {}) {
    const query = new URLSearchParams()
    if (apikey !== undefined) query.set('apikey', apikey)
    if (vsn !== null) query.set('vsn', vsn)
    const raw = new RawClient()
    raw.frames = []
    raw.ws = new WebSocket(`${notifier.wsUrl}${where}?${query}`, options)
    raw.ws.on('message', (data, binary) =>
      raw.frames.push(binary ? Buffer.from(data) : JSON.parse(data.toString())))
    raw.ws.on('error', (error) => { raw.error = error })
    raw.closed = new Promise((resolve) =>
      raw.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })))
    await new Promise((resolve, reject) => {
      raw.ws.on('open', resolve)
      raw.ws.on('error', reject)
      raw.ws.on('unexpected-response', (_request, response) => {
        response.resume()
        reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }))
      })
    })
    return raw
  }

  send(...message) {
    this.ws.send(JSON.stringify(message))
  }

  // The first frame that matches; it and all before it are taken away.
  async frame(what, matches) {
    return eventually(`${what} among ${JSON.stringify(this.frames).slice(0, 2000)}`, () => {
      const index = this.frames.findIndex(matches)
      return index < 0 ? undefined : this.frames.splice(0, index + 1)[index]
    })
  }

  reply(ref) {
    return this.frame(`reply to ${ref}`, (frame) => frame[1] === ref && frame[3] === 'phx_reply')
  }

  async join(topic, payload = {}, ref = '1') {
    this.send(ref, ref, topic, 'phx_join', payload)
    return (await this.reply(ref))[4]
  }

  // Everything sent before has been dealt with once this is answered; `frames`
  // keeps what came of it.
  async heartbeat(ref = `hb-${randomUUID()}`) {
    this.send(null, ref, 'phoenix', 'heartbeat', {})
    const isAnswer = (frame) => frame[1] === ref
    await eventually('the heartbeat\'s answer', () => this.frames.some(isAnswer))
    this.frames.splice(this.frames.findIndex(isAnswer), 1)
  }

  close() {
    this.ws.terminate()
  }
}

// A binary frame of kind 3.
export function kind3({ joinRef = '', ref = '', topic, event, metadata = '', encoding, payload }) {
  const parts = [joinRef, ref, topic, event, metadata].map((part) => Buffer.from(part))
  return Buffer.concat([
    Buffer.from([3, ...parts.map((part) => part.length), encoding]),
    ...parts,
    Buffer.from(payload),
  ])
}

// ---------------------------------------------------------------- database

export const newSession = () => `s-${randomUUID()}`

// Each test file has one notifier, and clients that are closed with it.
let shared
const clients = []

export function notifierForThisFile(use = () => {}, options = {}) {
  before(async () => {
    shared = await Notifier.start(options)
    use(shared)
  })
  after(async () => {
    for (const client of clients) client.close()
    await shared.stop()
  })
}

// Something with close() that is closed when the file is done.
export function closing(client) {
  clients.push(client)
  return client
}

export const connect = (kind = newestKind) => closing(clientKinds[kind](shared, shared.token()))
export const raw = async (options) =>
  closing(await RawClient.connect(shared, { apikey: shared.token(), ...options }))

// One statement on a connection of its own, as the superuser.
export async function sql(text, values = []) {
  const client = new pg.Client({ user: 'postgres' })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

export const claim = async (session, participant = 'alice') =>
  (await sql('SELECT * FROM harthio_claim_provider($1, $2)', [session, participant]))[0]
export const fail = async (session, epoch, participant = 'alice') =>
  (await sql('SELECT * FROM harthio_report_outcome($1, $2, false, participant_id => $3)',
    [session, epoch, participant]))[0]
export const reportQuality = async (session, epoch, participant, metrics) =>
  (await sql('SELECT score, level, rung, session_rung FROM harthio_report_quality($1, $2, $3, $4)',
    [session, epoch, metrics, participant]))[0]
export const switchProvider = async (session, epoch) =>
  (await sql('SELECT * FROM harthio_switch_provider($1, $2)', [session, epoch]))[0]
export const endSession = async (session) =>
  (await sql('SELECT * FROM harthio_end_session($1)', [session]))[0]

// What the table says is the last epoch.
export const lastEpoch = async (session) =>
  (await sql('SELECT max(epoch) AS epoch FROM harthio.assignment WHERE session_id = $1', [session]))[0].epoch

// What the listener asks, as a pattern for backends().
export const LISTENER_QUERIES = String.raw`'^LISTEN|text\[\]\)$|publisher_lag|harthio_new_messages|harthio_delete_messages'`

// The backends of notifiers whose last statement is like this.
export const backends = (query) => sql(
  `SELECT pid FROM pg_stat_activity
    WHERE application_name = 'harthio-notifier' AND (query ${query})`)

// Runs `during` while the notifier gets no answers to its questions.
export async function whileDatabaseIsSilent(during) {
  // One of a notifier that has ended may still be going.
  const found = await eventually('one query backend a thread', async () => {
    const all = await backends(`!~ ${LISTENER_QUERIES} AND query !~ 'harthio_notifier\\.|harthio_replay'`)
    return all.length === shared.threads && all
  })
  for (const { pid } of found) process.kill(pid, 'SIGSTOP')
  try {
    return await during()
  } finally {
    for (const { pid } of found) process.kill(pid, 'SIGCONT')
  }
}

export async function restartCluster(mode = 'fast') {
  await promisify(execFile)(path.join(root, 'scripts/cluster'),
    ['restart', process.env.HARTHIO_CLUSTER_DIR, mode])
}

// The epochs that a channel heard of, in the order in which it did.
export const epochsOf = (channel) => channel.messages
  .filter((message) => message.payload && 'epoch' in message.payload)
  .map((message) => message.payload.epoch)

export const lastHeard = (channel) => epochsOf(channel).at(-1)

export const isAscending = (numbers) =>
  numbers.every((number, i) => i === 0 || number > numbers[i - 1])
