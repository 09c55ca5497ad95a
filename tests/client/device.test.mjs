// Which device is a page, so that a reload replaces it and a copy does not?

import test, { beforeEach } from 'node:test'
import assert from 'node:assert/strict'

// What the pages of one browser share, and what one tab keeps.
let held
let stored

// Locks, which a page that goes lets go of.
const locks = {
  async request(name, { signal }, hold) {
    while (held.has(name)) {
      signal.throwIfAborted()
      await new Promise((resolve) => setImmediate(resolve))
    }
    held.add(name)
    await hold()
    held.delete(name)
  },
}
const storage = { getItem: (key) => stored[key] ?? null, setItem: (key, value) => { stored[key] = value } }

function browser(parts = {}) {
  for (const [name, value] of Object.entries({ sessionStorage: storage, navigator: { locks }, ...parts })) {
    Object.defineProperty(globalThis, name, { value, configurable: true })
  }
}

beforeEach(() => {
  held = new Set()
  stored = {}
  browser()
})

let loads = 0
const loadPage = () => import(`../../client/device.js?${++loads}`)
const devices = async (count) => {
  const found = []
  while (found.length < count) {
    found.push(await (await loadPage()).thisDevice())
    held.clear() // the page is gone
  }
  return found
}

test('a page is one device all its life', async () => {
  const { thisDevice } = await loadPage()
  const one = await thisDevice()
  assert.match(one.device, /^[0-9a-f]{24}$/)
  assert.equal(await thisDevice(), one)
})

test('a page that is loaded anew is the same device, and newer', async () => {
  const [one, two, three] = await devices(3)
  assert.equal(new Set([one.device, two.device, three.device]).size, 1)
  assert.ok(one.incarnation < two.incarnation && two.incarnation < three.incarnation)
})

test('also if the clock was set back', async (t) => {
  const [{ incarnation }] = await devices(1)
  t.mock.method(Date, 'now', () => 1000)
  const [again] = await devices(1)
  assert.equal(again.incarnation, incarnation + 1)
})

test('a copy is newer, where it cannot be told from a reload', async (t) => {
  browser({ navigator: {} })
  await devices(1)
  const copied = { ...stored }
  let now = Date.now() + 1000
  t.mock.method(Date, 'now', () => now++)
  const [one] = await devices(1)
  stored = copied
  const [copy] = await devices(1)
  assert.equal(copy.device, one.device)
  assert.ok(copy.incarnation > one.incarnation)
})

test('a copy of a tab that lives is another device', async () => {
  const one = await (await loadPage()).thisDevice()
  const copy = await (await loadPage()).thisDevice()
  assert.notEqual(copy.device, one.device)
  assert.equal(held.size, 2, 'each holds its own')
  assert.equal(JSON.parse(stored['harthio-device']).device, copy.device)
})

test('a page that is just being left lets go in time', async () => {
  const one = await (await loadPage()).thisDevice()
  const again = (await loadPage()).thisDevice()
  setTimeout(() => held.clear(), 20) // it takes a moment
  assert.equal((await again).device, one.device)
})

test('a browser without locks, or without storage, has devices too', async () => {
  browser({ navigator: {} })
  const [one, two] = await devices(2)
  assert.equal(one.device, two.device)
  const refuse = () => { throw new Error('no') }
  browser({ sessionStorage: { getItem: refuse, setItem: refuse } })
  const [three, four] = await devices(2)
  assert.notEqual(three.device, four.device)
})

test('what is stored and not ours is not believed', async () => {
  stored['harthio-device'] = 'not JSON'
  const [one] = await devices(1)
  assert.equal(typeof one.device, 'string')
})
