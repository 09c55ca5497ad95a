// Print a free port of the loopback interface: the given one if it is free.
// The system gives its connections none below 32768, so no one of them takes it
// before the server listens, or while it restarts.
import { createServer } from 'node:net'
import { randomInt } from 'node:crypto'

function listen(port) {
  const server = createServer()
  server.once('error', () => listen(randomInt(10000, 32768)))
  server.listen(port, '127.0.0.1', () => {
    console.log(server.address().port)
    server.close()
  })
}

listen(Number(process.argv[2] ?? randomInt(10000, 32768)))
