// Does the notifier serve the operator's files to browsers, and nothing else?

import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as h from './harness.mjs'

const directory = mkdtempSync(path.join(tmpdir(), 'harthio-'))
const inside = (...names) => path.join(directory, 'pages', ...names)
const secret = 'not for browsers'
const large = 'x'.repeat(3_000_000)

mkdirSync(inside('sub'), { recursive: true })
mkdirSync(inside('empty'))
mkdirSync(path.join(directory, 'pages-too'))
mkdirSync(path.join(directory, 'operator'))
for (const [name, text] of Object.entries({
  'pages/index.html': '<!doctype html><title>call</title>é',
  'pages/page.js': 'export {}',
  'pages/page.mjs': 'export {}',
  'pages/page.css': 'p {}',
  'pages/page.svg': '<svg/>',
  'pages/page.unknown': 'bytes',
  'pages/a b+c.txt': 'spaces',
  'pages/large.txt': large,
  'pages/nothing.txt': '',
  'pages/healthcheck': 'not the check',
  'pages/.hidden': secret,
  'pages/sub/index.html': 'below',
  'pages/unreadable': secret,
  'pages-too/secret': secret,
  'operator/index.html': 'operator',
  'operator/metrics': 'not the metrics',
  secret,
})) writeFileSync(path.join(directory, name), text)
symlinkSync('page.js', inside('link.js'))
symlinkSync('../secret', inside('out'))
symlinkSync('../pages-too', inside('beside'))
symlinkSync('/etc', inside('sub', 'etc'))
symlinkSync('circle', inside('circle'))
symlinkSync('.hidden', inside('shown'))
execFileSync('mkfifo', [inside('fifo')])

// The directory's own name may be a symbolic link: the operator gave it.
symlinkSync('pages', path.join(directory, 'linked'))

let notifier
h.notifierForThisFile((started) => { notifier = started }, { args: [
  '--pages', path.join(directory, 'linked'), '--operator-pages', path.join(directory, 'operator'),
  '--internal-listen', '127.0.0.1:0', '--rpc', 'off'] })

const internalPort = async () => (await notifier.logged(/event=listening address=\S+ port=(\d+) for=internal/))[1]
after(() => rmSync(directory, { recursive: true }))

// One request for just this path; fetch() would tidy it up.
const get = (where, { method = 'GET', port = notifier.port, headers = {}, body } = {}) => new Promise((resolve, reject) => {
  const request = http.request({ port, host: '127.0.0.1', path: where, method, headers, agent: false }, (response) => {
    const chunks = []
    response.on('data', (chunk) => chunks.push(chunk))
    response.on('end', () => resolve(
      { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }))
  })
  request.on('error', reject)
  request.end(body)
})

// Bytes that no client library sends; resolves to all that came back before the end.
const talk = (bytes) => new Promise((resolve, reject) => {
  const socket = net.connect(notifier.port, '127.0.0.1', () => socket.write(bytes))
  const chunks = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
  socket.on('error', (error) => error.code === 'ECONNRESET' ? resolve(Buffer.concat(chunks).toString()) : reject(error))
})

// ---------------------------------------------------------------- what is served

test('a file comes with its type, and is asked for anew each time', async () => {
  for (const [name, type] of [['index.html', 'text/html; charset=utf-8'], ['page.js', 'text/javascript; charset=utf-8'],
    ['page.mjs', 'text/javascript; charset=utf-8'], ['page.css', 'text/css; charset=utf-8'], ['page.svg', 'image/svg+xml'],
    ['page.unknown', 'application/octet-stream']]) {
    const { status, headers } = await get(`/${name}`)
    assert.deepEqual([status, headers['content-type'], headers['cache-control'], headers['x-content-type-options']],
      [200, type, 'no-cache', 'nosniff'], name)
  }
})

test('a directory is its index.html', async () => {
  assert.match((await get('/')).text, /call.*é/)
  assert.match((await get('/?session=abc')).text, /call/)
  assert.equal((await get('/sub/')).text, 'below')
  for (const none of ['/sub', '/empty/', '/page.js/', '/nowhere/']) assert.equal((await get(none)).status, 404, none)
})

test('HEAD says what GET would, and sends nothing', async () => {
  const { status, headers, text } = await get('/page.js', { method: 'HEAD' })
  assert.deepEqual([status, headers['content-length'], text], [200, '9', ''])
  assert.equal((await get('/nothing', { method: 'HEAD' })).status, 404)
})

test('a large file and an empty one come whole', async () => {
  assert.equal((await get('/large.txt')).text, large)
  const { status, text } = await get('/nothing.txt')
  assert.deepEqual([status, text], [200, ''])
})

test('what comes after a file on the same connection is not answered, nor misread', async () => {
  const request = (name) => `GET /${name} HTTP/1.1\r\nhost: h\r\n\r\n`
  const answers = await talk(request('page.css') + request('sub/') + request('page.js'))
  assert.deepEqual(answers.match(/^(HTTP|connection).*/gm), ['HTTP/1.1 200 OK', 'connection: close'])
  assert.ok(answers.endsWith('p {}'))
})

test('many browsers at once, some of which go away', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, async (_, i) => {
    if (i % 2 === 0) return (await get('/large.txt')).text.length
    const socket = net.connect(notifier.port, '127.0.0.1', () => socket.write('GET /large.txt HTTP/1.1\r\nhost: h\r\n\r\n'))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.destroy()
    return large.length
  }))
  assert.ok(all.every((length) => length === large.length))
})

test('what a page may do: the call page much, the operator\'s page nothing but talk with us', async () => {
  const policy = (answer) => answer.headers['content-security-policy']
  const call = policy(await get('/'))
  const operator = policy(await get('/', { port: await internalPort() }))
  assert.match(call, /^default-src 'self'; connect-src 'self' http: https: ws: wss:;/)
  assert.match(operator, /^default-src 'none'; script-src 'self'; .*connect-src 'self';/)
  for (const each of [call, operator]) {
    assert.match(each, /frame-ancestors 'none'/)
    assert.doesNotMatch(each, /unsafe/)
  }
})

test('what the notifier answers itself comes first', async () => {
  assert.equal((await get('/healthcheck')).text, 'ok')
  assert.match((await get('/metrics', { port: await internalPort() })).text, /^# HELP/)
  assert.equal((await get('/', { port: await internalPort() })).text, 'operator')
})

test('each port has its own files', async () => {
  assert.equal((await get('/page.js', { port: await internalPort() })).status, 404)
  assert.doesNotMatch((await get('/')).text, /operator/)
})

// ---------------------------------------------------------------- what is not

test('nothing outside of the directory, nothing hidden and nothing that is no file is served', async () => {
  const hostile = ['/../secret', '/sub/../../secret', '/%2e%2e/secret', '/%2e%2e%2fsecret', '/..%2fsecret', '/sub/..%2f..%2fsecret',
    '/.%2e/secret', '/%252e%252e/secret', '/..%5csecret', '/..\\secret', '/sub/%2e%2e/%2e%2e/secret', '//etc/passwd', '/%2fetc%2fpasswd',
    '/sub//../../secret', '/./../secret', '/....//secret', '/..;/secret', '/%c0%ae%c0%ae/secret', `${directory}/secret`,
    '/../pages-too/secret', '/beside/secret', '/out', '/sub/etc/passwd', '/circle', '/shown', '/fifo', '/sub', '/.hidden', '/%2ehidden', '/./.hidden',
    '/out%00', '/.hidden%00.js', '/%00/secret', '/page.js%00.html', `/${'../'.repeat(200)}etc/passwd`, `/${'a/'.repeat(4000)}`,
    `/${'a'.repeat(8000)}`, `/${'%2e%2e%2f'.repeat(500)}secret`, '/page.js%0d%0aset-cookie:a=b']
  for (const where of hostile) {
    const answer = await get(where).catch((error) => ({ status: error.code, headers: {}, text: '' }))
    const shown = where.slice(0, 60)
    assert.ok([403, 404, 'ECONNRESET'].includes(answer.status) ||
      ['export {}', (await get('/')).text].includes(answer.text), `${shown}: ${answer.status}`)
    assert.ok(!answer.text.includes(secret) && !answer.text.includes('root:'), shown)
    assert.equal(answer.headers['set-cookie'], undefined)
  }
  assert.equal((await get('/link.js')).text, 'export {}')
})

test('what is not there is said as text', async () => {
  for (const port of [notifier.port, await internalPort()]) {
    const { status, headers, text } = await get('/none.html', { port })
    assert.deepEqual([status, headers['content-type'], text], [404, 'text/plain', 'not found\n'])
  }
})

test('a file that the notifier may not read is not there', { skip: process.getuid() === 0 && 'root may read all' }, async () => {
  chmodSync(inside('unreadable'), 0)
  assert.equal((await get('/unreadable')).status, 404)
})

test('pages are for GET and HEAD only', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const port of [notifier.port, await internalPort()]) {
      const { status } = await get('/index.html', { method, port, headers: { 'content-length': 0 } })
      assert.equal(status, 404, method)
    }
  }
})

test('ranges do no harm', async () => {
  for (const range of ['bytes=0-1', 'bytes=-1', 'bytes=5-', 'bytes=0-0,1-1,2-2', 'bytes=9999999999999-', 'bytes=a-b']) {
    const { status, text } = await get('/page.js', { headers: { range } })
    assert.deepEqual([status, text], [200, 'export {}'], range)
  }
})

test('without pages there are none', async () => {
  const other = await h.Notifier.start({ args: ['--internal-listen', '127.0.0.1:0'] })
  try {
    assert.match((await get('/', { port: other.port })).text, /^harthio-notifier \d/)
    assert.equal((await get('/index.html', { port: other.port })).status, 404)
    assert.equal((await other.internal('/')).status, 404)
  } finally {
    await other.stop()
  }
})

// ---------------------------------------------------------------- configuration

test('--check-config says which directory is missing, or is none', () => {
  const check = (...args) => spawnSync(h.binary, ['--check-config', '--jwt-secret', 'x'.repeat(32), ...args], { encoding: 'utf8' })
  for (const option of ['--pages', '--operator-pages']) {
    const missing = check(option, inside('missing'), '--internal-listen', '127.0.0.1:0')
    assert.notEqual(missing.status, 0)
    assert.ok(missing.stderr.includes(`option=${option}`) && missing.stderr.includes('No such file or directory'), missing.stderr)
    assert.match(check(option, inside('page.js')).stderr, /Not a directory/)
  }
  assert.match(check('--operator-pages', directory).stderr, /event=missing option=--internal-listen/)
  assert.equal(check('--pages', inside()).status, 0)
})
