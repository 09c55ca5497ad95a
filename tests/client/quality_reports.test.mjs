// What is the database told of a call's quality, and when?

import test from 'node:test'
import assert from 'node:assert/strict'
import { World } from './world.mjs'

const QUALITY_MS = 5000
const told = ({ asked }) => asked.filter(([name]) => name === 'harthio_report_quality').map(([, args]) => args)

test('every few seconds, of a call that stands', async () => {
  const world = new World()
  const [ada] = await world.call()
  await world.clock.pass(3 * QUALITY_MS)
  const reports = told(ada)
  assert.equal(reports.length, 3)
  const { session_id: id, participant_id: who, epoch, metrics } = reports.at(-1)
  assert.deepEqual([id, who, epoch, metrics.muted], ['call', 'ada', 1, false])
  assert.ok(metrics.fps > 0)
})

test('not while one is alone, connects, or has no picture', async () => {
  const world = new World()
  const ada = world.join('ada')
  await world.clock.pass(2 * QUALITY_MS)
  assert.deepEqual(told(ada), [])
  world.break('one')
  world.join('ben')
  await world.clock.pass(2 * QUALITY_MS)
  assert.deepEqual(told(ada), [])
})

test('not of a call whose pictures have stopped', async () => {
  const world = new World()
  const [ada] = await world.call()
  await world.clock.pass(QUALITY_MS)
  ada.answers.harthio_report_outcome = () => new Promise(() => {})
  world.break('one')
  await world.clock.pass(2 * QUALITY_MS)
  const before = told(ada).length
  await world.clock.pass(4 * QUALITY_MS)
  assert.equal(told(ada).length, before)
})

test('not when there is nothing to be measured', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.now.metrics = async () => undefined
  await world.clock.pass(QUALITY_MS)
  assert.deepEqual(told(ada), [])
})

test('what the adapter itself measures counts instead', async () => {
  const world = new World()
  const [ada] = await world.call()
  ada.now.metrics = async () => ({ rtt_ms: 7 })
  await world.clock.pass(QUALITY_MS)
  assert.deepEqual(told(ada)[0].metrics, { rtt_ms: 7, muted: false })
})

test('an adapter that cannot measure now is asked again', async (t) => {
  t.mock.method(console, 'error', () => {})
  const world = new World()
  const [ada] = await world.call()
  ada.now.metrics = async () => { throw new Error('not now') }
  await world.clock.pass(QUALITY_MS)
  ada.now.metrics = async () => ({ rtt_ms: 7 })
  await world.clock.pass(QUALITY_MS)
  assert.equal(told(ada).length, 1)
})

test('a database that does not answer is told the next time', async () => {
  const world = new World()
  const [ada] = await world.call({ answers: { harthio_report_quality: () => ({ status: 503 }) } })
  await world.clock.pass(2 * QUALITY_MS)
  assert.equal(told(ada).length, 2)
  assert.deepEqual(ada.heard('quality'), [])
})

test('who is expected to send nothing is muted', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.session.setMuted({ audio: true, video: true })
  await world.clock.pass(2 * QUALITY_MS)
  assert.equal(told(ada).at(-1).metrics.muted, true)
  assert.equal(told(ben).at(-1).metrics.muted, false)
  world.join('cem')
  await world.clock.pass(2 * QUALITY_MS)
  assert.equal(told(ada).at(-1).metrics.muted, false, 'not all of them')
})

test('the frames that are expected are those of the slowest camera, and no more than the rung allows', async () => {
  const world = new World()
  const [ada, ben] = await world.call({ fps: 25 })
  const expected = () => told(ada).at(-1).metrics.expected_fps
  await world.clock.pass(QUALITY_MS)
  assert.equal(expected(), undefined, 'his rate is not known yet')
  await world.clock.pass(3 * QUALITY_MS)
  assert.equal(expected(), 25)
  const cem = world.join('cem', { fps: 10 })
  await world.clock.pass(4 * QUALITY_MS)
  assert.equal(expected(), 10)
  cem.session.setMuted({ video: true })
  await world.clock.pass(2 * QUALITY_MS)
  assert.equal(expected(), 25)
  world.tell({ version: 2, rung: 240 })
  await world.clock.pass(2 * QUALITY_MS)
  assert.equal(expected(), 15)
  ben.session.setMuted({ video: true })
  await world.clock.pass(2 * QUALITY_MS)
  assert.equal(expected(), undefined)
})

test('the answer is told, and where it says the session is one goes', async () => {
  const world = new World()
  const [ada] = await world.call()
  await world.clock.pass(QUALITY_MS)
  assert.deepEqual(ada.heard('quality'), [{ score: 90, level: 'excellent', rung: 720 }])
  ada.answers.harthio_report_quality = () => ({ score: null, assignment: { ...world.at, epoch: 2, provider: 'two' } })
  await world.clock.pass(QUALITY_MS)
  assert.equal(ada.heard('quality').length, 1)
  assert.equal(ada.session.assignment.epoch, 2)
})

test('an answer that comes after one has left is not told', async () => {
  const world = new World()
  const [ada] = await world.call()
  let answer
  ada.answers.harthio_report_quality = () => new Promise((resolve) => { answer = resolve })
  await world.clock.pass(QUALITY_MS)
  ada.session.leave()
  answer({ score: 1, level: 'lost', assignment: null })
  await world.clock.pass(0)
  assert.deepEqual(ada.heard('quality'), [])
})
