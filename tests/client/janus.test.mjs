// What does a connection to Janus make of answers, and of its end?

import test, { before, after, mock } from 'node:test'
import assert from 'node:assert/strict'
import { JanusConnection } from '../../client/janus_connection.js'

// A websocket that opens, and is told what `answer` makes of each request.
let answer
class Socket {
  constructor() {
    queueMicrotask(() => this.onopen())
  }

  send(json) {
    const { transaction, ...request } = JSON.parse(json)
    for (const message of answer(request)) queueMicrotask(() => this.onmessage({ data: JSON.stringify({ transaction, ...message }) }))
  }

  close() {}
}

const { WebSocket } = globalThis
before(() => { globalThis.WebSocket = Socket })
after(() => { globalThis.WebSocket = WebSocket })

async function connect() {
  const connection = new JanusConnection({ lost() {}, due() {} })
  answer = () => [{ janus: 'success', data: { id: 1 } }]
  await connection.open('ws://janus')
  return connection
}

test('an answer is what comes after the acknowledgement', async () => {
  const connection = await connect()
  answer = () => [{ janus: 'ack' }, { janus: 'event', plugindata: { data: { videoroom: 'joined' } } }]
  assert.equal((await connection.request({})).plugindata.data.videoroom, 'joined')
  connection.close()
})

test('errors of Janus and of VideoRoom are told with their words', async () => {
  const connection = await connect()
  answer = () => [{ janus: 'error', error: { code: 459, reason: 'no such handle' } }]
  await assert.rejects(connection.request({}), { code: 459, message: 'no such handle' })
  answer = () => [{ janus: 'event', plugindata: { data: { error_code: 426, error: 'no such room' } } }]
  await assert.rejects(connection.request({}), { code: 426, message: 'no such room' })
  connection.close()
})

test('nothing waits for ever: not what waits when it closes, nor what is asked later', async () => {
  const connection = await connect()
  answer = () => []
  const waiting = connection.request({})
  connection.close()
  await assert.rejects(waiting, /closed/)
  await assert.rejects(connection.request({}), /closed/)
})

test('a connection is kept alive until it is closed', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const connection = await connect()
  const said = []
  answer = ({ janus }) => {
    said.push(janus)
    return []
  }
  mock.timers.tick(4000)
  connection.close()
  mock.timers.tick(60000)
  assert.deepEqual(said, ['keepalive', 'keepalive', 'destroy'])
  mock.timers.reset()
})
