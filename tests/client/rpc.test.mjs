// Is the database asked until it answers, and no longer?

import test from 'node:test'
import assert from 'node:assert/strict'
import { FunctionError, call, isTransient } from '../../client/rpc.js'

// A supabase-js client that gives these answers, one a call.
function supabase(...answers) {
  const calls = []
  return {
    calls,
    rpc: (name, args) => ({
      abortSignal: async () => {
        calls.push([name, args])
        const answer = answers[Math.min(calls.length, answers.length) - 1]
        if (answer instanceof Error) throw answer
        return answer
      },
    }),
  }
}

const good = { data: 7, error: null, status: 200 }
const failed = (status, code) => ({ data: null, error: { message: 'no', code }, status })
const forever = new AbortController().signal

test('it is asked until it answers', async () => {
  const client = supabase(new TypeError('no network'), failed(0), failed(503, 'PGRST000'), good)
  assert.equal(await call(client, 'f', { a: 1 }, forever), 7)
  assert.deepEqual(client.calls, Array(4).fill(['f', { a: 1 }]))
})

test('no is an answer', async () => {
  const client = supabase(failed(403, '42501'))
  await assert.rejects(call(client, 'f', {}, forever), (error) => error instanceof FunctionError && error.code === '42501')
  assert.equal(client.calls.length, 1)
})

test('what may succeed later is asked again', () => {
  for (const code of ['08006', '40001', '53300', '57P01', 'PGRST001']) assert.equal(isTransient(failed(500, code)), true, code)
  for (const code of ['22023', '42501', '53400', '55000', 'PGRST301']) assert.equal(isTransient(failed(400, code)), false, code)
  for (const status of [0, 429, 502, 503, 504]) assert.equal(isTransient(failed(status, '')), true, status)
  assert.equal(isTransient(good), false)
})

test('who gives up is not asked again, and learns what the call in flight did', async () => {
  const giving = new AbortController()
  let answer
  const client = { rpc: () => ({ abortSignal: () => new Promise((resolve) => { answer = resolve }) }) }
  const result = call(client, 'f', {}, giving.signal)
  giving.abort()
  answer(good)
  assert.equal(await result, 7)
  await assert.rejects(call(supabase(good), 'f', {}, giving.signal), /abort/i)
})
