// Does the process start, end and explain itself as an operator expects?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import net from 'node:net'
import path from 'node:path'
import * as h from './harness.mjs'

function run(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(h.binary, args,
    { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: h.DEADLINE_MS })
  return { status, stdout, stderr }
}

test('SIGTERM closes all sockets with 1012 and ends with 0', async () => {
  const notifier = await h.Notifier.start()
  const clients = await Promise.all([...Array(20).keys()].map(() =>
    h.RawClient.connect(notifier, { apikey: notifier.token() })))
  await Promise.all(clients.map((client) => client.join(`realtime:session:${h.newSession()}`)))
  const end = await notifier.stop()
  for (const client of clients) {
    assert.deepEqual(await client.closed, { code: 1012, reason: 'server is restarting' })
  }
  assert.deepEqual(end, { code: 0, signal: null })
  assert.match(notifier.lines.at(-1), /event=ended exit_code=0/)
})

test('a client that does not read cannot hold up the end, and a second signal ends at once', async () => {
  const notifier = await h.Notifier.start()
  const client = await h.RawClient.connect(notifier, { apikey: notifier.token() })
  const topic = 'realtime:full'
  await client.join(topic, { config: { broadcast: { self: true } } })
  client.ws._socket.pause()
  const text = 'x'.repeat(100_000)
  for (let i = 0; i < 40; i++) client.send('1', '2', topic, 'broadcast', { event: 'e', payload: text })
  notifier.process.kill('SIGTERM')
  await notifier.logged(/event=stopping reason="SIGTERM"/)
  notifier.process.kill('SIGINT')
  assert.deepEqual(await notifier.exited, { code: 0, signal: null })
  client.close()
})

test('it waits for a database that is not there, and answers meanwhile', async () => {
  const port = await new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
  const notifier = await h.Notifier.launch({ env: { PGPORT: String(port) } })
  for (let i = 0; i < 3; i++) {
    await notifier.logged(/link=listener event=unavailable .*retry_ms=\d+/, i)
  }
  const answer = await fetch(`${notifier.httpUrl}/healthcheck`)
  assert.equal(await answer.text(), 'ok')
  await notifier.stop()
})

test('it says when the extension is missing, and comes up when it is created', async () => {
  const database = `without_${process.pid}`
  await h.sql(`CREATE DATABASE ${database}`)
  try {
    const notifier = await h.Notifier.launch({ env: { PGDATABASE: database } })
    await notifier.logged(/event=no_extension message="extension harthio is not created in this database"/)
    await notifier.stop()
  } finally {
    await h.sql(`DROP DATABASE ${database} WITH (FORCE)`)
  }
})

test('an extension of another version ends it with 5', async () => {
  await h.sql(`ALTER FUNCTION harthio.protocol_version() RENAME TO protocol_version_kept`)
  try {
    await h.sql(`CREATE FUNCTION harthio.protocol_version() RETURNS integer LANGUAGE sql AS 'SELECT 99'`)
    const other = await h.Notifier.launch()
    assert.equal((await other.exited).code, 5)
    assert.match(other.lines.join('\n'), /event=version_mismatch needed=1 found="99"/)
    await h.sql(`DROP FUNCTION harthio.protocol_version()`)
    const none = await h.Notifier.launch()
    assert.equal((await none.exited).code, 5)
  } finally {
    await h.sql(`DROP FUNCTION IF EXISTS harthio.protocol_version()`)
    await h.sql(`ALTER FUNCTION harthio.protocol_version_kept() RENAME TO protocol_version`)
  }
})

test('--help and --version', () => {
  const control = readFileSync(path.join(h.root, 'harthio.control'), 'utf8')
  const version = /default_version = '(.*)'/.exec(control)[1]
  assert.deepEqual(run(['--version']), { status: 0, stdout: `harthio-notifier ${version}\n`, stderr: '' })
  const help = run(['--help'])
  assert.equal(help.status, 0)
  for (const word of ['--database', '--listen', '--jwt-secret', '--log-level', 'HARTHIO_DATABASE', 'HARTHIO_JWT_SECRET']) {
    assert.ok(help.stdout.includes(word), word)
  }
})

test('what cannot be is refused with its own exit code', () => {
  const secret = ['--jwt-secret', 'x']
  const cases = [
    [['--datbase', 'x'], {}, 1, /unknown option "--datbase"; did you mean "--database"\?/],
    [['--jwtsecret=x'], {}, 1, /did you mean "--jwt-secret"\?/],
    [['stray'], {}, 1, /unexpected argument "stray"/],
    [['--listen'], {}, 1, /needs a value: ADDRESS/],
    [[], {}, 2, /option=--jwt-secret .*HARTHIO_JWT_SECRET/],
    [['--jwt-secret', ''], {}, 2, /event=missing option=--jwt-secret/],
    [['--jwt-secret', '@/nonexistent'], {}, 2, /No such file/],
    [[...secret, '--log-level', 'loud'], {}, 2, /must be error, warning, info or debug/],
    [[...secret, '--listen', '4000'], {}, 2, /must be HOST:PORT/],
    [[...secret, '--listen', '::1:4000'], {}, 2, /must be HOST:PORT/],
    [[...secret, '--listen', '127.0.0.1:65536'], {}, 2, /must be HOST:PORT/],
    [secret, { HARTHIO_LISTEN: 'x' }, 2, /source=HARTHIO_LISTEN/],
    [[...secret, '--listen', '192.0.2.1:0'], {}, 3, /event=cannot_listen/],
    [[...secret, '--database', 'nonsense=1'], {}, 4, /invalid connection option/],
  ]
  for (const [args, env, status, message] of cases) {
    const result = run(args, env)
    assert.equal(result.status, status, `${args} ${result.stderr}`)
    assert.match(result.stderr, message)
  }
})

test('a flag beats the environment, and secrets come from files', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'harthio-'))
  const file = path.join(directory, 'secret')
  const secret = 'from-a-file-from-a-file-from-a-file'
  writeFileSync(file, `${secret}\n`)
  try {
    const fromFile = await h.Notifier.start({ secret: 'of-the-environment', args: ['--jwt-secret', `@${file}`] })
    const client = await h.RawClient.connect(fromFile, { apikey: h.signToken(
      { role: 'authenticated', sub: 'a', exp: h.inSeconds(60) }, { secret }) })
    assert.equal((await client.join('realtime:x')).status, 'ok')
    client.close()
    await fromFile.stop()
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a secret among the arguments is not to be seen', {
  skip: h.underValgrind && 'it is valgrind whose arguments are to be seen',
}, async () => {
  const secret = 'an-argument-an-argument-an-argument'
  const given = await h.Notifier.start({ args: [`--jwt-secret=${secret}`, '--listen', '[::1]:0'] })
  const line = readFileSync(`/proc/${given.process.pid}/cmdline`, 'utf8')
  assert.ok(line.includes('--jwt-secret') && !line.includes(secret))
  await given.stop()
})
