// A websocket client that sends exactly the bytes it is told to: for what the
// `ws` package would neither send nor show.

import net from 'node:net'
import { createHash, randomBytes } from 'node:crypto'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10

// One frame.  `lengthBytes` (0, 2 or 8) forces a longer form than need be.
export function frame({ fin = true, rsv = 0, opcode = TEXT, masked = true, payload = Buffer.alloc(0), lengthBytes }) {
  const body = Buffer.from(payload)
  const extra = lengthBytes ?? (body.length < 126 ? 0 : body.length < 65536 ? 2 : 8)
  const head = Buffer.alloc(2 + extra)
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (extra === 0 ? body.length : extra === 2 ? 126 : 127)
  if (extra === 2) head.writeUInt16BE(body.length, 2)
  if (extra === 8) head.writeBigUInt64BE(BigInt(body.length), 2)
  if (!masked) return Buffer.concat([head, body])
  const mask = randomBytes(4)
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3]
  return Buffer.concat([head, mask, body])
}

export class WireClient {
  // The request line and headers may be replaced; resolves once the head of the
  // answer is there, which is in `head`.
  static async connect(notifier, apikey, { path = '/realtime/v1/websocket', version = '13', key = randomBytes(16).toString('base64'), extra = '', method = 'GET' } = {}) {
    const client = new WireClient()
    client.frames = []
    client.received = Buffer.alloc(0)
    client.accept = createHash('sha1').update(key + GUID).digest('base64')
    client.socket = net.connect(notifier.port, '127.0.0.1')
    client.socket.setNoDelay(true)
    client.socket.on('error', () => {})
    client.ended = new Promise((resolve) => client.socket.on('close', () => resolve('ended')))
    client.socket.write(`${method} ${path}?apikey=${apikey}&vsn=2.0.0 HTTP/1.1\r\nHost: localhost\r\n` +
      `Upgrade: websocket\r\nConnection: Upgrade\r\n${key === '' ? '' : `Sec-WebSocket-Key: ${key}\r\n`}` +
      `Sec-WebSocket-Version: ${version}\r\n${extra}\r\n`)
    const headIsThere = new Promise((resolve) => client.socket.on('data', (data) => {
      client.received = Buffer.concat([client.received, data])
      if (client.head === undefined) {
        const end = client.received.indexOf('\r\n\r\n')
        if (end < 0) return
        client.head = client.received.subarray(0, end).toString()
        client.received = client.received.subarray(end + 4)
        resolve()
      }
      if (client.head.startsWith('HTTP/1.1 101')) client.parse()
    }))
    await Promise.race([headIsThere, client.ended])
    return client
  }

  parse() {
    for (;;) {
      const bytes = this.received
      if (bytes.length < 2) return
      const short = bytes[1] & 0x7f
      const extra = short === 126 ? 2 : short === 127 ? 8 : 0
      if (bytes.length < 2 + extra) return
      const length = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
      if (bytes.length < 2 + extra + length) return
      this.frames.push({ first: bytes[0], opcode: bytes[0] & 15, masked: (bytes[1] & 0x80) !== 0, lengthBytes: extra,
        payload: Buffer.from(bytes.subarray(2 + extra, 2 + extra + length)) })
      this.received = bytes.subarray(2 + extra + length)
    }
  }

  send(...frames) {
    this.socket.write(Buffer.concat(frames.map((one) => frame(one))))
  }

  close() {
    this.socket.destroy()
  }
}
