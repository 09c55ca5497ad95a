// When is a picture late, and when has it stopped?

import test from 'node:test'
import assert from 'node:assert/strict'
import { BLIND_MS, CONNECT_MS, PeerWatch, STALL_MS } from '../../client/watch.js'

const arrived = (frames, sounds = 0, bytes = 0) => ({ frames, sounds, bytes })

test('the first frame must come before the deadline', () => {
  const watch = new PeerWatch(1000)
  assert.equal(watch.look(arrived(0), 'video', 1000 + CONNECT_MS - 1), 'waiting')
  assert.equal(watch.look(arrived(0), 'video', 1000 + CONNECT_MS), 'late')
  assert.equal(watch.began, false)
})

test('sound is no proof of a picture', () => {
  const watch = new PeerWatch(0)
  watch.look(arrived(1), 'video', 0)
  assert.equal(watch.look(arrived(1, 500), 'video', STALL_MS), 'stalled')
})

test('a picture that stops is stalled, and fine again with the next frame', () => {
  const watch = new PeerWatch(0)
  assert.equal(watch.look(arrived(5), 'video', 100), 'fine')
  assert.equal(watch.began, true)
  assert.equal(watch.look(arrived(5), 'video', 100 + STALL_MS - 1), 'fine')
  assert.equal(watch.look(arrived(5), 'video', 100 + STALL_MS), 'stalled')
  assert.equal(watch.look(arrived(6), 'video', 101 + STALL_MS), 'fine')
})

test('from who sends no picture sound is expected, from who sends nothing nothing', () => {
  const audible = new PeerWatch(0)
  assert.equal(audible.look(arrived(0, 3), 'audio', 0), 'fine')
  assert.equal(audible.look(arrived(0, 3), 'audio', STALL_MS), 'stalled')
  const silent = new PeerWatch(0)
  silent.look(arrived(3), 'video', 0)
  assert.equal(silent.look(arrived(3), 'nothing', 10 * STALL_MS), 'fine')
  assert.equal(silent.look(arrived(3), 'video', 11 * STALL_MS - 1), 'fine', 'from when it is unmuted')
  assert.equal(silent.look(arrived(3), 'video', 11 * STALL_MS), 'stalled')
})

test('who was offline has as long as to connect', () => {
  const watch = new PeerWatch(0)
  watch.look(arrived(5), 'video', 0)
  watch.restart(20000)
  assert.equal(watch.look(arrived(5), 'video', 20000 + CONNECT_MS - 1), 'fine')
  assert.equal(watch.look(arrived(5), 'video', 20000 + CONNECT_MS), 'stalled')
})

test('bytes are no first frame', () => {
  const watch = new PeerWatch(0)
  for (let now = 1; now < CONNECT_MS; now += 1000) watch.look(arrived(0, 0, now), 'video', now)
  assert.equal(watch.look(arrived(0, 0, CONNECT_MS), 'video', CONNECT_MS), 'late')
})

test('bytes that come no more give no time', () => {
  const watch = new PeerWatch(0)
  for (let now = 0; now < STALL_MS; now += 1000) watch.look(arrived(5, 0, 100), 'video', now)
  assert.equal(watch.look(arrived(5, 0, 100), 'video', STALL_MS), 'stalled')
})

test('while bytes come the ladder gets its time, but not for ever', () => {
  const watch = new PeerWatch(0)
  watch.look(arrived(5, 0, 1), 'video', 0)
  for (let now = 1000; now < BLIND_MS; now += 1000) {
    assert.equal(watch.look(arrived(5, 0, now), 'video', now), 'fine')
  }
  assert.equal(watch.look(arrived(5, 0, BLIND_MS), 'video', BLIND_MS), 'stalled')
})
