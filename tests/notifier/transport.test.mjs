// Do clients get through over TLS and through a unix socket, as over TCP?

import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { createClient } from '@supabase/supabase-js'
import WebSocket from 'ws'
import * as h from './harness.mjs'

const directory = mkdtempSync(path.join(tmpdir(), 'harthio-'))
const file = (name) => path.join(directory, name)
after(() => rmSync(directory, { recursive: true }))

// A certificate for 127.0.0.1 that signs itself, and its key: NAME.crt, NAME.key.
function makeCertificate(name) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)], { stdio: 'pipe' })
}
makeCertificate('first')
makeCertificate('second')

const withTls = (name) => ['--tls-certificate', file(`${name}.crt`), '--tls-key', file(`${name}.key`)]
const startTls = (name, ...args) => h.Notifier.start({
  tls: true, args: [...withTls(name), '--internal-listen', '127.0.0.1:0', ...args] })

// supabase-js that trusts this certificate alone.
function trusting(notifier, name) {
  const ca = readFileSync(file(`${name}.crt`))
  class Transport extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ca })
    }
  }
  return createClient(notifier.httpUrl, notifier.token(), {
    auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: Transport } })
}

async function hears(client) {
  const session = h.newSession()
  const channel = client.channel(`session:${session}`)
  const heard = []
  channel.on('broadcast', { event: '*' }, ({ payload }) => heard.push(payload.epoch))
  let status
  channel.subscribe((each) => { status = each })
  await h.eventually('it is joined', () => status === 'SUBSCRIBED')
  await h.claim(session)
  await h.eventually('it hears', () => heard.includes(1))
}

const servedBy = (port, options = {}) => new Promise((resolve, reject) => {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
    resolve(socket.getPeerCertificate().subject.CN)
    socket.end()
  })
  socket.on('error', reject)
})

test('supabase-js hears over TLS', async () => {
  const notifier = await startTls('first')
  const client = trusting(notifier, 'first')
  await hears(client)
  client.realtime.disconnect()
  const expires = new Date(new X509Certificate(readFileSync(file('first.crt'))).validTo).getTime() / 1000
  assert.equal(await notifier.metric('tls_certificate_expiry_seconds'), expires)
  await notifier.stop()
})

// More than a socket takes, in frames smaller and larger than one write.
for (const tls of [true, false]) {
  test(`who reads slowly gets all and in order, ${tls ? 'over TLS' : 'without TLS'}`, async () => {
    const internal = ['--internal-listen', '127.0.0.1:0']
    const notifier = tls ? await startTls('first') : await h.Notifier.start({ args: internal })
    const join = async () => {
      const client = h.closing(await h.RawClient.connect(notifier, {
        apikey: notifier.token(), options: { rejectUnauthorized: false } }))
      await client.join('realtime:slow')
      return client
    }
    const [sender, slow] = [await join(), await join()]
    const sizes = Array.from({ length: 1000 }, (_, n) => n % 100 === 50 ? 100000 : 1 + n * 7)
    slow.ws._socket.pause()
    for (const [n, size] of sizes.entries()) {
      sender.send(null, null, 'realtime:slow', 'broadcast',
        { type: 'broadcast', event: 'm', payload: { n, x: 'x'.repeat(size) } })
    }
    await sender.heartbeat()
    await h.eventually('something waits', async () => await notifier.metric('queue_bytes') > 0)
    slow.ws._socket.resume()
    const heard = () => slow.frames.filter((frame) => frame[3] === 'broadcast').map((frame) => frame[4].payload)
    await h.eventually('all', () => heard().length === sizes.length)
    assert.deepEqual(heard().map(({ n, x }) => [n, x.length]), [...sizes.entries()])
    slow.send(null, 'last', 'phoenix', 'heartbeat', {})
    await slow.reply('last')
    for (const client of [sender, slow]) client.close()
    await notifier.stop()
  })
}

test('nothing but TLS 1.2 and later gets in, and the internal port needs none', async () => {
  // A system that would allow more than we do.
  writeFileSync(file('openssl.cnf'), `openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
`)
  const notifier = await h.Notifier.start({ tls: true, env: { OPENSSL_CONF: file('openssl.cnf') },
    args: [...withTls('first'), '--internal-listen', '127.0.0.1:0'] })
  await assert.rejects(fetch(`http://127.0.0.1:${notifier.port}/`))
  await assert.rejects(servedBy(notifier.port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  assert.equal(await servedBy(notifier.port, { maxVersion: 'TLSv1.2' }), 'first')
  assert.equal((await notifier.internal('/healthz')).status, 200)
  await notifier.stop()
})

test('large messages get through TLS both ways, also to a client that reads late', async () => {
  const notifier = await startTls('first', '--max-queue-bytes', '100000000')
  const options = { ca: readFileSync(file('first.crt')) }
  const [sender, reader] = await Promise.all([1, 2].map(() =>
    h.RawClient.connect(notifier, { apikey: notifier.token(), options })))
  const topic = 'realtime:large'
  await sender.join(topic)
  await reader.join(topic)
  reader.ws._socket.pause()
  const texts = [...Array(60).keys()].map((i) => String(i).padEnd(i % 3 === 0 ? 200_000 : 100, 'x'))
  for (const text of texts) sender.send('1', '2', topic, 'broadcast', { type: 'broadcast', event: 'e', payload: { text } })
  await sender.heartbeat()
  reader.ws._socket.resume()
  await h.eventually('all are there', () => reader.frames.length === texts.length)
  assert.deepEqual(reader.frames.map((frame) => frame[4].payload.text), texts)
  sender.close()
  reader.close()
  await notifier.stop()
})

test('SIGHUP brings a new certificate to new connections, and a bad one changes nothing', async () => {
  for (const end of ['crt', 'key']) writeFileSync(file(`live.${end}`), readFileSync(file(`first.${end}`)))
  const notifier = await startTls('live')
  const client = trusting(notifier, 'first')
  await hears(client)
  assert.equal(await servedBy(notifier.port), 'first')

  writeFileSync(file('live.crt'), readFileSync(file('second.crt')))
  await notifier.reload(/tls event=invalid reason=.*does not hold the certificate's key/)
  await notifier.reload(/event=reload_failed/)
  assert.equal(await servedBy(notifier.port), 'first')

  writeFileSync(file('live.key'), readFileSync(file('second.key')))
  await notifier.reload()
  assert.equal(await servedBy(notifier.port), 'second')
  await hears(client)
  client.realtime.disconnect()
  await notifier.stop()
})

test('TLS cannot be turned off by SIGHUP', async () => {
  const config = file('tls.conf')
  writeFileSync(config, `tls-certificate = ${file('first.crt')}\ntls-key = ${file('first.key')}\n`)
  const notifier = await h.Notifier.start({ tls: true, args: ['--config', config] })
  writeFileSync(config, '')
  await notifier.reload(/event=reload_failed reason="TLS cannot be turned on or off without a restart"/)
  assert.equal(await servedBy(notifier.port), 'first')
  await notifier.stop()
})

test('handshakes that fail are harmless and do not fill the log', async () => {
  const notifier = await startTls('first')
  const before = notifier.lines.length
  const began = performance.now()
  for (let i = 0; i < 200 + 100 * notifier.threads; i++) {
    await new Promise((resolve) => {
      const socket = net.connect(notifier.port, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\n\r\n'))
      socket.on('error', () => {})
      socket.on('close', resolve)
      socket.resume()
    })
  }
  assert.equal(await servedBy(notifier.port), 'first')
  const written = notifier.lines.length - before
  assert.ok(written < notifier.clientLinesAllowed(began), `${written} lines`)
  await notifier.stop()
})

test('a client hears through a unix socket, which goes with the process', async () => {
  const notifier = await h.Notifier.start({ args: ['--listen', `unix:${file('socket')}`] })
  const client = new WebSocket(`ws+unix://${file('socket')}:/realtime/v1/websocket?vsn=2.0.0&apikey=${notifier.token()}`)
  const frames = []
  client.on('message', (data) => frames.push(JSON.parse(data.toString())))
  await new Promise((resolve, reject) => { client.on('open', resolve).on('error', reject) })
  const session = h.newSession()
  client.send(JSON.stringify(['1', '1', `realtime:session:${session}`, 'phx_join', {}]))
  await h.eventually('it is joined', () => frames.some((frame) => frame[4].status === 'ok'))
  await h.claim(session)
  await h.eventually('it hears', () => frames.some((frame) => frame[4].event === 'provider-selected'))
  const text = await new Promise((resolve) => {
    http.get({ socketPath: file('socket'), path: '/healthcheck' }, (answer) => answer.on('data', (data) => resolve(String(data))))
  })
  assert.equal(text, 'ok')
  await notifier.logged(/event=opened peer="/)
  client.terminate()
  await notifier.stop()
  assert.ok(!existsSync(file('socket')))
})

test('a unix socket that nobody listens to is replaced; one that is in use, or no socket, is not', async () => {
  const name = file('stale')
  const args = ['--listen', `unix:${name}`]
  const first = await h.Notifier.start({ args })
  const second = await h.Notifier.launch({ args })
  assert.equal((await second.exited).code, 3)
  first.process.kill('SIGKILL')
  await first.exited
  assert.ok(existsSync(name))
  const third = await h.Notifier.start({ args })
  await third.stop()

  writeFileSync(name, 'a file of somebody')
  const fourth = await h.Notifier.launch({ args })
  assert.equal((await fourth.exited).code, 3)
  assert.equal(readFileSync(name, 'utf8'), 'a file of somebody')
})
