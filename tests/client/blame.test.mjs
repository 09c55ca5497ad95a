// A picture is missing: who is to blame, what is reported, what is tried next?

import test from 'node:test'
import assert from 'node:assert/strict'
import { World } from './world.mjs'

const pings = ({ channel }) => channel.sent.filter(([event]) => event === 'harthio-ping').length

// What a failure of the first epoch is answered: the session goes on to the next.
const movesOn = (world) => ({
  harthio_report_outcome({ epoch, success }) {
    if (!success && epoch === world.at.epoch) world.move('two')
    return world.at
  },
})

// ---------------------------------------------------------------- pictures

test('a picture that does not come in time is the provider\'s fault, and all move', async () => {
  const world = new World()
  Object.assign(world.answers, movesOn(world))
  world.break('one')
  const [ada, ben] = await world.call()
  await world.clock.pass(8000)
  assert.deepEqual([ada.failures(), ada.session.state], [[], 'connecting'])
  await world.clock.pass(3000)
  assert.ok(ada.failures().concat(ben.failures()).every((failure) => failure === '1 connect_timeout'))
  for (const { session } of [ada, ben]) assert.deepEqual([session.state, session.assignment.epoch], ['connected', 2])
})

test('so is a picture that stops, and it is reported once a call', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.join('cem')
  await world.clock.pass(1000)
  world.break('one')
  await world.clock.pass(4000)
  assert.deepEqual(ada.failures(), [])
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

test('who does not answer is not blamed on the provider, and has time when he is back', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.lost = true
  world.break('one')
  await world.clock.pass(60000)
  assert.deepEqual(ada.failures(), [])
  assert.equal(ada.session.state, 'reconnecting')
  ben.channel.lost = false
  await world.clock.pass(9000)
  assert.deepEqual(ada.failures(), [])
  await world.clock.pass(4000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

test('one whose picture came back by itself has no time to make up for', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.lost = true
  world.break('one')
  await world.clock.pass(12000)
  world.mend('one')
  await world.clock.pass(1000)
  ben.channel.lost = false
  world.break('one')
  await world.clock.pass(6000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

test('of a call that is sound only no picture is missed, but sound is', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ada.now.freeze(ben.session.peerId)
  world.tell({ version: 2, rung: 0 })
  ben.session.setMuted({ audio: true })
  await world.clock.pass(30000)
  assert.deepEqual(ada.failures(), [])
  ben.session.setMuted({ audio: false })
  await world.clock.pass(7000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

test('a peer is asked one question at a time', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.lost = true
  world.break('one')
  await world.clock.pass(5500)
  assert.equal(pings(ada), 1)
  await world.clock.pass(2000)
  assert.equal(pings(ada), 1)
  await world.clock.pass(2000)
  assert.equal(pings(ada), 2)
})

test('nobody is asked while the failure is being reported', async () => {
  const world = new World()
  const [ada] = await world.call({ answers: { harthio_report_outcome: ({ success }) => success ? null : new Promise(() => {}) } })
  world.break('one')
  await world.clock.pass(10000)
  assert.equal(pings(ada), 1)
})

test('who was missing from the channel is given time', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.break('one')
  ben.channel.become('CHANNEL_ERROR')
  await world.clock.pass(7000)
  assert.equal(pings(ada), 0)
  ben.channel.become('SUBSCRIBED')
  await world.clock.pass(9000)
  assert.deepEqual(ada.failures(), [])
  await world.clock.pass(4000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

test('whoever was off the channel himself gives the others time', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('one')
  await world.clock.pass(3000)
  ada.channel.become('CHANNEL_ERROR')
  await world.clock.pass(1000)
  ada.channel.become('SUBSCRIBED')
  await world.clock.pass(9000)
  assert.deepEqual(ada.failures(), [])
})

// ---------------------------------------------------------------- we are offline

test('pictures that a page misses while it is offline are nobody\'s fault', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('one')
  world.network(false)
  await world.clock.pass(30000)
  assert.deepEqual(ada.failures(), [])
  world.network(true)
  world.mend('one')
  await world.clock.pass(1000)
  assert.deepEqual(ada.failures(), [])
})

for (const [how, off, on] of [
  ['the browser says so', (world) => world.network(false), (world) => world.network(true)],
  ['it has lost the channel', (world, { channel }) => channel.become('CHANNEL_ERROR'), (world, { channel }) => channel.become('SUBSCRIBED')],
]) {
  test(`a call that fails while a page is offline is its own fault, and is tried again: ${how}`, async () => {
    const world = new World()
    const [ada] = await world.call()
    off(world, ada)
    ada.now.context.failed('connection-lost')
    await world.clock.pass(30000)
    assert.deepEqual([ada.failures(), ada.calls.length], [[], 1])
    on(world, ada)
    await world.clock.pass(2000)
    assert.deepEqual([ada.failures(), ada.calls.length], [['1 client_offline'], 2])
    assert.equal(ada.session.state, 'connected')
  })
}

test('so it is if the database cannot be reached', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.answers.harthio_report_outcome = () => ({ status: 0 })
  ada.now.context.failed('connection-lost')
  await world.clock.pass(0)
  ada.answers = {}
  await world.clock.pass(2000)
  assert.deepEqual([ada.failures(), ada.calls.length], [['1 connection-lost', '1 client_offline'], 2])
})

test('pictures that stopped meanwhile have time to come back', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('one')
  let asked = 0
  ada.answers.harthio_report_outcome = () => asked++ ? world.at : { status: 0 }
  await world.clock.pass(14000)
  assert.deepEqual(ada.failures(), ['1 no_frames', '1 client_offline'])
  await world.clock.pass(3000)
  assert.deepEqual(ada.failures(), ['1 no_frames', '1 client_offline', '1 no_frames'])
})

// ---------------------------------------------------------------- the adapter gives up

test('an adapter that gives up is believed', async () => {
  const world = new World()
  Object.assign(world.answers, movesOn(world))
  const [ada, ben] = await world.call()
  ada.now.context.failed('connection-lost', { status: 7 })
  ada.now.context.failed('refused')
  assert.equal(ada.session.state, 'connected', 'adapters may give up before they have opened')
  await world.clock.pass(1500)
  assert.deepEqual(ada.reports().at(1).detail, { reason: 'connection-lost', status: 7 })
  assert.deepEqual(ada.failures(), ['1 connection-lost'])
  for (const { session } of [ada, ben]) assert.deepEqual([session.state, session.assignment.epoch], ['connected', 2])
})

test('the answer to the report says where to go, and there one begins anew', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('two')
  ada.answers.harthio_report_outcome = () => ({ ...world.at, epoch: 2, provider: 'two' })
  ada.now.context.failed('connection-lost')
  await world.clock.pass(10)
  assert.deepEqual([ada.session.assignment.epoch, ada.calls.length], [2, 2])
  ada.now.context.failed('connection-lost')
  await world.clock.pass(10)
  assert.equal(ada.calls.length, 3)
})

test('a connection that fails to somebody who answers is the provider\'s fault', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.now.context.failed('ice-failed')
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), ['1 ice-failed'])
})

test('to somebody who does not answer it is only tried again', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.lost = true
  ada.now.context.failed('ice-failed')
  await world.clock.pass(2900)
  assert.equal(ada.calls.length, 1)
  await world.clock.pass(1000)
  assert.deepEqual(ada.failures(), [])
  assert.equal(ada.calls.length, 2)
  assert.equal(ada.calls[0].closed, true)
})

test('and so it is while we are offline', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.network(false)
  ada.now.context.failed('ice-failed')
  await world.clock.pass(1000)
  assert.deepEqual(ada.failures(), [])
  assert.equal(ada.calls.length, 2)
})

test('a page that goes blames nobody, until it is shown again', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.window.dispatchEvent(new Event('pagehide'))
  world.break('one')
  await world.clock.pass(20000)
  assert.deepEqual(ada.failures(), [])
  world.window.dispatchEvent(new Event('pageshow'))
  await world.clock.pass(9000)
  assert.deepEqual(ada.failures(), [], 'and then they have time to come back')
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
})

test('what broke while it was away is tried again when it is shown', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.window.dispatchEvent(new Event('pagehide'))
  ada.now.context.failed('connection-lost')
  await world.clock.pass(10000)
  assert.equal(ada.calls.length, 1)
  world.window.dispatchEvent(new Event('pageshow'))
  await world.clock.pass(1000)
  assert.deepEqual([ada.failures(), ada.calls.length, ada.session.state], [[], 2, 'connected'])
})

test('a page that goes does not connect anew', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.lost = true
  world.window.dispatchEvent(new Event('pagehide'))
  ada.now.context.failed('ice-failed')
  await world.clock.pass(10000)
  assert.equal(ada.calls.length, 1)
})

test('a connection that fails while it is being reported waits for the answer', async () => {
  const world = new World()
  const [ada, ben] = await world.call({ answers: { harthio_report_outcome: ({ success }) => success ? null : new Promise(() => {}) } })
  world.break('one')
  await world.clock.pass(6000)
  ben.channel.lost = true
  ada.now.context.failed('ice-failed')
  await world.clock.pass(5000)
  assert.equal(ada.calls.length, 1)
})

test('what went wrong on an epoch that is over is not our fault either', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.now.context.failed('connection-lost')
  world.move('two')
  ada.channel.become('CHANNEL_ERROR')
  await world.clock.pass(2000)
  ada.channel.become('SUBSCRIBED')
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), [])
})

test('what went wrong on an epoch that is over is not reported', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.now.context.failed('ice-failed')
  world.move('two')
  await world.clock.pass(5000)
  assert.deepEqual(ada.failures(), [])
  assert.equal(ada.session.state, 'connected')
})

// ---------------------------------------------------------------- the report

test('a failure is reported until the database answers, or the session is elsewhere', async () => {
  const world = new World()
  const answers = [{ status: 503 }, { status: 500, code: '40001' }]
  const [ada] = await world.call()
  ada.answers.harthio_report_outcome = () => answers.shift() ?? world.at
  ada.now.context.failed('connection-lost')
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), Array(3).fill('1 connection-lost'))

  ada.answers.harthio_report_outcome = () => ({ status: 503 })
  ada.now.context.failed('connection-lost')
  await world.clock.pass(10000)
  world.move('two')
  await world.clock.pass(10000)
  const told = ada.failures().length
  await world.clock.pass(30000)
  assert.equal(ada.failures().length, told)
  assert.equal(ada.session.state, 'connected')
})

test('if the database will not hear of it the same is tried again', async () => {
  const world = new World()
  const [ada] = await world.call({ answers: { harthio_report_outcome: ({ success }) => success ? null : { status: 400, code: '22023' } } })
  ada.now.context.failed('connection-lost')
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), ['1 connection-lost'])
  assert.deepEqual([ada.calls.length, ada.session.state], [2, 'connected'])
})

// ---------------------------------------------------------------- trying again

test('if there is nowhere else to go the same is tried again, later each time', async () => {
  const world = new World()
  const [ada] = await world.call()
  const fails = async (within) => {
    const before = ada.calls.length
    ada.now.context.failed('refused')
    await world.clock.pass(within / 2 - 1)
    const early = ada.calls.length - before
    await world.clock.pass(within / 2 + 1)
    return [early, ada.calls.length - before]
  }
  world.break('one')
  await fails(2)
  for (const delay of [500, 1000, 2000, 4000, 8000, 8000]) assert.deepEqual(await fails(delay), [0, 1], `${delay} ms`)
  world.mend('one')
  await world.clock.pass(1000)
  assert.equal(ada.session.state, 'connected')
  ada.now.context.failed('refused')
  await world.clock.pass(10)
  assert.equal(ada.calls.length, 9, 'at once, because it has worked since')
  world.break('one')
  await fails(1000)
  world.move('one')
  await world.clock.pass(10)
  assert.equal(ada.calls.length, 11)
  await fails(10)
  assert.equal(ada.calls.length, 12, 'at once, because it is another epoch')
})

test('what is tried again is closed first', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('one')
  await world.clock.pass(6000)
  assert.deepEqual(ada.calls.map(({ closed }) => closed), [true, false])
})

test('what is to be tried again is not, once the session is elsewhere', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('one', 'two')
  ada.now.context.failed('refused')
  await world.clock.pass(10)
  ada.now.context.failed('refused')
  await world.clock.pass(10)
  world.move('two')
  await world.clock.pass(5000)
  assert.equal(ada.calls.length, 3)
})

test('nor is it reported while it waits to be tried again', async (t) => {
  t.mock.method(Math, 'random', () => 0.99)
  const world = new World()
  const [ada, ben] = await world.call()
  world.break('one')
  for (const delay of [10, 500, 1000, 2000, 4000]) {
    ada.now.context.failed('refused')
    await world.clock.pass(delay)
  }
  const [opened, failures] = [ada.calls.length, ada.failures()]
  ben.channel.lost = true
  ada.now.context.failed('ice-failed')
  await world.clock.pass(4000)
  ben.channel.lost = false
  await world.clock.pass(6800)
  assert.deepEqual([ada.calls.length, ada.failures()], [opened, failures])
})

test('a call that serves somebody is kept, until it serves nobody', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  const cem = world.join('cem')
  await world.clock.pass(2000)
  ada.now.freeze(ben.session.peerId)
  await world.clock.pass(20000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
  assert.equal(ada.calls.length, 1)
  assert.equal(ada.session.state, 'reconnecting')
  assert.equal(pings(ada), 1)
  ada.now.freeze(cem.session.peerId)
  await world.clock.pass(7000)
  assert.equal(ada.calls.length, 2)
  assert.equal(ada.session.state, 'connected')
})

test('and if it fails altogether it is tried again too', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.join('cem')
  await world.clock.pass(2000)
  ada.now.freeze(ben.session.peerId)
  await world.clock.pass(6000)
  ada.now.context.failed('connection-lost')
  await world.clock.pass(2000)
  assert.deepEqual(ada.failures(), ['1 no_frames'])
  assert.equal(ada.calls.length, 2)
  assert.equal(ada.session.state, 'connected')
})
