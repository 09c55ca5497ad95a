// socket.io with its postgres adapter, which LISTENs to what claims.sql sends.
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/postgres-adapter'
import pg from 'pg'
import { Server } from 'socket.io'

const http = createServer()
const server = new Server(http, { transports: ['websocket'] })

server.adapter(createAdapter(new pg.Pool()))
server.on('connection', (socket) => {
  socket.on('join', (room) => {
    socket.join(room)
    socket.emit('joined', room)
  })
})
http.listen(Number(process.argv[2]), '127.0.0.1')
