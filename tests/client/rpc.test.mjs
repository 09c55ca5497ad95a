// Is the database asked until it answers, and no longer?

import test from 'node:test'
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { FunctionError, call, callOnce, isTransient, pause } from '../../client/rpc.js'
import { Clock } from './clock.mjs'

const clock = new Clock()
const browser = new EventTarget()
clock.install()
globalThis.addEventListener = (...how) => browser.addEventListener(...how)
globalThis.removeEventListener = (...how) => browser.removeEventListener(...how)

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
  const answer = call(client, 'f', { a: 1 }, forever)
  await clock.pass(5000)
  assert.equal(await answer, 7)
  assert.deepEqual(client.calls, Array(4).fill(['f', { a: 1 }]))
})

test('it is asked less and less often, but never seldom', async () => {
  const client = supabase(failed(503))
  const giving = new AbortController()
  const answer = call(client, 'f', {}, giving.signal)
  await clock.pass(60000)
  assert.ok(client.calls.length > 12 && client.calls.length < 30, `${client.calls.length} times in a minute`)
  giving.abort()
  await assert.rejects(answer, /abort/i)
  assert.equal(clock.idle, true)
})

test('it is asked at once when the network is back', async (t) => {
  t.mock.method(Math, 'random', () => 0.99)
  const client = supabase(...Array(5).fill(failed(0)), good)
  const answer = call(client, 'f', {}, forever)
  await clock.pass(5000)
  assert.equal(client.calls.length, 5)
  browser.dispatchEvent(new Event('online'))
  await clock.settle()
  assert.equal(client.calls.length, 6)
  await answer
})

test('who waits leaves nothing behind', async () => {
  const { signal } = new AbortController()
  const waiting = pause(1000, signal)
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  await clock.pass(1000)
  await waiting
  assert.deepEqual([...getEventListeners(signal, 'abort'), ...getEventListeners(browser, 'online')], [])
})

test('what does not answer is given up, and that is an answer', async () => {
  const deaf = { rpc: () => ({ abortSignal: (signal) => new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  }) }) }
  let answer
  callOnce(deaf, 'f', {}).then((given) => { answer = given })
  await clock.pass(7000)
  assert.equal(answer, undefined)
  await clock.pass(2000)
  assert.deepEqual([answer.status, answer.data, isTransient(answer)], [0, null, true])
  await callOnce(supabase(good), 'f', {})
  assert.equal(clock.idle, true)
})

test('no is an answer', async () => {
  const client = supabase(failed(403, '42501'))
  await assert.rejects(call(client, 'f', {}, forever), (error) => error instanceof FunctionError && error.code === '42501')
  assert.equal(client.calls.length, 1)
  const all = { message: 'no', code: '22023', details: 'why', hint: 'what to do' }
  await assert.rejects(call(supabase({ data: null, error: all, status: 400 }), 'f', {}, forever), all)
  await assert.rejects(call(supabase(failed(400)), 'f', {}, forever), { code: '', details: '', hint: '' })
})

test('what may succeed later is asked again', () => {
  for (const code of ['08006', '40001', '53300', '57P01', '58030', 'PGRST001']) assert.equal(isTransient(failed(500, code)), true, code)
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
