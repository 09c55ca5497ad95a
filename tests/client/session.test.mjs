// Does a session claim, go where the database says, and say what it does?

import test from 'node:test'
import assert from 'node:assert/strict'
import { SESSION, World } from './world.mjs'

const newest = (session) => session.assignment.epoch
const unavailable = { status: 503, code: 'PGRST000' }
const refused = { status: 403, code: '42501' }
const never = () => new Promise(() => {})

// A promise and what resolves it.
function later() {
  let resolve
  const promise = new Promise((done) => { resolve = done })
  return { promise, resolve }
}

// ---------------------------------------------------------------- joining

test('a claim says who and which device it is, and what the app adds', async () => {
  const world = new World()
  const { asked, session } = world.join('ada', { info: { net: 'mobile' } })
  await world.clock.pass(0)
  const [[name, { session_id: id, participant_id: who, info }]] = asked
  assert.deepEqual([name, id, who, info.net], ['harthio_claim_provider', SESSION, 'ada', 'mobile'])
  assert.equal(typeof info.device, 'string')
  assert.equal(typeof info.incarnation, 'number')
  assert.equal(session.participantId, 'ada')
})

test('a claim is asked for until the database answers', async () => {
  const world = new World()
  const answers = [unavailable, { status: 0 }, unavailable]
  const { session, states } = world.join('ada', { answers: { harthio_claim_provider: () => answers.shift() ?? world.at } })
  await world.clock.pass(0)
  assert.equal(session.state, 'joining')
  await world.clock.pass(5000)
  assert.deepEqual(states(), ['waiting'])
  assert.equal(newest(session), 1)
})

test('who is refused is told why, and is not there', async () => {
  const world = new World()
  const page = world.join('ada', { answers: { harthio_claim_provider: () => refused } })
  await world.clock.pass(0)
  const [{ reason, error }] = page.heard('ended')
  assert.deepEqual([reason, error.name, error.code], ['refused', 'FunctionError', '42501'])
  assert.equal(page.session.state, 'ended')
  assert.equal(world.notifier.channels.size, 0)
})

test('who we are is in the token', async () => {
  const world = new World()
  const token = (claims) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
  const joined = async (text) => {
    const page = world.join(undefined, { token: text })
    await world.clock.pass(0)
    return page
  }
  const name = 'Zoë ✓?>???'
  assert.match(token({ sub: name }), /-.*_|_.*-/)
  const { session, asked } = await joined(token({ sub: name }))
  assert.equal(session.participantId, name)
  assert.equal('participant_id' in asked[0][1], false, 'the database knows it itself')
  for (const nobody of [undefined, '', 'x.y.z', token({}), token({ sub: 7 }), token({ sub: '' }), token(null)]) {
    const page = await joined(nobody)
    assert.equal(page.heard('ended')[0]?.error.code, '42501', nobody)
    assert.deepEqual(page.asked, [])
  }
})

test('what comes before the answer to the claim is not forgotten, the newest of it', async () => {
  const world = new World()
  const { promise, resolve } = later()
  const { session, calls } = world.join('ada', { answers: { harthio_claim_provider: () => promise } })
  await world.clock.pass(0)
  const first = world.at
  world.move('two')
  world.move('three')
  world.tell({ epoch: 2, provider: 'two' })
  await world.clock.pass(0)
  assert.equal(session.assignment, undefined)
  resolve(first)
  await world.clock.pass(0)
  assert.equal(newest(session), 3)
  assert.deepEqual(calls.map(({ provider, closed }) => [provider, closed]), [['one', true], ['three', false]])
})

test('a claim waits for the camera, and states that come meanwhile count', async () => {
  const world = new World()
  const { promise, resolve } = later()
  const { calls, session } = world.join('ada', { media: promise })
  await world.clock.pass(100)
  world.move('two')
  await world.clock.pass(100)
  assert.deepEqual(calls, [])
  resolve(new MediaStream())
  await world.clock.pass(0)
  assert.equal(newest(session), 2)
})

test('a camera that is refused or absent is reported once, as our own fault', async () => {
  for (const [error, reason] of [[new DOMException('no', 'NotAllowedError'), 'permission_denied'], [new Error('none'), 'no_device']]) {
    const world = new World()
    const ada = world.join('ada', { media: Promise.reject(error) })
    const ben = world.join('ben')
    await world.clock.pass(1500)
    assert.equal(ada.session.state, 'connected')
    world.move('two')
    await world.clock.pass(1500)
    assert.deepEqual(ada.failures(), [`1 ${reason}`])
    assert.deepEqual(ben.failures(), [])
  }
})

// ---------------------------------------------------------------- leaving

test('who leaves in the middle of a claim has left when it is answered', async () => {
  const world = new World()
  const { promise, resolve } = later()
  const { session, asked, calls, heard } = world.join('ada', { answers: { harthio_claim_provider: () => promise } })
  await world.clock.pass(0)
  const left = session.leave()
  assert.equal(session.state, 'ended')
  await world.clock.pass(0)
  assert.equal(asked.length, 1)
  resolve(world.at)
  await left
  const [, [name, { device, incarnation }]] = asked
  assert.deepEqual([name, device, incarnation],
    ['harthio_leave_session', asked[0][1].info.device, asked[0][1].info.incarnation])
  assert.deepEqual(calls, [])
  assert.deepEqual(heard('ended'), [{ reason: 'left' }])
})

test('who leaves need not know whether the database likes it', async () => {
  const world = new World()
  const { promise, resolve } = later()
  const early = world.join('ada', { answers: { harthio_claim_provider: () => promise } })
  await world.clock.pass(0)
  const left = early.session.leave()
  resolve(refused)
  await left
  await world.clock.pass(0)
  assert.deepEqual(early.heard('ended'), [{ reason: 'left' }])
  const late = world.join('ada', { answers: { harthio_leave_session: () => refused } })
  await world.clock.pass(0)
  await late.session.leave()
})

test('who leaves while the database is away has left in the end', async () => {
  const world = new World()
  const { session } = world.join('ada', { answers: { harthio_leave_session: () => ({ status: 0 }) } })
  await world.clock.pass(0)
  let left = false
  session.leave().then(() => { left = true })
  await world.clock.pass(5000)
  assert.equal(left, false)
  await world.clock.pass(10000)
  assert.equal(left, true)
})

test('what is answered after one has left leads nowhere', async () => {
  const world = new World()
  const { promise, resolve } = later()
  const [ada] = await world.call({ answers: { harthio_report_outcome: () => promise } })
  await ada.session.leave()
  resolve({ ...world.at, epoch: 2 })
  await world.clock.pass(0)
  assert.equal(ada.calls.length, 1)
})

test('who has left does not try again', async () => {
  const world = new World()
  const page = world.join('ada')
  await world.clock.pass(100)
  for (let trial = 0; trial < 2; trial++) {
    page.now.context.failed('refused')
    await world.clock.pass(10)
  }
  await page.session.leave()
  const { context } = page.now
  await world.clock.pass(10000)
  assert.equal(page.calls.length, 2)
  const asked = page.asked.length
  context.failed('connection-lost')
  await world.clock.pass(1000)
  assert.equal(page.asked.length, asked)
})

test('who has left waits for nothing more', async () => {
  for (const answer of [unavailable, { status: 0 }]) {
    const world = new World()
    const { session, calls, answers } = world.join('ada')
    await world.clock.pass(100)
    answers.harthio_report_outcome = () => answer
    calls[0].context.failed('refused')
    world.network(answer.status !== 0)
    await world.clock.pass(3000)
    await session.leave()
    await world.clock.pass(60000)
    assert.equal(world.clock.idle, true)
  }
})

test('who leaves while the browser asks for the camera has left', async () => {
  const world = new World()
  const { session, asked } = world.join('ada', { media: never() })
  await world.clock.pass(0)
  session.leave()
  await world.clock.pass(0)
  assert.equal(asked.at(-1)[0], 'harthio_leave_session')
})

test('who has not asked to join need not say that he leaves, and nobody leaves twice', async () => {
  const world = new World()
  const early = world.join('ada')
  await early.session.leave()
  await world.clock.pass(0)
  assert.deepEqual([early.asked, early.supabase.opened], [[], []])
  const [ada] = await world.call()
  await Promise.all([ada.session.leave(), ada.session.leave()])
  assert.equal(ada.asked.filter(([name]) => name === 'harthio_leave_session').length, 1)
  assert.equal(ada.heard('ended').length, 1)
})

test('what ends leaves nothing behind', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  world.move('two')
  await world.clock.pass(0)
  assert.deepEqual(ada.calls.map(({ closed }) => closed), [false, false])
  world.move(null, { reason: 'expired' })
  await world.clock.pass(0)
  for (const page of [ada, ben]) {
    assert.deepEqual(page.heard('ended'), [{ reason: 'expired' }])
    assert.deepEqual(page.calls.map(({ closed }) => closed), [true, true])
  }
  assert.equal(world.notifier.channels.size, 0)
  const asked = ada.asked.length
  await world.clock.pass(60000)
  assert.equal(ada.asked.length, asked)
  assert.equal(ada.session.state, 'ended')
  assert.equal(world.clock.idle, true)
})

test('an end without a reason is an end', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.move(null)
  assert.deepEqual(ada.heard('ended'), [{ reason: 'ended' }])
})

// ---------------------------------------------------------------- following

test('what is newer counts, and what is older or makes no sense is dropped', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.move('two')
  await world.clock.pass(0)
  world.tell({ epoch: 1, provider: 'three', version: 9 })
  world.tell({ generation: 0, epoch: 9, provider: 'three' })
  world.tell({ sessionId: 'another', epoch: 9, provider: 'three' })
  world.tell({ epoch: 'last', provider: 'three', version: 9 })
  world.notifier.broadcast(`session:${SESSION}`, 'provider-selected', null)
  await world.clock.pass(0)
  assert.equal(newest(ada.session), 2)
  assert.deepEqual(ada.calls.map(({ provider }) => provider), ['one', 'two'])
  world.tell({ generation: 2, epoch: 1, provider: 'three' })
  await world.clock.pass(0)
  assert.equal(ada.session.assignment.generation, 2)
})

test('all that the database says of a session is heard', async () => {
  const world = new World()
  const [ada] = await world.call()
  for (const [i, event] of ['provider-selected', 'coordinated-recovery', 'quality-changed', 'session-ended'].entries()) {
    world.notifier.broadcast(`session:${SESSION}`, event, { ...world.at, sessionId: SESSION, epoch: 2 + i })
    assert.equal(newest(ada.session), 2 + i, event)
  }
})

test('the same epoch again opens nothing', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.tell({ version: 2 })
  world.tell({ version: 3 })
  await world.clock.pass(0)
  assert.equal(ada.calls.length, 1)
  assert.equal(ada.session.assignment.version, 3)
})

test('a report\'s answer counts like any state', async () => {
  const world = new World()
  const two = { generation: 1, epoch: 2, provider: 'two', room: 'room 2' }
  const [ada] = await world.call({ answers: { harthio_report_outcome: () => two } })
  assert.equal(newest(ada.session), 2)
})

test('the rung of the session is set on the old call and the new one, and told once', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.break('two')
  world.move('two')
  await world.clock.pass(0)
  world.tell({ version: 2, rung: 360 })
  world.tell({ version: 3, rung: 360 })
  assert.deepEqual(ada.calls.map(({ rung }) => rung), [360, 360])
  assert.deepEqual(ada.heard('quality'), [{ rung: 360 }])
  world.move('three')
  await world.clock.pass(0)
  assert.equal(ada.now.rung, 360)
})

test('an app that lacks an adapter says so, and the session goes where it can follow', async () => {
  const world = new World()
  const ada = world.join('ada', { providers: ['two'], answers: {
    harthio_report_outcome: ({ success }) => {
      if (!success) world.move('two')
      return world.at
    },
  } })
  world.join('ben')
  await world.clock.pass(3000)
  assert.deepEqual(ada.failures(), ['1 refused'])
  assert.deepEqual([ada.session.state, newest(ada.session)], ['connected', 2])
})

// ---------------------------------------------------------------- what is told

test('whoever is alone waits; then they connect, and are connected', async () => {
  const world = new World()
  const ada = world.join('ada')
  await world.clock.pass(60000)
  assert.deepEqual(ada.states(), ['waiting'])
  world.break('one')
  const ben = world.join('ben')
  await world.clock.pass(500)
  assert.deepEqual(ada.states(), ['waiting', 'connecting'])
  world.mend('one')
  await world.clock.pass(1000)
  assert.deepEqual(ada.states(), ['waiting', 'connecting', 'connected'])
  assert.deepEqual(ada.heard('state').at(-1), { state: 'connected', epoch: 1 })
  world.break('one')
  await world.clock.pass(6000)
  assert.equal(ada.session.state, 'reconnecting')
  await ben.session.leave()
  await world.clock.pass(100)
  assert.equal(ada.session.state, 'waiting')
  world.join('cem')
  await world.clock.pass(200)
  assert.equal(ada.states().at(-1), 'connecting', 'it was not connected to him before')
})

test('a call that is being moved is reconnecting until the pictures are there', async () => {
  const world = new World()
  const [ada] = await world.call()
  world.move('two')
  assert.equal(ada.session.state, 'reconnecting')
  await world.clock.pass(1500)
  assert.deepEqual(ada.states(), ['connecting', 'connected', 'reconnecting', 'connected'])
})

test('who comes, changes and goes is told', async () => {
  const world = new World()
  const ada = world.join('ada')
  await world.clock.pass(100)
  const ben = world.join('ben')
  ben.session.setDeviceOrientation('portrait')
  await world.clock.pass(1000)
  ben.session.setMuted({ audio: true })
  await world.clock.pass(1000)
  ben.session.setDeviceOrientation('landscape')
  await world.clock.pass(1000)
  assert.deepEqual(ada.session.participants.map(({ participantId }) => participantId), ['ben'])
  await ben.session.leave()
  await world.clock.pass(0)
  const what = ada.heard('participant').map(({ change, participantId, audio, video, orientation, there }) =>
    [change, participantId, audio, video, orientation, there].join(' '))
  assert.equal(what[0], 'joined ben false false portrait true')
  assert.deepEqual(what.slice(-3),
    ['changed ben false true portrait true', 'changed ben false true landscape true', 'left ben false true landscape true'])
  assert.deepEqual(ada.session.participants, [])
})

test('a page that was not there for a moment is told so, and so is its return', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.channel.become('CHANNEL_ERROR')
  await world.clock.pass(1000)
  assert.deepEqual(ada.session.participants.map(({ there }) => there), [false])
  ben.channel.become('SUBSCRIBED')
  await world.clock.pass(1000)
  const changes = ada.heard('participant').map(({ change, there }) => `${change} ${there}`)
  assert.deepEqual(changes.slice(-2), ['changed false', 'changed true'])
  assert.equal(ada.heard('remote-stream').length, 1)
})

test('chat comes to all, also to who sends it', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ada.session.sendChat('hello')
  await world.clock.pass(100)
  const [mine] = ada.heard('chat')
  const [his] = ben.heard('chat')
  assert.deepEqual([mine.text, mine.participantId, mine.own], ['hello', 'ada', true])
  assert.deepEqual(his, { ...mine, own: false })
})

// ---------------------------------------------------------------- success

test('success is reported once an epoch, with how long it took', async () => {
  const world = new World()
  const ada = world.join('ada')
  await world.clock.pass(30000)
  const ben = world.join('ben')
  world.join('cem')
  await world.clock.pass(3000)
  const [{ success, connect_ms: took, epoch }, ...more] = ada.reports()
  assert.deepEqual([success, epoch, more], [true, 1, []])
  assert.ok(took < 3000, `${took} ms count from when somebody is there`)
  assert.ok(Number.isInteger(took))
  world.move('two')
  ada.channel.hear('broadcast', 'harthio-signal', { generation: 1, epoch: 2, data: 'x', from: ben.session.peerId })
  await world.clock.pass(3000)
  const [, { epoch: next, connect_ms: again }] = ada.reports()
  assert.deepEqual([ada.reports().length, next], [2, 2])
  assert.ok(again < 3000, `${again} ms count from the move`)
  world.at = { ...world.at, generation: 2, provider: 'three' }
  world.tell()
  await world.clock.pass(3000)
  assert.equal(ada.reports().length, 3, 'of a generation')
})

test('a report that the database refuses changes nothing', async () => {
  const world = new World()
  const [ada] = await world.call({ answers: { harthio_report_outcome: () => refused } })
  assert.deepEqual([ada.reports().length, ada.session.state], [1, 'connected'])
})

test('from who sends nothing nothing is awaited but that the transport stands', async () => {
  const world = new World()
  world.break('one')
  const [ada, ben] = await world.call({ media: new MediaStream() })
  ada.now.freeze(ben.session.peerId)
  assert.deepEqual([ada.session.state, ada.reports()], ['connecting', []])
  world.mend('one')
  await world.clock.pass(1000)
  assert.deepEqual([ada.session.state, ada.reports().length], ['connected', 1])
})

test('who was there before counts from the claim, also when one hears of him late', async () => {
  const world = new World()
  world.join('ada')
  await world.clock.pass(5000)
  world.notifier.up = false
  const ben = world.join('ben')
  await world.clock.pass(2000)
  ben.channel.become('SUBSCRIBED')
  await world.clock.pass(2000)
  assert.ok(ben.reports()[0].connect_ms >= 2000, `${ben.reports()[0].connect_ms} ms`)
})

test('who comes to somebody who waits counts from his own claim', async () => {
  const world = new World()
  world.join('ada')
  await world.clock.pass(5000)
  const { promise, resolve } = later()
  const ben = world.join('ben', { media: promise })
  await world.clock.pass(2000)
  resolve(new MediaStream())
  await world.clock.pass(2000)
  assert.ok(ben.reports()[0].connect_ms >= 2000, `${ben.reports()[0].connect_ms} ms`)
})
