// What does a rung make of what is sent?

import test from 'node:test'
import assert from 'node:assert/strict'
import { applyRung, encodingFor } from '../../client/ladder.js'

// A sender with two encodings; `set` is what it was told of the second.
function sender(track = { kind: 'video', contentHint: '', getSettings: () => ({ width: 1280, height: 720 }) }) {
  const set = []
  let busy = false
  return {
    track, set,
    getParameters: () => ({ encodings: [{ active: true }, { active: true }] }),
    async setParameters({ encodings }) {
      if (busy) throw new Error('one change at a time')
      busy = true
      await new Promise(setImmediate)
      busy = false
      set.push(encodings[1])
    },
  }
}

test('a picture has at most the lines of its rung', () => {
  const lines = (rung, height) => height / encodingFor(rung, { width: (16 * height) / 9, height }).scaleResolutionDownBy
  for (const rung of [720, 480, 360, 240]) assert.equal(lines(rung, 1080), rung)
  assert.equal(lines(720, 480), 480, 'it is never made larger')
})

test('of a phone held upright the shorter side counts', () => {
  assert.equal(encodingFor(360, { width: 720, height: 1280 }).scaleResolutionDownBy, 2)
})

test('low rungs have fewer frames', () => {
  assert.deepEqual([720, 480, 360, 240].map((rung) => encodingFor(rung, {}).maxFramerate), [30, 30, 24, 15])
})

test('a picture of unknown size keeps it', () => {
  assert.equal(encodingFor(240, {}).scaleResolutionDownBy, 1)
})

test('no rung forces a bitrate, and 0 is sound only', () => {
  for (const rung of [720, 480, 360, 240]) assert.equal(encodingFor(rung, {}).active, true)
  for (const rung of [720, 480, 360, 240, 0]) assert.ok(!('maxBitrate' in encodingFor(rung, { width: 1280, height: 720 })))
  assert.deepEqual(encodingFor(0, { width: 1280, height: 720 }), { active: false })
})

test('rungs are applied one after another, the last one last', async () => {
  const one = sender()
  await Promise.all([applyRung(one, 240), applyRung(one, 0), applyRung(one, 480)])
  assert.deepEqual(one.set.map(({ active, scaleResolutionDownBy }) => active && 720 / scaleResolutionDownBy), [240, false, 480])
})

test('sound, shared screens and senders that are gone are left alone', async () => {
  const [slides, text] = ['detail', 'text'].map((contentHint) =>
    sender({ kind: 'video', contentHint, getSettings: () => ({}) }))
  const sound = sender({ kind: 'audio', getSettings: () => ({}) })
  const gone = { ...sender(), getParameters: () => { throw new Error('closed') } }
  const nothing = sender(null)
  for (const each of [slides, text, sound, nothing, gone]) {
    await applyRung(each, 240)
    assert.deepEqual(each.set, [])
  }
})
