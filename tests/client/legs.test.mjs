// Is a move made before the old call is broken, and is what arrives by both right?

import test from 'node:test'
import assert from 'node:assert/strict'
import { Track, World } from './world.mjs'

const closed = ({ calls }) => calls.map((call) => call.closed)
const shown = (page) => page.heard('remote-stream').map(({ stream }) => stream)

// ---------------------------------------------------------------- make before break

test('the old call stands a moment longer than until the new one has pictures', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.break('two')
  world.move('two')
  await world.clock.pass(5000)
  assert.deepEqual(closed(ada), [false, false])
  world.mend('two')
  await world.clock.pass(300)
  assert.equal(ada.session.state, 'connected')
  assert.deepEqual(closed(ada), [false, false])
  await world.clock.pass(1000)
  assert.deepEqual(closed(ada), [true, false])
  assert.deepEqual(closed(ben), [true, false])
  world.tell({ version: 2, rung: 240 })
  assert.equal(ada.calls[0].rung, 720, 'it is gone')
})

test('it waits for everybody\'s picture', async () => {
  const world = new World()
  const [ada] = await world.call()
  const cem = world.join('cem')
  await world.clock.pass(2000)
  cem.channel.lost = true
  world.move('two')
  await world.clock.pass(5000)
  assert.deepEqual(closed(ada), [true, false], 'not for one who is elsewhere')
})

test('it does not stand for ever', async () => {
  const world = new World()
  const [ada] = await world.call({ answers: { harthio_report_outcome: () => null } })
  world.break('two')
  world.move('two')
  await world.clock.pass(19000)
  assert.equal(ada.calls[0].closed, false)
  await world.clock.pass(2000)
  assert.equal(ada.calls[0].closed, true)
  world.tell({ version: 2, rung: 240 })
  assert.equal(ada.calls[0].rung, 720, 'it is gone')
})

test('it stands until somebody is on the new one', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.lost = true
  world.move('two')
  await world.clock.pass(3000)
  assert.deepEqual(closed(ada), [false, false])
})

test('a call that never showed anything is closed at once', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('two', 'three')
  world.move('two')
  world.move('three')
  await world.clock.pass(100)
  assert.deepEqual(closed(ada), [false, true, false])
})

test('there are never more than two', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.join('cem')
  await world.clock.pass(2000)
  world.move('two')
  ada.now.freeze(ben.session.peerId)
  await world.clock.pass(2000)
  assert.deepEqual(closed(ada), [false, false])
  world.move('three')
  assert.deepEqual(closed(ada), [true, false, false])
  await world.clock.pass(3000)
  assert.deepEqual(closed(ada), [true, true, false])
})

test('the time of each is its own', async () => {
  const world = new World()
  const [ada, ben] = await world.call({ answers: { harthio_report_outcome: () => null } })
  world.join('cem')
  await world.clock.pass(2000)
  world.move('two')
  ada.now.freeze(ben.session.peerId)
  await world.clock.pass(9000)
  world.break('three')
  world.move('three')
  await world.clock.pass(12000)
  assert.deepEqual(ada.calls.slice(0, 2).map((call) => call.closed), [true, false])
  world.tell({ version: 2, rung: 240 })
  assert.equal(ada.calls[1].rung, 240)
})

test('if the old call fails meanwhile it is closed, and nobody is blamed', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('two')
  world.move('two')
  await world.clock.pass(100)
  ada.calls[0].context.failed('connection-lost')
  await world.clock.pass(1000)
  assert.deepEqual(closed(ada), [true, false])
  assert.deepEqual(ada.failures(), [])
  world.tell({ version: 2, rung: 240 })
  assert.equal(ada.calls[0].rung, 720, 'it is gone')
})

test('a call that fails in the very moment of a move is not set aside', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.now.context.failed('connection-lost')
  world.move('two')
  assert.deepEqual(closed(ada), [true, false])
})

// ---------------------------------------------------------------- which picture

test('the first picture of somebody is shown at once, a later one when it has frames', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  assert.equal(shown(ada).length, 1)
  world.move('two')
  await world.clock.pass(10)
  ada.now.freeze(ben.session.peerId)
  await world.clock.pass(2000)
  assert.equal(shown(ada).length, 1)
  ada.now.thaw(ben.session.peerId)
  await world.clock.pass(500)
  assert.equal(shown(ada).length, 2)
  assert.deepEqual(ada.heard('remote-stream').map(({ peerId, participantId }) => [peerId, participantId]),
    Array(2).fill([ben.session.peerId, 'ben']))

  const cem = world.join('cem')
  await world.clock.pass(300)
  ada.now.freeze(cem.session.peerId)
  assert.equal(ada.heard('remote-stream').at(-1).participantId, 'cem')
})

test('another stream of the same call is shown at once, the same one not again', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  const stream = new MediaStream([new Track('video', 'another')])
  ada.now.context.remoteStream(ben.session.peerId, 'ben', stream)
  ada.now.context.remoteStream(ben.session.peerId, 'ben', stream)
  assert.deepEqual(shown(ada).slice(1), [stream])
  world.break('one')
  const cem = world.join('cem')
  await world.clock.pass(300)
  const streams = [new MediaStream(), new MediaStream()]
  for (const each of streams) ada.now.context.remoteStream(cem.session.peerId, 'cem', each)
  assert.deepEqual(shown(ada).slice(2), streams, 'also before there are frames')
})

test('what a call that is over has to show is not shown', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  const [old] = ada.calls
  const late = () => old.context.remoteStream(ben.session.peerId, 'ben', new MediaStream())
  world.break('two')
  world.move('two')
  late()
  assert.equal(shown(ada).length, 1)
  world.mend('two')
  await world.clock.pass(3000)
  late()
  assert.equal(shown(ada).length, 2)
})

test('nor what a call shows after it has failed', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ada.answers.harthio_report_outcome = () => new Promise(() => {})
  ada.now.context.failed('connection-lost')
  ada.now.context.remoteStream(ben.session.peerId, 'ben', new MediaStream())
  await world.clock.pass(1000)
  assert.equal(shown(ada).length, 1)
})

test('what was being looked at when the session moved does not count', async () => {
  const world = new World()
  const ada = world.join('ada')
  world.join('ben')
  await world.clock.pass(50)
  const [call] = ada.calls
  const [connection] = call.connections()
  let look
  call.connections = () => [{ getStats: async () => {
    await new Promise((resolve) => { look = resolve })
    return connection.getStats()
  } }]
  await world.clock.pass(500)
  world.break('two')
  world.move('two')
  look()
  await world.clock.pass(1000)
  assert.deepEqual(ada.reports(), [])
})

test('a look that fails is followed by others', async (t) => {
  t.mock.method(console, 'error', () => {})
  const world = new World()
  const ada = world.join('ada')
  await world.clock.pass(50)
  const { connections } = ada.now
  ada.now.connections = () => { throw new Error('not now') }
  world.join('ben')
  await world.clock.pass(1000)
  assert.equal(ada.session.state, 'connecting')
  ada.now.connections = connections
  await world.clock.pass(1000)
  assert.equal(ada.session.state, 'connected')
})

test('a picture that comes before its sender is known is shown when he is', async () => {
  const world = new World()
  const ada = world.join('ada')
  await world.clock.pass(100)
  const stream = new MediaStream([new Track('video', 'early')])
  world.break('one')
  const ben = world.join('ben')
  ada.now.context.remoteStream(ben.session.peerId, 'ben', stream)
  assert.deepEqual(shown(ada), [])
  await world.clock.pass(200)
  assert.deepEqual(shown(ada), [stream])
})

test('a picture is shown anew to who comes again after he was gone', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.become('CHANNEL_ERROR')
  await world.clock.pass(12000)
  assert.deepEqual(ada.session.participants, [])
  ben.channel.become('SUBSCRIBED')
  await world.clock.pass(1000)
  assert.equal(shown(ada).length, 2)
})

test('a picture that is taken back is missing', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ada.now.context.remoteGone(ben.session.peerId)
  await world.clock.pass(6000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

// ---------------------------------------------------------------- what adapters are given

test('an adapter is told where, who, and what to send', async () => {
  const world = new World()
  const media = new MediaStream([new Track('audio')])
  const page = world.join('ada', { media })
  await world.clock.pass(0)
  const { room, epoch, sessionId, participantId, peerId, media: sent, signal } = page.now.context
  assert.deepEqual([room, epoch, sessionId, participantId, peerId], ['room 1', 1, 'call', 'ada', page.session.peerId])
  assert.equal(sent, media)
  await page.session.leave()
  assert.equal(signal.aborted, true)
})

test('signals come to the call of their epoch, of both', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.break('two')
  world.move('two')
  await world.clock.pass(200)
  ben.calls[0].context.signalling.send('old', ada.session.peerId)
  ben.calls[1].context.signalling.send('new')
  await world.clock.pass(0)
  assert.deepEqual(ada.signals.map(([epoch, data]) => [epoch, data]), [[1, 'old'], [2, 'new']])
  assert.equal(ada.signals[0][2], ben.session.peerId)
  assert.deepEqual(ben.signals, [])
})

test('signals of other generations, and from nobody, come to no call', async () => {
  const world = new World()
  const [ada] = await world.call()
  const hear = (payload) => ada.channel.hear('broadcast', 'harthio-signal', payload)
  hear({ generation: 2, epoch: 1, data: 'x', from: 'ben' })
  hear({ generation: 1, epoch: 1, data: 'x', from: 7 })
  hear({ generation: 1, epoch: 1, data: 'x' })
  assert.deepEqual(ada.signals, [])
})

test('whoever has signalled is one of the peers, before presence says so', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  const seen = (page) => page.now.context.signalling.peers()
  assert.deepEqual(seen(ada), [ben.session.peerId])
  world.at = { ...world.at, epoch: 2, provider: 'two' }
  ada.channel.hear('broadcast', 'provider-selected', { sessionId: 'call', version: 1, ...world.at })
  await world.clock.pass(0)
  assert.deepEqual(seen(ada), [], 'he is not there yet')
  ada.channel.hear('broadcast', 'harthio-signal', { generation: 1, epoch: 2, data: 'x', from: ben.session.peerId })
  assert.deepEqual(seen(ada), [ben.session.peerId])
})

test('who has gone ahead is still a peer of the old call', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.break('two')
  world.move('two')
  await world.clock.pass(500)
  assert.deepEqual(ada.calls[0].context.signalling.peers(), [ben.session.peerId])
})

test('the old call hears who comes, too', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('two')
  world.move('two')
  let changes = 0
  ada.calls[0].context.signalling.peersChanged(() => changes++)
  world.join('cem')
  await world.clock.pass(100)
  assert.ok(changes > 0)
})

test('a call that is over says nothing more, and what it heard of is forgotten', async () => {
  const world = new World()
  const [ada] = await world.call()
  let changes = 0
  const { signalling, failed } = ada.now.context
  const enough = signalling.peersChanged(() => changes++)
  world.join('cem')
  await world.clock.pass(100)
  assert.ok(changes > 0)
  enough()
  changes = 0
  world.join('dan')
  await world.clock.pass(100)
  assert.equal(changes, 0)

  const signals = () => ada.channel.sent.filter(([event]) => event === 'harthio-signal').length
  signalling.send('x')
  assert.equal(signals(), 1)
  failed('refused')
  signalling.send('x')
  assert.equal(signals(), 1)
  for (const provider of ['two', 'three']) {
    world.move(provider)
    await world.clock.pass(3000)
  }
  const [closing] = ada.calls.slice(-2)
  assert.equal(closing.closed, true)
  closing.context.signalling.send('x')
  assert.equal(signals(), 1)
})

test('a call that has failed is asked nothing more', async () => {
  const world = new World()
  const [ada] = await world.call()
  const [call] = ada.calls
  ada.answers.harthio_report_outcome = () => new Promise(() => {})
  call.context.failed('connection-lost')
  await world.clock.pass(0)
  assert.equal(ada.session.state, 'reconnecting')
  world.tell({ version: 2, rung: 240 })
  assert.equal(call.rung, 720)
  let asked = 0
  call.connections = call.metrics = () => asked++
  await world.clock.pass(6000)
  assert.equal(asked, 0)
  assert.equal(ada.session.state, 'reconnecting')
})
