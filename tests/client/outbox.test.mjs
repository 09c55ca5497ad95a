// Does every line of chat arrive, in order, though what is sent may be lost?

import test from 'node:test'
import assert from 'node:assert/strict'
import { Outbox } from '../../client/outbox.js'

function outbox() {
  const sent = []
  return { sent, box: new Outbox((peerId, { id }) => sent.push(`${peerId}:${id}`)) }
}

test('a peer gets the next line when it has acknowledged the one before', () => {
  const { sent, box } = outbox()
  for (const id of ['1', '2', '3']) box.add(['ben'], { id })
  assert.deepEqual(sent, ['ben:1'])
  box.acknowledged('ben', '1')
  box.acknowledged('ben', '1')
  assert.deepEqual(sent, ['ben:1', 'ben:2'])
  box.acknowledged('ben', '3')
  box.acknowledged('cem', '2')
  assert.deepEqual(sent, ['ben:1', 'ben:2'])
})

test('what is lost is sent again, and who has all is left in peace', () => {
  const { sent, box } = outbox()
  box.add(['ben', 'cem'], { id: '1' })
  box.acknowledged('cem', '1')
  box.sendAgain()
  assert.deepEqual(sent, ['ben:1', 'cem:1', 'ben:1'])
  box.acknowledged('ben', '1')
  box.sendAgain()
  assert.equal(sent.length, 3)
})

test('one who does not answer delays nobody else', () => {
  const { sent, box } = outbox()
  box.add(['ben', 'cem'], { id: '1' })
  box.acknowledged('cem', '1')
  box.add(['ben', 'cem'], { id: '2' })
  assert.deepEqual(sent, ['ben:1', 'cem:1', 'cem:2'])
})

test('a page that was loaded anew gets what its old self did not', () => {
  const { sent, box } = outbox()
  for (const id of ['1', '2']) box.add(['old'], { id })
  box.gone('old', 'new')
  box.acknowledged('new', '1')
  assert.deepEqual(sent, ['old:1', 'new:1', 'new:2'])
  box.gone('new')
  box.sendAgain()
  assert.equal(sent.length, 3)
})
