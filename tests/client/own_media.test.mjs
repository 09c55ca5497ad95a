// Do the others know what we send, and whether our camera gives anything?

import test from 'node:test'
import assert from 'node:assert/strict'
import { OwnMedia } from '../../client/own_media.js'
import { Clock } from './clock.mjs'
import { Track, World, cameraAndMicrophone } from './world.mjs'

async function ownMedia(stream = cameraAndMicrophone()) {
  const clock = new Clock()
  clock.install()
  const told = []
  const media = new OwnMedia((fields) => told.push(fields))
  const fault = await media.take(stream)
  let frames = 0
  return {
    clock, media, told, fault,
    // so many seconds with so many frames each
    async films(seconds, perSecond) {
      for (let half = 0; half < 2 * seconds; half++) {
        await clock.pass(500)
        media.watch(Math.round(frames += perSecond / 2))
      }
    },
  }
}

test('what there is is told', async () => {
  assert.deepEqual((await ownMedia()).told, [{ audio: true, video: true, frameRate: 0 }])
  assert.deepEqual((await ownMedia(new MediaStream([new Track('audio')]))).told, [{ audio: true, video: false, frameRate: 0 }])
  assert.deepEqual((await ownMedia(null)).told, [{ audio: false, video: false, frameRate: 0 }])
})

test('what was refused is a fault, and what there was not is another one', async () => {
  for (const [error, fault] of [
    [new DOMException('no', 'NotAllowedError'), 'permission_denied'], [new DOMException('none', 'NotFoundError'), 'no_device'],
  ]) {
    const own = await ownMedia(Promise.reject(error))
    assert.equal(own.fault, fault)
    assert.deepEqual(own.told, [{ audio: false, video: false, frameRate: 0 }])
    assert.deepEqual(own.media.stream.getTracks(), [])
  }
})

test('a muted track sends nothing, and each kind is muted for itself', async () => {
  const { media, told } = await ownMedia()
  const [audio, video] = media.stream.getTracks()
  media.mute({ audio: true })
  assert.deepEqual([audio.enabled, video.enabled], [false, true])
  media.mute({ video: true })
  assert.deepEqual([audio.enabled, video.enabled], [false, false])
  media.mute({ audio: false })
  assert.deepEqual(told.slice(1).map((each) => [each.audio, each.video]), [[false, true], [false, false], [true, false]])
})

test('who is muted before there is a camera stays muted', async () => {
  const told = []
  const media = new OwnMedia((fields) => told.push(fields))
  media.mute({ video: true })
  const stream = cameraAndMicrophone()
  await media.take(Promise.resolve(stream))
  assert.deepEqual(stream.getTracks().map(({ enabled }) => enabled), [true, false])
  assert.deepEqual(told.at(-1), { audio: true, video: false, frameRate: 0 })
})

test('a track that has ended is not there', async () => {
  const { media, told } = await ownMedia()
  media.stream.getTracks()[1].readyState = 'ended'
  media.mute({})
  assert.deepEqual(told.at(-1), { audio: true, video: false, frameRate: 0 })
})

test('a camera that gives nothing is off, until it gives something', async () => {
  const { told, films } = await ownMedia()
  await films(2, 30)
  assert.equal(told.length, 1)
  await films(1.5, 0)
  assert.equal(told.length, 1)
  await films(1, 0)
  assert.deepEqual(told.at(-1), { audio: true, video: false, frameRate: 0 })
  await films(0.5, 30)
  assert.equal(told.at(-1).video, true)
})

test('what is not known of the camera says nothing', async () => {
  const { media, told, clock } = await ownMedia()
  for (let i = 0; i < 3; i++) {
    media.watch(undefined)
    await clock.pass(3000)
  }
  assert.equal(told.length, 1)
})

test('its rate is told when it has changed', async () => {
  const { told, films } = await ownMedia()
  const rates = () => told.map(({ frameRate }) => frameRate)
  await films(12, 30)
  assert.deepEqual(rates(), [0, 30])
  await films(10, 29)
  assert.deepEqual(rates(), [0, 30], 'one frame is no change')
  await films(10, 28)
  assert.equal(rates().at(-1), 28, 'but two are')
  await films(15, 12)
  assert.equal(rates().at(-1), 12)
})

test('a camera that rests has the rate that it had', async () => {
  const { told, films } = await ownMedia()
  await films(10.5, 30)
  await films(15, 0)
  assert.deepEqual(told.map(({ frameRate }) => frameRate), [0, 30, 30])
})

test('what it gave before it was first looked at is no rate', async () => {
  const { told, media } = await ownMedia()
  media.watch(5000)
  assert.equal(told.length, 1)
})

test('where frames are counted anew, as by another call, the rate is measured anew', async () => {
  const { told, media, clock, films } = await ownMedia()
  await films(0.5, 30)
  for (let frames = 1; frames < 300; frames += 15) {
    await clock.pass(500)
    media.watch(frames)
  }
  assert.deepEqual(told.map(({ frameRate }) => frameRate), [0, 30])
})

test('the others are told', async () => {
  const world = new World()
  const [ada, ben] = await world.call({ fps: 20 })
  await world.clock.pass(12000)
  assert.deepEqual([ben.channel.meta.audio, ben.channel.meta.video, ben.channel.meta.frameRate], [true, true, 20])
  ben.session.setMuted({ video: true })
  ben.fps = 0
  await world.clock.pass(200)
  assert.equal(ada.session.participants[0].video, false)
  await world.clock.pass(30000)
  assert.deepEqual(ada.failures(), [], 'and do not wait for his picture')
})

test('nor do they wait for that of a camera that rests', async () => {
  const world = new World()
  const [ada, ben] = await world.call()
  ben.session.setMuted({ audio: true })
  ben.fps = 0
  ada.now.freeze(ben.session.peerId)
  await world.clock.pass(30000)
  assert.deepEqual([ada.failures(), ada.session.state], [[], 'connected'])
})
