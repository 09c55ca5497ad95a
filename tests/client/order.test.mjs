// Which of two states is newer?

import test from 'node:test'
import assert from 'node:assert/strict'
import { compare, isNewer, isSameEpoch } from '../../client/order.js'

const at = (generation, epoch, version) => ({ generation, epoch, version })

test('generation counts before epoch, epoch before version', () => {
  const inOrder = [at(1, 1, 5), at(1, 1, 9), at(1, 2, 1), at(1, 3), at(1, 3, 0), at(2, 1), at(2, 1, 3), at(2, 2, 1)]
  for (const [i, one] of inOrder.entries()) {
    for (const [j, other] of inOrder.entries()) {
      assert.equal(Math.sign(compare(one, other)), Math.sign(i - j), JSON.stringify([one, other]))
      assert.equal(isNewer(one, other), i > j)
    }
  }
})

test('anything is newer than nothing', () => {
  assert.equal(isNewer(at(1, 1), undefined), true)
})

test('pages meet on the same epoch of the same generation', () => {
  assert.equal(isSameEpoch(at(1, 2, 3), at(1, 2, 4)), true)
  assert.equal(isSameEpoch(at(1, 2), at(2, 2)), false)
  assert.equal(isSameEpoch(at(1, 2), at(1, 3)), false)
  assert.equal(isSameEpoch(undefined, undefined), false)
  assert.equal(isSameEpoch(at(1, 2), undefined), false)
  assert.equal(isSameEpoch(undefined, at(1, 2)), false)
})
