// What people write by hand: notifications of PostgreSQL to websockets.
import createSubscriber from 'pg-listen'
import { WebSocketServer } from 'ws'

const rooms = new Map()
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), perMessageDeflate: false })

server.on('connection', (socket) => {
  socket.rooms = []
  socket.on('message', (data) => {
    const { join } = JSON.parse(data)
    if (!rooms.has(join)) rooms.set(join, new Set())
    rooms.get(join).add(socket)
    socket.rooms.push(join)
    socket.send(JSON.stringify({ joined: join }))
  })
  socket.on('close', () => {
    for (const room of socket.rooms) {
      rooms.get(room).delete(socket)
      if (rooms.get(room).size === 0) rooms.delete(room)
    }
  })
  socket.on('error', () => {})
})

const subscriber = createSubscriber({})
subscriber.notifications.on('by_hand', (state) => {
  const message = JSON.stringify(state)
  for (const socket of rooms.get(state.sessionId) ?? []) socket.send(message)
})
await subscriber.connect()
await subscriber.listenTo('by_hand')
