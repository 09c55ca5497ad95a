// Can an operator run it: configure, watch, reload and restart it?

import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as h from './harness.mjs'

const directory = mkdtempSync(path.join(tmpdir(), 'harthio-'))
const file = (name) => path.join(directory, name)
const write = (name, content) => {
  writeFileSync(file(name), content)
  chmodSync(file(name), 0o600)
  return file(name)
}
after(() => rmSync(directory, { recursive: true }))

const internal = ['--internal-listen', '127.0.0.1:0']
const secret = '0123456789abcdef0123456789abcdef'

function run(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(h.binary, args,
    { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: h.DEADLINE_MS })
  return { status, stdout, stderr }
}

// ---------------------------------------------------------------- configuration

test('docs/reference.md has the tables of the program', () => {
  const reference = readFileSync(path.join(h.root, 'docs/reference.md'), 'utf8')
  const tables = run(['--print-docs']).stdout.trim().split('\n\n')
  assert.equal(tables.length, 4)
  for (const table of tables) assert.ok(reference.includes(`${table}\n`), table)
})

test('docs/reference.md has all close codes', () => {
  const reference = readFileSync(path.join(h.root, 'docs/reference.md'), 'utf8')
  for (const header of ['connection.h', 'channel.h']) {
    const text = readFileSync(path.join(h.root, 'notifier', header), 'utf8')
    const codes = [...text.matchAll(/^#define (?:CLOSE|CHANNEL_CODE)_\w+\s+(\d+)$/gm)].map((match) => match[1])
    assert.ok(codes.length > 0, header)
    for (const code of codes) assert.ok(reference.includes(`| ${code} |`), code)
  }
})

test('--print-config shows what counts and whence, but no secret', () => {
  const config = write('print.conf', 'max-channels = 7\nmax-lag-ms = 700\n')
  const { status, stdout } = run(
    ['--print-config', '--config', config, '--max-channels', '9', '--jwt-secret', secret,
      '--database', 'postgresql://me:geheim@db/app'],
    { HARTHIO_LOG_LEVEL: 'debug' })
  assert.equal(status, 0)
  for (const line of ['# flag\nmax-channels = 9\n', '# file\nmax-lag-ms = 700\n', '# environment\nlog-level = debug\n',
    '# default\nlisten = 127.0.0.1:4000\n', '# flag\njwt-secret = ******\n',
    '# flag\ndatabase = user=me password=****** dbname=app host=db\n']) {
    assert.ok(stdout.includes(line), `${line} in ${stdout}`)
  }
  assert.ok(!stdout.includes('geheim') && !stdout.includes(secret))
})

test('what --print-config prints can be a file of settings', () => {
  const { stdout } = run(['--print-config', '--jwt-secret', `@${write('a-secret', secret)}`])
  const config = write('printed.conf', stdout.replace(/^# default\nconfig = \n/, ''))
  assert.deepEqual(run(['--check-config', '--config', config]),
    { status: 0, stdout: 'the configuration is good\n', stderr: '' })
})

test('--check-config finds what is wrong in any file, and where', () => {
  const good = ['--check-config', '--jwt-secret', secret]
  const cases = [
    [['--config', write('1', '# fine\nmax-chanels = 3\n')], /line=2 reason="no such setting" hint="max-channels"/],
    [['--config', write('2', 'max-channels = many\n')], /option=--max-channels source=file reason="must be a number from 1 to 100000"/],
    [['--jwks', write('3', '{"keys":[{"kty":"oct"}]}')], /reason="key 1 of the JWK set: it has no \\x22kid\\x22"/],
    [['--api-keys', write('4', '{"sb_x":1}')], /reason="API key 1 has no claims with a role"/],
    [['--tls-certificate', file('1')], /event=missing option=--tls-key/],
    [['--tls-certificate', file('1'), '--tls-key', file('1')], /holds no certificate/],
  ]
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = run([...good, ...args])
    assert.equal(status, 2, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, message)
  }
})

test('a secret that all may read, or that is short, is worth a warning', () => {
  const name = write('open', 'short')
  chmodSync(name, 0o644)
  const { status, stderr } = run(['--check-config', '--jwt-secret', `@${name}`])
  assert.equal(status, 0)
  assert.match(stderr, /event=readable_by_all/)
  assert.match(stderr, /event=weak_secret bytes=5/)
})

test('the role of the database must not be a superuser, unless told so', async () => {
  const args = ['--database', 'user=postgres']
  const refused = await h.Notifier.launch({ args })
  assert.deepEqual(await refused.exited, { code: 6, signal: null })
  assert.match(refused.lines.join('\n'), /event=superuser role="postgres" hint="Log in as harthio_notifier/)
  const allowed = await h.Notifier.start({ args: [...args, '--allow-superuser', 'on'] })
  await allowed.stop()
})

// ---------------------------------------------------------------- SIGHUP

test('SIGHUP changes limits and levels, names what it cannot change, and keeps all if anything is bad', async () => {
  const config = write('reload.conf', 'max-channels = 2\nmax-lag-ms = 4000\n')
  const notifier = await h.Notifier.start({ args: ['--config', config, ...internal] })
  const client = await h.RawClient.connect(notifier, { apikey: notifier.token() })
  const join = (n) => client.join(`realtime:room-${n}`, {}, String(n))
  assert.equal((await join(1)).status, 'ok')
  assert.equal((await join(2)).status, 'ok')
  const full = { status: 'error', response: { reason: 'ChannelRateLimitReached: Too many channels' } }
  assert.deepEqual(await join(3), full)

  write('reload.conf', 'max-channels = 3\nlisten = 127.0.0.1:1\nlog-level = warning\nmax-lag-ms = nonsense\n')
  await notifier.reload(/event=reload_failed reason="see the lines above" hint="All settings are as they were."/)
  assert.deepEqual(await join(3), full)

  const from = notifier.lines.length
  write('reload.conf', 'max-channels = 3\ndrain-seconds = 1\ndatabase = dbname=other\n')
  await notifier.reload()
  assert.match(notifier.lines.slice(from).join('\n'), /event=needs_restart option=--database|event=reloaded/)
  assert.equal((await join(3)).status, 'ok')
  assert.equal(await notifier.metric('reloads_total'), 1)
  assert.equal(await notifier.metric('reloads_failed_total'), 1)
  client.close()
  await notifier.stop()
})

test('an option that needs a restart is named on SIGHUP', async () => {
  const config = write('fixed.conf', '')
  const notifier = await h.Notifier.start({ args: ['--config', config] })
  const from = notifier.lines.length
  write('fixed.conf', 'internal-listen = 127.0.0.1:0\n')
  await notifier.reload()
  assert.match(notifier.lines.slice(from).join('\n'), /event=needs_restart option=--internal-listen/)
  await notifier.stop()
})

// ---------------------------------------------------------------- health and metrics

test('readyz: only while it hears the database and the publisher is not behind', async () => {
  const notifier = await h.Notifier.start({ args: [...internal, '--max-lag-ms', '200'] })
  const ready = () => notifier.internal('/readyz')
  const becomes = (status, text) => h.eventually(`readyz says ${status} ${text}`, async () => {
    const answer = await ready()
    return answer.status === status && text.test(answer.text)
  })
  await becomes(200, /^ready\n$/)
  assert.deepEqual(await notifier.internal('/healthz'), { status: 200, text: 'ok\n' })
  assert.equal((await notifier.internal('/')).status, 404)

  const [publisher] = await h.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'harthio publisher'")
  process.kill(publisher.pid, 'SIGSTOP')
  try {
    await h.claim(h.newSession())
    await becomes(503, /^not ready: the publisher is behind\n$/)
    assert.ok(await notifier.metric('publisher_lag_seconds') > 0.2)
    assert.equal(await notifier.metric('ready'), 0)
  } finally {
    process.kill(publisher.pid, 'SIGCONT')
  }
  await becomes(200, /^ready\n$/)
  await h.eventually('the lag is gone', async () => await notifier.metric('publisher_lag_seconds') === 0)

  const line = notifier.lines.length
  await h.restartCluster('immediate')
  await notifier.logged(/link=listener event=(lost|unavailable)/, line)
  await notifier.logged(/link=listener event=resync/, line)
  await becomes(200, /^ready\n$/)
  assert.ok(await notifier.metric('database_connects_total') >= 4)
  assert.ok(await notifier.metric('database_failures_total') >= 2)
  await notifier.stop()
})

test('readyz says why while there is no database', async () => {
  const notifier = await h.Notifier.launch({ args: [...internal, '--database', 'host=127.0.0.1 port=1'] })
  assert.deepEqual(await notifier.internal('/readyz'),
    { status: 503, text: 'not ready: not listening to the database\n' })
  assert.deepEqual(await notifier.internal('/healthz'), { status: 200, text: 'ok\n' })
  assert.ok(Number.isNaN(await notifier.metric('publisher_lag_seconds')))
  await notifier.stop()
})

test('a listener that gets no answer is not ready, and is given up', async () => {
  const notifier = await h.Notifier.start({ args: [...internal, '--max-lag-ms', '1000', '--database-timeout-ms', '1500'] })
  await h.eventually('it is ready', async () => (await notifier.internal('/readyz')).status === 200)
  const [backend] = await h.eventually('the listening backend', async () => {
    const found = await h.backends("LIKE '%publisher_lag%'")
    return found.length > 0 && found
  })
  const line = notifier.lines.length
  process.kill(backend.pid, 'SIGSTOP')
  try {
    await h.eventually('it is behind', async () =>
      (await notifier.internal('/readyz')).text === 'not ready: the publisher is behind\n')
    await notifier.logged(/link=listener event=lost reason="no answer in time"/, line)
    await notifier.logged(/link=listener event=resync/, line)
  } finally {
    process.kill(backend.pid, 'SIGCONT')
  }
  await h.eventually('it is ready again', async () => (await notifier.internal('/readyz')).status === 200)
  await notifier.stop()
})

test('metrics count what happened, and clients cannot read them', async () => {
  const notifier = await h.Notifier.start({ args: internal })
  const client = await h.RawClient.connect(notifier, { apikey: notifier.token() })
  const session = h.newSession()
  await client.join(`realtime:session:${session}`)
  await client.join('realtime:room', { config: { broadcast: { self: true, ack: true } } }, '2')
  await client.join('realtime:room2', { access_token: 'nonsense' }, '3')
  client.send('2', '4', 'realtime:room', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
  await client.reply('4')
  await h.claim(session)
  await client.frame('the state', (frame) => frame[3] === 'broadcast' && frame[4].event === 'provider-selected')
  client.ws.send('nonsense')
  await client.heartbeat()

  const expected = {
    connections: 1, connections_opened_total: 1, channels: 2, rooms: 2, sessions: 1, joins_total: 2,
    broadcasts_total: 1, states_total: 1, malformed_messages_total: 1, queue_messages: 0, queue_bytes: 0,
    slow_readers_closed_total: 0, resyncs_total: notifier.threads, tls_certificate_expiry_seconds: 0,
    'joins_refused_total{reason="MalformedJWT"}': 1, received_messages_total: 6,
  }
  for (const [name, value] of Object.entries(expected)) {
    await h.eventually(name, async () => assert.equal(await notifier.metric(name), value, name) ?? true)
  }
  for (const name of ['notifications_total', 'received_bytes_total', 'sent_messages_total', 'sent_bytes_total']) {
    assert.ok(await notifier.metric(name) > 0, name)
  }
  const text = (await notifier.internal('/metrics')).text
  for (const line of text.trim().split('\n')) {
    assert.match(line, /^(# (HELP|TYPE) harthio_notifier_\w+ .+|harthio_notifier_\w+(\{\w+="[^"]*"\})? (NaN|[0-9.e+-]+))$/)
  }
  for (const where of ['/metrics', '/healthz', '/readyz']) {
    assert.equal((await fetch(notifier.httpUrl + where)).status, 404)
  }
  client.ws.close(1000)
  await h.eventually('the close is counted', async () =>
    await notifier.metric('connections_closed_total{code="1000"}') === 1)
  await notifier.stop()
})

test('more connections than max-connections are refused with 429', async () => {
  const notifier = await h.Notifier.start({ args: [...internal, '--max-connections', '1'] })
  const first = await h.RawClient.connect(notifier)
  await assert.rejects(h.RawClient.connect(notifier), { status: 429 })
  assert.equal(await notifier.metric('connections_refused_total'), 1)
  first.close()
  await h.eventually('there is room again', () => h.RawClient.connect(notifier).then((client) => client.close() ?? true))
  await notifier.stop()
})

test('a hostile client cannot fill the log', async () => {
  const notifier = await h.Notifier.start({ args: [...internal, '--max-joins', '0'] })
  const client = await h.RawClient.connect(notifier, { apikey: 'nonsense' })
  const began = performance.now()
  for (let i = 0; i < 1000; i++) client.send(`${i}`, `${i}`, 'realtime:room', 'phx_join', {})
  await client.reply('999')
  await h.eventually('each is counted', async () =>
    await notifier.metric('joins_refused_total{reason="MalformedJWT"}') === 1000)
  const written = () => notifier.lines.filter((line) => line.includes('event=refused')).length
  await h.eventually('each is in the log or left out', async () =>
    written() + await notifier.metric('log_lines_suppressed_total') === 1000)
  assert.ok(written() >= 100 && written() < notifier.clientLinesAllowed(began), `${written()} lines`)
  await notifier.logged(/event=suppressed lines=\d+ so_far=\d+$/)
  client.close()
  await notifier.stop()
})

// ---------------------------------------------------------------- the end

test('a drain sends clients away some at a time, and they go to another notifier', async () => {
  const one = await h.Notifier.start({ args: [...internal, '--drain-seconds', '60', '--listen', `unix:${file('one')}`] })
  const two = await h.Notifier.start({ secret: one.secret, args: ['--listen', `unix:${file('two')}`] })

  // What stands before two notifiers: it takes the first that takes it.
  const { default: net } = await import('node:net')
  const proxy = net.createServer((socket) => {
    const connect = (names) => {
      const upstream = net.connect(file(names[0]))
      upstream.on('error', () => (names.length > 1 ? connect(names.slice(1)) : socket.destroy()))
      upstream.on('connect', () => socket.pipe(upstream).pipe(socket))
      socket.on('error', () => upstream.destroy())
    }
    connect(['one', 'two'])
  })
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
  const front = Object.assign(Object.create(h.Notifier.prototype), { port: proxy.address().port })

  const session = h.newSession()
  const raws = []
  for (let i = 0; i < 40; i++) raws.push(await h.RawClient.connect(front))
  const client = h.clientKinds[h.newestKind](front, one.token())
  const channel = await client.join(`session:${session}`)

  one.process.kill('SIGTERM')
  await one.logged(/event=stopping reason="SIGTERM" connections=41 drain_seconds=60/)
  await Promise.race(raws.map((each) => each.closed))
  await raws[0].heartbeat() // who came first goes last, and is served until then
  assert.deepEqual(await one.internal('/readyz'), { status: 503, text: 'not ready: stopping\n' })
  assert.deepEqual(await one.exited, { code: 0, signal: null })
  for (const each of raws) assert.deepEqual(await each.closed, { code: 1012, reason: 'server is restarting' })

  await h.eventually('it has joined again', () =>
    channel.statuses.filter((status) => status === 'SUBSCRIBED').length === 2)
  await h.claim(session)
  await h.eventually('it hears from the other', () => h.lastHeard(channel) === 1)
  client.close()
  proxy.close()
  await two.stop()
})

// ---------------------------------------------------------------- systemd

// What a notifier tells systemd while `during` runs.
async function withSystemd(during) {
  const program = file('notify-socket')
  execFileSync('cc', ['-o', program, path.join(h.root, 'tests/notifier/notify_socket.c')])
  const socket = file('notify')
  const heard = []
  const systemd = spawn(program, [socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  systemd.stdout.setEncoding('utf8').on('data', (text) => heard.push(...text.trim().split('\n')))
  const hears = (pattern, from = 0) => h.eventually(`systemd hears ${pattern} in ${heard}`, () =>
    heard.slice(from).find((line) => pattern.test(line)))
  try {
    await hears(/^bound$/)
    await during({ heard, hears, env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000000' } })
  } finally {
    systemd.kill()
    rmSync(socket)
  }
}

test('systemd is told: ready, alive, reloading, stopping', () => withSystemd(async ({ heard, hears, env }) => {
  const config = write('systemd.conf', '')
  const notifier = await h.Notifier.start({ args: ['--config', config], env })
  await hears(/^READY=1\|STATUS=listening$/)
  await h.eventually('it lives, again and again', () => heard.filter((line) => line === 'WATCHDOG=1').length >= 3)

  let from = heard.length
  await notifier.reload()
  assert.match(await hears(/^RELOADING=1/, from), /^RELOADING=1\|MONOTONIC_USEC=\d+$/)
  await hears(/^READY=1\|STATUS=reloaded$/, from)
  from = heard.length
  write('systemd.conf', 'nonsense')
  await notifier.reload(/event=reload_failed/)
  await hears(/^READY=1\|STATUS=reload failed: see the log$/, from)
  await notifier.stop()
  await hears(/^STOPPING=1$/)
}))

test('systemd is not told that it is ready before it hears the database', () => withSystemd(async ({ heard, hears, env }) => {
  const notifier = await h.Notifier.launch({ args: ['--database', 'host=127.0.0.1 port=1'], env })
  await hears(/^STATUS=waiting for the database$/)
  await h.eventually('it lives', () => heard.includes('WATCHDOG=1'))
  await notifier.logged(/link=listener event=unavailable/)
  await notifier.stop()
  await hears(/^STOPPING=1$/)
  assert.ok(!heard.some((line) => line.startsWith('READY')), heard)
}))

test('a service manager that is not there does not matter', async () => {
  const notifier = await h.Notifier.start({ env: { NOTIFY_SOCKET: file('nobody') } })
  await notifier.logged(/systemd event=not_connected socket=/)
  await notifier.stop()
})
