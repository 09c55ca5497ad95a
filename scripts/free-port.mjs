// Print a free port of the loopback interface: the given one if it is free.
import { createServer } from 'node:net'

function listen(port) {
  const server = createServer()
  server.once('error', () => listen(0))
  server.listen(port, '127.0.0.1', () => {
    console.log(server.address().port)
    server.close()
  })
}

listen(Number(process.argv[2] ?? 0))
