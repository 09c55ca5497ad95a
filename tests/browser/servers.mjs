// The servers of a test file, each ended when the file is done: the notifier,
// Janus, the cluster that tests/browser/run started, and the tree over HTTP.

import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { readFile, mkdtemp, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import path from 'node:path'
import { atEnd } from './ending.mjs'
import { Notifier, eventually, restartCluster, root } from '../notifier/harness.mjs'

const run = promisify(execFile)
const directory = path.join(root, '.test/browser')

// ---------------------------------------------------------------- notifier

// Like the Notifier of its own tests, but it can come back: same port, same secret.
export async function startNotifier({ args = [], ...options } = {}) {
  const server = { current: await Notifier.start({ args, ...options }) }
  const { port, secret } = server.current
  const again = { args: [...args, '--listen', `127.0.0.1:${port}`], ...options, secret }
  let running = true

  server.url = server.current.httpUrl
  server.token = (claims, how) => server.current.token(claims, how)
  server.stop = async () => {
    if (running) await server.current.stop()
    running = false
  }
  server.kill = async () => {
    server.current.process.kill('SIGKILL')
    await server.current.exited
    running = false
  }
  server.restart = async () => {
    await server.stop()
    server.current = await Notifier.start(again)
    running = true
  }
  atEnd(() => server.stop())
  return server
}

// ---------------------------------------------------------------- PostgreSQL

export const restartPostgres = restartCluster

// ---------------------------------------------------------------- Janus

// kill() is SIGKILL, start() brings it back at the same URL, pause() and
// resume() are SIGSTOP and SIGCONT.
export async function startJanus() {
  const dir = await mkdtemp(path.join(directory, 'janus-'))
  const script = (action) => run(path.join(root, 'scripts/janus'), [action, dir, 'media'])
  const signal = async (name) => process.kill(Number(await readFile(path.join(dir, 'pid'), 'utf8')), name)

  await script('start')
  const [, url] = /JANUS_URL=(.*)/.exec(await readFile(path.join(dir, 'env'), 'utf8'))
  atEnd(async () => {
    await script('stop')
    await rm(dir, { recursive: true })
  })
  return {
    url,
    kill: () => script('stop'),
    start: () => script('start'),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  }
}

// ---------------------------------------------------------------- pages

const types = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css',
  '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png',
}

// The tree, as files; a directory is its index.html.
export async function startFiles() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://files')
    const file = path.join(root, decodeURIComponent(pathname), pathname.endsWith('/') ? 'index.html' : '')
    try {
      const content = await readFile(file)
      response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' })
      response.end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  await eventually('a port for files', () => new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(true))
  }))
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${server.address().port}` }
}
