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

test('of several peers the worst counts', () => {
  const from = (id, frames) => ({ ...video({ timestamp: frames ? 1000 : 0, packetsReceived: 1 + frames, framesDecoded: frames, frameHeight: 30 * frames }), id })
  const { fps, height } = measured([[from('x', 0), from('y', 0)], [from('x', 24), from('y', 8)]], { expectedFps: 24 })
  assert.deepEqual({ fps, height }, { fps: 8, height: 240 })
})

test('the estimate for sending counts where it limits, and once it has settled', () => {
  const available = (...reasons) => measured(reasons.map((reason) => sending(reason))).available_kbps
  assert.equal(available('bandwidth'), undefined)
  assert.equal(available('bandwidth', 'bandwidth', 'bandwidth'), 180)
  assert.equal(available('none', 'none', 'none'), undefined, 'who gets all he wants knows of no limit')
  assert.equal(measured([sending('none')]).rtt_ms, 40)
  assert.equal(measured([sending('cpu')]).cpu_limited, true)
})

test('connections are told apart', async () => {
  const connection = (rtt) => ({
    getStats: async () => new Map([
      ['t', { id: 't', type: 'transport', selectedCandidatePairId: 'p' }],
      ['p', { id: 'p', type: 'candidate-pair', currentRoundTripTime: rtt }],
    ]),
  })
  const closed = { getStats: async () => { throw new Error('closed') } }
  const stats = await statsOf([connection(0.01), closed, connection(0.09)])
  assert.equal(new QualityMeter().measure(stats).rtt_ms, 90)
})
