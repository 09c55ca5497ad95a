// Are providers checked from outside, by one notifier, and to what effect?

import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import * as h from './harness.mjs'

const args = ['--probe-interval', '1', '--probe-timeout-ms', '600']
const files = fs.mkdtempSync(path.join(os.tmpdir(), 'harthio-'))
const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) => path.join(files, name))

before(() => execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate,
  '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' }))
let notifier
h.notifierForThisFile((started) => { notifier = started }, { args, env: { SSL_CERT_FILE: certificate } })

// Providers of these tests are drained, so that no other test is given them.
const servers = []
after(async () => {
  await h.sql("DELETE FROM harthio.provider WHERE provider LIKE 'probed-%'")
  for (const server of servers) server.close(() => {})
  fs.rmSync(files, { recursive: true })
})

let count = 0
async function provider(probe) {
  const name = `probed-${++count}`
  await h.sql('INSERT INTO harthio.provider (provider, base_score, enabled, probe) VALUES ($1, 50, false, $2)', [name, probe])
  return name
}

async function listening(server) {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

const stats = async (name) => (await h.sql('SELECT breaker, probe_ok, probe_latency_ms, probed_at FROM harthio.provider_stats WHERE provider = $1', [name]))[0]
const isFound = (name, good) => h.eventually(`${name} is ${good ? 'there' : 'not there'}`, async () => {
  const found = await stats(name)
  return found.probe_ok === good && found
})

test('each kind of probe finds what is there', async () => {
  const page = await listening(http.createServer((request, response) => {
    response.writeHead(request.url === '/health' && request.method === 'GET' ? 204 : 404).end()
  }))
  const secret = await listening(https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) },
    (_request, response) => response.end('x'.repeat(100000))))
  const plain = await listening(net.createServer((socket) => socket.on('error', () => {})))
  const stun = dgram.createSocket('udp4').on('message', (message, from) => {
    const answer = Buffer.from(message)
    answer[0] = 1
    stun.send(answer, from.port, from.address)
  })
  servers.push(stun)
  stun.bind(0, '127.0.0.1')
  await once(stun, 'listening')
  const names = []
  for (const probe of [`http://127.0.0.1:${page}/health`, `http://localhost:${page}/health`, `https://localhost:${secret}/`,
    `tcp://127.0.0.1:${plain}`, `stun:127.0.0.1:${stun.address().port}`, `turn:localhost:${stun.address().port}`]) {
    names.push(await provider(probe))
  }
  for (const name of names) {
    const found = await isFound(name, true)
    assert.ok(found.probe_latency_ms >= 0 && found.probe_latency_ms < 600)
  }
})

test('what is not there, or is not what it should be, is found so', async () => {
  const status = (code) => listening(http.createServer((_request, response) => response.writeHead(code).end()))
  const bytes = (reply) => listening(net.createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => reply === null || socket.end(reply))
  }))
  const untrusted = await listening(https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) },
    (_request, response) => response.end()))
  const free = await listening(net.createServer())
  servers.pop().close()
  const silent = dgram.createSocket('udp4')
  const liar = dgram.createSocket('udp4').on('message', (message, from) => {
    for (const answer of [Buffer.alloc(0), Buffer.alloc(20), message, Buffer.alloc(60000, 1)]) liar.send(answer, from.port, from.address)
  })
  for (const socket of [silent, liar]) {
    servers.push(socket)
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
  }
  const names = []
  for (const probe of [`http://127.0.0.1:${await status(404)}/`, `http://127.0.0.1:${await status(503)}/`,
    `http://127.0.0.1:${await bytes('SSH-2.0-OpenSSH_9.9\r\n')}/`, `http://127.0.0.1:${await bytes('HTTP')}/`,
    `http://127.0.0.1:${await bytes(null)}/`, `http://127.0.0.1:${await bytes('\0'.repeat(100000))}/`,
    `https://127.0.0.1:${untrusted}/`, `https://localhost:${await bytes('HTTP/1.1 200 OK\r\n\r\n')}/`, `https://localhost:${await bytes(null)}/`,
    `tcp://127.0.0.1:${free}`, 'tcp://no-such-host.invalid:80', `stun:127.0.0.1:${free}`,
    `stun:127.0.0.1:${silent.address().port}`, `stun:127.0.0.1:${liar.address().port}`]) {
    names.push(await provider(probe))
  }
  for (const name of names) await isFound(name, false)
})

test('a provider that dies is out, and is tried again when it is back', async () => {
  let good = true
  const port = await listening(http.createServer((_request, response) => response.writeHead(good ? 200 : 500).end()))
  const name = await provider(`http://127.0.0.1:${port}/`)
  const is = (breaker) => h.eventually(`its breaker is ${breaker}`, async () => (await stats(name)).breaker === breaker)
  await isFound(name, true)
  await is('closed')
  good = false
  await is('open')
  good = true
  await is('half-open')
})

test('one notifier checks; another one does when that is gone', async () => {
  const askers = new Set()
  const port = await listening(http.createServer((_request, response) => response.end()).on('connection', (socket) => askers.add(socket.remotePort)))
  const second = await h.Notifier.start({ args, secret: notifier.secret })
  await provider(`http://127.0.0.1:${port}/`)
  await h.eventually('it is checked some times', () => askers.size >= 3)
  assert.ok(!second.lines.some((line) => line.includes('event=checked')))
  const third = await h.Notifier.start({ args: ['--probe-interval', '0'] })
  await h.sql(`SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE l.locktype = 'advisory'
    AND a.application_name = 'harthio-notifier upkeep'`)
  await Promise.race([second.logged(/event=checked/), notifier.logged(/event=checked/, notifier.lines.length)])
  assert.ok(!third.lines.some((line) => line.includes('event=checked')))
  await third.stop()
  await second.stop()
})

test('what is no probe cannot be stored', async () => {
  for (const probe of ['', 'ftp://x', 'tcp://x', 'https://x/a b', 'https://user@x/', 'stun:', 'file:///etc/passwd', `https://x/${'x'.repeat(600)}`]) {
    await assert.rejects(provider(probe), { code: '23514' }, probe)
  }
})
