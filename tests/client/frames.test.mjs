// What has arrived from whom, by what the browser counts?

import test from 'node:test'
import assert from 'node:assert/strict'
import { FrameCounter } from '../../client/frames.js'
import { Track } from './world.mjs'

const connection = (...stats) => ({ getStats: async () => new Map(stats.map((each, i) => [i, each])) })
const video = (trackIdentifier, framesDecoded, bytesReceived) => ({ type: 'inbound-rtp', kind: 'video', trackIdentifier, framesDecoded, bytesReceived, packetsReceived: 99 })
const audio = (trackIdentifier, packetsReceived, bytesReceived) => ({ type: 'inbound-rtp', kind: 'audio', trackIdentifier, packetsReceived, bytesReceived })
const stream = (...tracks) => new MediaStream(tracks.map(([kind, id]) => new Track(kind, id)))
const nothing = { frames: 0, sounds: 0, bytes: 0 }

test('of each peer his own tracks, on whichever connection they come', async () => {
  const arrived = await new FrameCounter().count(
    [connection(video('v1', 7, 900), audio('a1', 5, 70)), connection(video('v2', 3, 100), { type: 'transport' })],
    new Map([['ben', stream(['video', 'v1'], ['audio', 'a1'])], ['cem', stream(['video', 'v2'])]]))
  assert.deepEqual(arrived, new Map([
    ['ben', { frames: 7, sounds: 5, bytes: 900 }], ['cem', { frames: 3, sounds: 0, bytes: 100 }],
  ]))
})

test('what the browser does not count yet is nothing', async () => {
  const arrived = await new FrameCounter().count([connection(video('v1'))],
    new Map([['ben', stream(['video', 'v1'])], ['cem', stream(['video', 'v2'])]]))
  assert.deepEqual(arrived, new Map([['ben', nothing], ['cem', nothing]]))
})

test('a connection that gives no account does not hide the others', async () => {
  const silent = { getStats: async () => { throw new Error('closed') } }
  const arrived = await new FrameCounter().count([silent, connection(video('v1', 7, 900))],
    new Map([['ben', stream(['video', 'v1'])]]))
  assert.equal(arrived.get('ben').frames, 7)
})

test('while a connection is made anew nothing has come by it', async () => {
  const counter = new FrameCounter()
  const streams = new Map([['ben', stream(['video', 'v1'])]])
  await counter.count([connection(video('v1', 7, 900))], streams)
  assert.deepEqual((await counter.count([], streams)).get('ben'), nothing)
})

test('frames that our camera gave are counted, if the browser says', async () => {
  const counter = new FrameCounter()
  const source = (frames) => connection({ type: 'media-source', kind: 'video', frames }, { type: 'media-source', kind: 'audio' })
  await counter.count([source(3), source(4)], new Map())
  assert.equal(counter.captured, 7)
  await counter.count([connection()], new Map())
  assert.equal(counter.captured, undefined)
})

test('where connections are hidden a video element that nobody sees counts', async () => {
  const made = []
  let plays = 0
  globalThis.document = { createElement: (name) => {
    const element = {
      name, currentTime: 4,
      async play() {
        plays++
        throw new Error('not allowed')
      },
      getVideoPlaybackQuality: () => ({ totalVideoFrames: 9 }),
    }
    made.push(element)
    return element
  } }
  const sound = new Track('audio')
  const media = new MediaStream([sound, new Track('video')])
  const counter = new FrameCounter()
  const count = async () => (await counter.count([], new Map([['ben', media]]))).get('ben')
  assert.deepEqual(await count(), { frames: 9, sounds: 4, bytes: 0 })
  sound.muted = true
  assert.deepEqual(await count(), { frames: 9, sounds: 0, bytes: 0 })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(plays, 1)
  assert.deepEqual(made.map(({ name, muted, srcObject }) => [name, muted, srcObject]), [['video', true, media]])
})
