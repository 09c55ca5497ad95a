// What do two looks at getStats() say of the quality between them?

import test from 'node:test'
import assert from 'node:assert/strict'
import { QualityMeter, statsOf } from '../../client/quality.js'

const codec = { id: 'c', type: 'codec', sdpFmtpLine: 'minptime=10;useinbandfec=1' }
const video = (counters) => ({ id: 'v', type: 'inbound-rtp', kind: 'video', ...counters })
const audio = (counters) => ({ id: 'a', type: 'inbound-rtp', kind: 'audio', codecId: 'c', ...counters })
const sending = (reason, more = {}) => [
  { id: 'o', type: 'outbound-rtp', kind: 'video', transportId: 't', qualityLimitationReason: reason, ...more },
  { id: 't', type: 'transport', selectedCandidatePairId: 'p' },
  { id: 'p', type: 'candidate-pair', currentRoundTripTime: 0.04, availableOutgoingBitrate: 180000 },
]

// The metrics of the last of several looks.
function measured(looks, expected) {
  const meter = new QualityMeter()
  let metrics
  for (const look of looks) metrics = meter.measure(look, expected)
  return metrics
}

test('nothing measured is no report', () => {
  assert.equal(measured([[]]), undefined)
})

test('what counts is what has come since the last look', () => {
  const { video_loss: loss, fps, freeze_ratio: frozen, height } = measured([
    [video({ timestamp: 0, packetsReceived: 1000, packetsLost: 500, framesDecoded: 100, totalFreezesDuration: 9 })],
    [video({ timestamp: 5000, packetsReceived: 1090, packetsLost: 510, framesDecoded: 225, totalFreezesDuration: 10, frameHeight: 480 })],
  ], { expectedFps: 30 })
  assert.deepEqual({ loss, fps, frozen, height }, { loss: 10, fps: 25, frozen: 0.2, height: 480 })
})

test('what was sent again and came is not lost', () => {
  assert.equal(measured([
    [video({ packetsReceived: 0, packetsLost: 0, retransmittedPacketsReceived: 0 })],
    [video({ packetsReceived: 95, packetsLost: 10, retransmittedPacketsReceived: 5 })],
  ]).video_loss, 5)
})

test('what comes twice, or late, is no negative loss', () => {
  const looks = (stream, ...packets) =>
    packets.map(([packetsReceived, packetsLost]) => [stream({ packetsReceived, packetsLost })])
  assert.equal(measured(looks(audio, [0, 9], [100, 4])).loss, 0)
  assert.equal(measured(looks(video, [0, 9], [3, 4]))?.video_loss, undefined, 'more was found than came')
})

test('frames count only together with how many were to come', () => {
  const looks = [[video({ timestamp: 0, packetsReceived: 1 })], [video({ timestamp: 1000, packetsReceived: 2, framesDecoded: 24 })]]
  assert.equal(measured(looks).fps, undefined)
  assert.deepEqual((({ fps, expected_fps }) => ({ fps, expected_fps }))(measured(looks, { expectedFps: 24 })), { fps: 24, expected_fps: 24 })
})

test('sound: jitter, the buffer, loss, and whether it repairs itself', () => {
  assert.deepEqual(measured([
    [codec, audio({ packetsReceived: 0, packetsLost: 0, jitter: 0.01, jitterBufferDelay: 0, jitterBufferEmittedCount: 0 })],
    [codec, audio({ packetsReceived: 196, packetsLost: 4, jitter: 0.02, jitterBufferDelay: 9.6, jitterBufferEmittedCount: 240 })],
  ]), { jitter_ms: 20, jitter_buffer_ms: 40, loss: 2, fec: true })
})

test('of several peers the worst counts, and of loss the sum', () => {
  const from = (id, frames) => ({
    ...video({ timestamp: frames ? 1000 : 0, packetsReceived: 1 + 2 * frames, packetsLost: frames === 8 ? 24 : 0, framesDecoded: frames,
      frameHeight: 30 * frames, totalFreezesDuration: frames / 80 }), id,
  })
  assert.deepEqual(measured([[from('x', 0), from('y', 0)], [from('x', 24), from('y', 8)]], { expectedFps: 24 }),
    { video_loss: (100 * 24) / (24 + 64), height: 240, freeze_ratio: 0.3, fps: 8, expected_fps: 24 })
})

test('a picture cannot stand still for longer than we have looked', () => {
  assert.equal(measured([
    [video({ timestamp: 0, packetsReceived: 1, totalFreezesDuration: 0 })],
    [video({ timestamp: 5000, packetsReceived: 2, totalFreezesDuration: 7 })],
  ]).freeze_ratio, 1)
})

test('who is muted or has just come says nothing of pictures', () => {
  const from = (id, timestamp, packetsReceived, more) => ({ ...video({ timestamp, packetsReceived, ...more }), id })
  const muted = { framesDecoded: 50, frameHeight: 90 }
  assert.deepEqual(measured([
    [from('x', 0, 1, { framesDecoded: 0 }), from('muted', 0, 9, muted)],
    [from('x', 1000, 2, { framesDecoded: 24, frameHeight: 480 }), from('muted', 1000, 9, muted), from('new', 1000, 1)],
  ], { expectedFps: 24 }), { video_loss: 0, height: 480, freeze_ratio: 0, fps: 24, expected_fps: 24 })
  assert.equal(measured([[from('muted', 0, 0)], [from('muted', 1000, 0)]], { expectedFps: 24 }), undefined)
})

test('who is muted or was not heard yet says nothing of sounds', () => {
  const played = { jitterBufferDelay: 9.6, jitterBufferEmittedCount: 240 }
  const fresh = { ...audio({ packetsReceived: 1, jitter: 0.01, jitterBufferDelay: 0, jitterBufferEmittedCount: 0 }), id: 'fresh' }
  const muted = { ...audio({ packetsReceived: 0, jitter: 9 }), id: 'muted', codecId: undefined }
  assert.deepEqual(measured([[codec, muted, fresh, audio({ packetsReceived: 9, jitter: 0.02, ...played })]]),
    { jitter_ms: 20, jitter_buffer_ms: 40, loss: 0, fec: true })
})

test('sound repairs itself if everybody\'s does', () => {
  const other = { ...audio({ packetsReceived: 1 }), id: 'b', codecId: 'plain' }
  assert.equal(measured([[codec, { id: 'plain', type: 'codec' }, audio({ packetsReceived: 1 }), other]]).fec, false)
})

test('what a browser does not measure is left out', () => {
  assert.deepEqual(measured([[audio({ packetsReceived: 9 })]]), { loss: 0, fec: false })
})

test('the time to and fro is that of the pairs in use', () => {
  const pair = (id, rtt) => ({ id, type: 'candidate-pair', currentRoundTripTime: rtt })
  const transport = (id, selectedCandidatePairId) => ({ id, type: 'transport', selectedCandidatePairId })
  assert.deepEqual(measured([[
    transport('t', 'p'), pair('p', 0.04), transport('u', 'q'), pair('q', 0.02), pair('unused', 9),
    transport('new', 'untried'), pair('untried'), transport('none'),
  ]]), { rtt_ms: 40 })
})

test('the estimate for sending counts where it limits, and once it has settled', () => {
  const available = (...reasons) => measured(reasons.map((reason) => sending(reason))).available_kbps
  assert.equal(available('bandwidth', 'bandwidth'), undefined)
  assert.equal(available('bandwidth', 'bandwidth', 'bandwidth'), 180)
  assert.equal(available('none', 'none', 'none'), undefined, 'who gets all he wants knows of no limit')
})

test('of several connections the least estimate counts', () => {
  const other = (availableOutgoingBitrate) => sending('bandwidth').map((entry) => ({
    ...entry, id: `${entry.id}2`, ...(entry.id === 'o' && { transportId: 't2' }),
    ...(entry.id === 't' && { selectedCandidatePairId: 'p2' }), ...(entry.id === 'p' && { availableOutgoingBitrate }),
  }))
  const available = (more) => measured(Array(3).fill([...sending('bandwidth'), ...other(more)])).available_kbps
  assert.equal(available(90000), 90)
  assert.equal(available(undefined), 180)
})

test('one encoder that is too slow is enough', () => {
  const encoder = (id, reason, more) => ({ id, type: 'outbound-rtp', kind: 'video', qualityLimitationReason: reason, ...more })
  const limited = (...encoders) => measured([encoders])?.cpu_limited
  assert.equal(limited(encoder('a', 'none'), encoder('b', 'cpu')), true)
  assert.equal(limited(encoder('a', 'none')), false)
  assert.equal(limited(encoder('a', 'cpu', { active: false })), undefined, 'nothing is sent')
  assert.equal(limited(encoder('a', undefined, { kind: 'audio' })), undefined)
})

test('connections are told apart', async () => {
  const connection = (rtt, bitrate) => ({
    getStats: async () => new Map([
      codec, audio({ packetsReceived: 1 }), ...sending('bandwidth').slice(0, 2),
      { id: 'p', type: 'candidate-pair', currentRoundTripTime: rtt, availableOutgoingBitrate: bitrate },
    ].map((entry) => [entry.id, entry])),
  })
  const closed = { getStats: async () => { throw new Error('closed') } }
  const connections = [connection(0.09, 80000), closed, connection(0.01, 90000)]
  const looks = [await statsOf(connections), await statsOf(connections), await statsOf(connections)]
  assert.equal(measured(looks.slice(0, 1)).fec, true)
  const { rtt_ms, available_kbps } = measured(looks)
  assert.deepEqual({ rtt_ms, available_kbps }, { rtt_ms: 90, available_kbps: 80 })
})
