// A wire between pages and Janus, on which messages can be seen, changed, lost,
// and said by somebody else.  For one page at a time.

import { WebSocket, WebSocketServer } from 'ws'
import { atEnd } from './ending.mjs'
import { eventually } from '../notifier/harness.mjs'

export async function startWire(url) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: ([protocol]) => protocol })
  await eventually('a port', () => server.address())
  atEnd(() => {
    server.clients.forEach((page) => page.terminate())
    server.close()
  })
  const wire = {
    url: `ws://127.0.0.1:${server.address().port}`,

    // What was said, before it was changed: { by: 'page' | 'janus', message }.
    said: [],

    // What becomes of a message: it, another one, several, or none.
    change: (message) => message,

    reset() {
      wire.said = []
      wire.change = (message) => message
    },

    // What was said by one of them, of this kind: of `janus`, or a request of VideoRoom.
    by: (who, kind) => wire.said.filter(({ by, message: { janus, body } }) => by === who && (janus === kind || body?.request === kind))
      .map(({ message }) => message),

    // The handle that sends, once the page has joined.
    publisher: () => eventually('a handle', () =>
      wire.said.find(({ message }) => message.plugindata?.data.videoroom === 'joined')?.message.sender),

    // What VideoRoom says of itself.
    async event(data) {
      const sender = await wire.publisher()
      wire.tell({ janus: 'event', sender, plugindata: { data } })
    },
  }
  server.on('connection', (page, { headers }) => {
    const janus = new WebSocket(url, headers['sec-websocket-protocol'])
    const opened = new Promise((resolve) => janus.on('open', resolve))
    const pass = (by, to) => (data) => {
      const message = JSON.parse(data)
      wire.said.push({ by, message })
      for (const each of [wire.change(message, by) ?? []].flat()) to(each)
    }
    wire.tell = (message) => page.send(JSON.stringify(message))
    wire.cut = () => page.close()
    wire.ask = (message) => opened.then(() => janus.send(JSON.stringify(message)))
    page.on('message', pass('page', wire.ask))
    janus.on('message', pass('janus', wire.tell))
    page.on('close', () => janus.close())
    janus.on('close', () => page.close())
    janus.on('error', () => page.close())
  })
  return wire
}
