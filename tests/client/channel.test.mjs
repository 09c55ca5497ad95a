// Who is there, by what the pages say of themselves, and does what they say
// arrive though channels break?

import test from 'node:test'
import assert from 'node:assert/strict'
import { SessionChannel, othersIn } from '../../client/channel.js'
import { Clock } from './clock.mjs'
import { Client, Notifier } from './world.mjs'

// ---------------------------------------------------------------- presence, read

const me = { peerId: 'me', participantId: 'ada', device: 'd1', incarnation: 5 }
const page = (peerId, participantId, device, incarnation, more = {}) =>
  ({ peerId, participantId, device, incarnation, ...more })
const others = (...pages) => [...othersIn(Object.fromEntries(pages.map((each, i) => [i, [each]])), me).keys()]

test('everybody but this page', () => {
  assert.deepEqual(others(me, page('b', 'ben', 'd', 1), page('c', 'cem', 'd', 1)), ['b', 'c'])
})

test('of a device only the newest page, in whatever order they come', () => {
  assert.deepEqual(others(page('old', 'ben', 'd', 1), page('new', 'ben', 'd', 2)), ['new'])
  assert.deepEqual(others(page('new', 'ben', 'd', 2), page('old', 'ben', 'd', 1)), ['new'])
})

test('another device of the same person is another one', () => {
  assert.deepEqual(others(page('tv', 'ben', 'd1', 1), page('phone', 'ben', 'd2', 1), page('mine', 'ada', 'd2', 1)),
    ['tv', 'phone', 'mine'])
})

test('pages that name no device are each one of their own', () => {
  assert.deepEqual(others(page('a', 'ben', '', 1), page('b', 'ben', '', 2)), ['a', 'b'])
  assert.equal(othersIn({ me: [{ ...me, device: '' }] }, { ...me, device: '' }).size, 0)
})

test('of what a page says the last counts', () => {
  const said = [page('b', 'ben', 'd', 1, { epoch: 1 }), page('b', 'ben', 'd', 1, { epoch: 2 })]
  assert.equal(othersIn({ b: said }, me).get('b').epoch, 2)
})

test('what this page has replaced is not there', () => {
  assert.deepEqual(others(page('my old self', 'ada', 'd1', 4)), [])
})

test('what makes no sense is nobody, and what is missing is harmless', () => {
  assert.deepEqual(others(null, 7, {}, { peerId: 3, participantId: 'x' }, { peerId: 'b' }), [])
  assert.deepEqual(othersIn({ x: [page('b', 'ben', 9, 'no', { epoch: '2', audio: 'yes' })] }, me).get('b'), {
    peerId: 'b', participantId: 'ben', device: '', incarnation: 0, generation: 0, epoch: 0,
    audio: false, video: false, frameRate: 0, orientation: '',
  })
})

// ---------------------------------------------------------------- on the channel

class Place {
  clock = new Clock()
  notifier = new Notifier()

  constructor() {
    this.clock.install()
  }

  // Somebody's page; what it hears is in `heard`.
  async join(peerId, more = {}) {
    const supabase = new Client(this.notifier)
    const heard = []
    const note = (what) => (...details) => heard.push([what, ...details])
    const listener = Object.fromEntries(['state', 'peers', 'joined', 'signal', 'chat'].map((what) => [what, note(what)]))
    const person = { peerId, participantId: peerId, device: 'd', incarnation: 1, ...more }
    const channel = new SessionChannel(supabase, 'call', person, listener)
    channel.open()
    await this.clock.pass(100)
    return {
      channel, heard, supabase,
      get wire() { return supabase.opened.at(-1) },
      there: () => [...channel.peers.keys()],
      missing: () => [...channel.peers.values()].filter(({ missingSince }) => missingSince !== undefined).map((one) => one.peerId),
      what: (kind) => heard.filter(([what]) => what === kind).map(([, ...details]) => details),
      chats: () => heard.filter(([what]) => what === 'chat').map(([, { id }]) => id),
      said: (event) => supabase.opened.flatMap(({ sent }) => sent).filter(([name]) => name === event).length,
    }
  }

  // Ada and Ben, who know each other.
  async two() {
    return [await this.join('ada'), await this.join('ben')]
  }
}

test('who joins is there, with what he says of himself', async () => {
  const place = new Place()
  const ada = await place.join('ada')
  assert.deepEqual([ada.channel.joined, ada.channel.synced], [true, true])
  const ben = await place.join('ben', { orientation: 'portrait' })
  assert.deepEqual([ada.there(), ben.there()], [['ben'], ['ada']])
  assert.equal(ada.channel.peers.get('ben').orientation, 'portrait')
  assert.deepEqual(ada.what('joined'), [[true]])
})

test('whether who was there before is known, is told apart while they are told', async () => {
  const place = new Place()
  await place.join('ada')
  const supabase = new Client(place.notifier)
  const known = []
  const channel = new SessionChannel(supabase, 'call', { peerId: 'ben', participantId: 'ben', device: '', incarnation: 1 },
    { peers: () => known.push(channel.synced), joined() {} })
  channel.open()
  await place.clock.pass(500)
  assert.deepEqual([known[0], known.at(-1)], [false, true])
})

test('changes are said together, and not too often', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  const before = ben.wire.tracked.length
  for (const epoch of [1, 2, 3]) ben.channel.present({ epoch })
  ben.channel.present({ audio: true })
  assert.equal(ben.wire.tracked.length, before)
  await place.clock.pass(200)
  assert.equal(ben.wire.tracked.length, before + 1)
  const { epoch, audio } = ada.channel.peers.get('ben')
  assert.deepEqual([epoch, audio], [3, true])
  ben.wire.lost = true
  ben.channel.present({ epoch: 4 })
  await place.clock.pass(200)
  ben.wire.lost = false
  ben.channel.present({ audio: false })
  await place.clock.pass(200)
  assert.equal(ada.channel.peers.get('ben').epoch, 4, 'what was lost is said with the next')
})

test('what changed while one was not on the channel is said on the way in', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  const before = ben.wire.tracked.length
  ben.channel.present({ epoch: 4 })
  await place.clock.pass(200)
  assert.equal(ben.wire.tracked.length, before)
  ben.wire.become('SUBSCRIBED')
  await place.clock.pass(0)
  assert.equal(ada.channel.peers.get('ben').epoch, 4)
})

// ---------------------------------------------------------------- who is missed

test('who vanishes is missed for a while, and then gone', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  await place.clock.pass(7000)
  assert.deepEqual([ada.there(), ada.missing()], [['ben'], ['ben']])
  const told = ada.what('peers').length
  await place.clock.pass(3000)
  assert.deepEqual(ada.there(), [])
  assert.equal(ada.what('peers').length, told + 1)
})

test('since he was seen last, whoever else comes and goes', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  for (const name of ['c', 'd', 'e']) {
    await place.clock.pass(2800)
    await place.join(name)
  }
  await place.clock.pass(1000)
  assert.deepEqual(ada.there(), ['c', 'd', 'e'])
})

test('who comes back in time was only missed', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  await place.clock.pass(5000)
  ben.wire.become('SUBSCRIBED')
  await place.clock.pass(10000)
  assert.deepEqual([ada.there(), ada.missing()], [['ben'], []])
})

test('whoever sees nobody himself loses nobody', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  await place.clock.pass(1000)
  ada.wire.become('CHANNEL_ERROR')
  await place.clock.pass(60000)
  assert.deepEqual(ada.there(), ['ben'])
  ada.wire.become('SUBSCRIBED')
  await place.clock.pass(7000)
  assert.deepEqual(ada.there(), ['ben'], 'he has as long as anybody to come back')
  await place.clock.pass(3000)
  assert.deepEqual(ada.there(), [])
})

test('who says goodbye is gone at once, and for good', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  const stale = structuredClone(ben.wire.meta)
  const told = ada.what('peers').length
  ben.channel.close()
  await place.clock.pass(0)
  assert.deepEqual(ada.there(), [])
  assert.ok(ada.what('peers').length > told)
  const late = new Client(place.notifier).channel('session:call', { config: { presence: { key: 'ben' } } })
  late.subscribe(() => late.track(stale))
  await place.clock.pass(100)
  assert.deepEqual(ada.there(), [], 'presence may be late')
})

test('who was never there says goodbye to no effect', async () => {
  const place = new Place()
  const [ada] = await place.two()
  const told = ada.what('peers').length
  ada.wire.hear('broadcast', 'harthio-bye', { from: 'nobody' })
  assert.equal(ada.what('peers').length, told)
})

test('a page that is loaded anew takes the place of its old self at once', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  await place.join('ben 2', { participantId: 'ben', incarnation: 2 })
  assert.deepEqual(ada.there(), ['ben 2'])
})

test('another device, another person, or a page that names none replaces nobody', async () => {
  for (const other of [{ participantId: 'ben', device: 'e' }, { participantId: 'cem' }]) {
    const place = new Place()
    const [ada, ben] = await place.two()
    ben.wire.become('CHANNEL_ERROR')
    await place.join('other', other)
    assert.deepEqual(ada.there(), ['ben', 'other'])
  }
  const place = new Place()
  const ada = await place.join('ada')
  const ben = await place.join('ben', { device: '' })
  ben.wire.become('CHANNEL_ERROR')
  await place.join('ben 2', { participantId: 'ben', device: '' })
  assert.deepEqual(ada.there(), ['ben', 'ben 2'])
})

// ---------------------------------------------------------------- signals

test('a signal comes to all, or to the one that it is for, with who sent it', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  const cem = await place.join('cem')
  ada.channel.signal({ generation: 1, epoch: 2 }, 'to all')
  ada.channel.signal({ generation: 1, epoch: 2 }, 'to Ben', 'ben')
  await place.clock.pass(0)
  const heard = (who) => who.what('signal').map(([{ data, generation, epoch }, from]) => [data, generation, epoch, from])
  assert.deepEqual(heard(ben), [['to all', 1, 2, 'ada'], ['to Ben', 1, 2, 'ada']])
  assert.deepEqual(heard(cem), [['to all', 1, 2, 'ada']])
  assert.deepEqual(heard(ada), [])
})

test('a broadcast without anything in it does no harm', async () => {
  const place = new Place()
  const [ada] = await place.two()
  for (const event of ['signal', 'chat', 'chat-heard', 'ping', 'pong', 'bye']) ada.wire.hear('broadcast', `harthio-${event}`, undefined)
  ada.wire.hear('broadcast', 'harthio-chat', { from: 'ben' })
  ada.wire.hear('broadcast', 'harthio-chat', { from: 'ben', line: { id: 7 } })
  assert.deepEqual([...ada.what('signal'), ...ada.what('chat')], [])
})

test('what is signalled while the channel is away waits, in order, the newest of it', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ada.wire.become('CHANNEL_ERROR')
  for (let i = 0; i < 250; i++) ada.channel.signal({ generation: 1, epoch: 1 }, i)
  ada.wire.become('SUBSCRIBED')
  await place.clock.pass(0)
  assert.deepEqual(ben.what('signal').map(([{ data }]) => data), Array.from({ length: 200 }, (_, i) => 50 + i))
  ada.wire.become('SUBSCRIBED')
  await place.clock.pass(0)
  assert.equal(ben.what('signal').length, 200, 'once')
})

// ---------------------------------------------------------------- pings

test('a page that is there answers, and one that is not does not', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  let answer
  ada.channel.answers('ben').then((answered) => { answer = answered })
  await place.clock.pass(0)
  assert.equal(answer, true)
  ben.wire.lost = true
  answer = undefined
  ada.channel.answers('ben').then((answered) => { answer = answered })
  await place.clock.pass(2000)
  assert.equal(answer, undefined)
  await place.clock.pass(2000)
  assert.equal(answer, false)
})

test('an answer of somebody else, or to another question, is none', async () => {
  const place = new Place()
  const [ada] = await place.two()
  await place.join('cem')
  let answer
  ada.channel.answers('nobody').then((answered) => { answer = answered })
  const { n } = ada.wire.sent.at(-1)[1]
  ada.wire.hear('broadcast', 'harthio-pong', { from: 'cem', n })
  ada.wire.hear('broadcast', 'harthio-pong', { from: 'nobody', n: n + 1 })
  await place.clock.pass(0)
  assert.equal(answer, undefined)
})

test('whoever is off the channel, or leaves it, has no answer and need not wait for one', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.lost = true
  const answers = []
  ada.channel.answers('ben').then((answered) => answers.push(answered))
  ada.channel.close()
  await place.clock.pass(0)
  assert.deepEqual(answers, [false])
  const off = await place.join('off')
  off.wire.become('CHANNEL_ERROR')
  off.channel.answers('ben').then((answered) => answers.push(answered))
  await place.clock.pass(0)
  assert.deepEqual(answers, [false, false])
})

// ---------------------------------------------------------------- chat

test('a line of chat comes once, though it is sent again until it is acknowledged', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.lost = true
  ada.channel.chat({ id: '1' })
  await place.clock.pass(5000)
  assert.ok(ada.said('harthio-chat') > 1)
  ben.wire.lost = false
  await place.clock.pass(3000)
  assert.deepEqual(ben.chats(), ['1'])
  const said = ada.said('harthio-chat')
  await place.clock.pass(10000)
  assert.equal(ada.said('harthio-chat'), said)
})

test('a line whose acknowledgement was lost is not shown twice', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ada.channel.chat({ id: '1' })
  const [, line] = ada.wire.sent.at(-1)
  await place.clock.pass(0)
  ben.wire.hear('broadcast', 'harthio-chat', line)
  assert.deepEqual(ben.chats(), ['1'])
  assert.equal(ben.said('harthio-chat-heard'), 2)
})

test('lines that are written while the channel is away come when it is back', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ada.wire.become('CHANNEL_ERROR')
  ada.channel.chat({ id: '1' })
  ada.channel.chat({ id: '2' })
  await place.clock.pass(5000)
  assert.equal(ada.said('harthio-chat'), 0)
  ada.wire.become('SUBSCRIBED')
  await place.clock.pass(5000)
  assert.deepEqual(ben.chats(), ['1', '2'])
})

test('who loads his page anew gets what was written meanwhile, who is gone nothing', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ben.wire.become('CHANNEL_ERROR')
  ada.channel.chat({ id: '1' })
  const again = await place.join('ben 2', { participantId: 'ben', incarnation: 2 })
  await place.clock.pass(3000)
  assert.deepEqual(again.chats(), ['1'])

  again.wire.lost = true
  ada.channel.chat({ id: '2' })
  ada.wire.hear('broadcast', 'harthio-bye', { from: 'ben 2' })
  const said = ada.said('harthio-chat')
  await place.clock.pass(10000)
  assert.equal(ada.said('harthio-chat'), said)
})

// ---------------------------------------------------------------- it breaks

test('a channel that is closed under us is joined anew', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  const before = ada.wire
  before.become('CLOSED')
  before.become('CLOSED')
  assert.equal(ada.channel.joined, false)
  await place.clock.pass(2000)
  assert.equal(ada.supabase.opened.length, 2)
  assert.equal(place.notifier.channels.has(before), false)
  assert.deepEqual(ada.what('joined'), [[true], [false], [true]])
  assert.deepEqual(ben.missing(), [])
  before.become('SUBSCRIBED')
  before.become('CLOSED')
  await place.clock.pass(5000)
  assert.deepEqual([ada.channel.joined, ada.supabase.opened.length], [true, 2], 'what the old one says does not matter')
  ben.channel.signal({ generation: 1, epoch: 1 }, 'x')
  await place.clock.pass(0)
  assert.equal(ada.what('signal').length, 1)
})

test('an error is mended by supabase-js', async () => {
  const place = new Place()
  const [ada] = await place.two()
  ada.wire.become('CHANNEL_ERROR')
  ada.wire.become('TIMED_OUT')
  await place.clock.pass(10000)
  assert.equal(ada.supabase.opened.length, 1)
  assert.deepEqual(ada.what('joined'), [[true], [false]])
})

test('who has left is not there, hears nothing, and stays away', async () => {
  const place = new Place()
  const [ada, ben] = await place.two()
  ada.channel.present({ epoch: 3 })
  ada.channel.close()
  await place.clock.pass(20000)
  assert.equal(place.notifier.channels.size, 1)
  assert.equal(ada.supabase.opened.length, 1)
  assert.deepEqual(ben.there(), [])
  assert.deepEqual(ada.what('joined'), [[true]])
  assert.equal(ada.wire.tracked.length, 1)
})

test('who says goodbye says nothing more of himself', async () => {
  const place = new Place()
  const ada = await place.join('ada')
  ada.wire.send = () => new Promise(() => {})
  ada.channel.close()
  ada.channel.present({ epoch: 3 })
  await place.clock.pass(200)
  assert.equal(ada.wire.tracked.length, 1)
})

test('who leaves waits for nothing more', async () => {
  const closed = (wire) => wire.become('CLOSED')
  for (const breaks of [() => {}, closed, (wire, clock) => closed(wire) || clock.pass(2000)]) {
    const place = new Place()
    const ada = await place.join('ada')
    ada.channel.present({ epoch: 3 })
    ada.channel.answers('nobody')
    await breaks(ada.wire, place.clock)
    ada.channel.close()
    await place.clock.pass(0)
    assert.equal(place.clock.idle, true)
  }
})

test('who leaves while the channel is being joined anew stays away', async () => {
  const place = new Place()
  const [ada] = await place.two()
  ada.wire.become('CLOSED')
  ada.channel.close()
  await place.clock.pass(5000)
  assert.equal(ada.supabase.opened.length, 1)
  assert.equal(ada.said('harthio-bye'), 0)

  const ben = await place.join('ben')
  const removed = []
  let remove
  ben.supabase.removeChannel = (channel) => new Promise((resolve) => {
    removed.push(channel)
    remove = resolve
  })
  ben.wire.become('CLOSED')
  await place.clock.pass(1500)
  ben.channel.close()
  remove()
  await place.clock.pass(0)
  assert.deepEqual([ben.supabase.opened.length, removed], [1, [ben.wire]])
})
