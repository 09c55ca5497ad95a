// Who is there, by what the pages say of themselves?

import test from 'node:test'
import assert from 'node:assert/strict'
import { othersIn } from '../../client/channel.js'

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
