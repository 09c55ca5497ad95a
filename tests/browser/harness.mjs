// What the tests in a browser share: pages with a camera, what they show, and
// what happened in them when.  Servers are in servers.mjs, packets in
// network.mjs, tokens and SQL are those of tests/notifier.
//
// Run by tests/browser/run, which makes the network namespace and the cluster.

import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { atEnd } from './ending.mjs'
import { eventually, root } from '../notifier/harness.mjs'

export { eventually, newSession, root, sql } from '../notifier/harness.mjs'
export * from './servers.mjs'
export * from './network.mjs'

const args = [
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  // pages that talk to each other over loopback have candidates only with this
  '--allow-loopback-in-peer-connection',
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

let browser

// whichever test opens the first page, the browser is there for the whole file
atEnd(async () => (await browser)?.close())

function theBrowser() {
  browser ??= chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args })
  return browser
}

// ---------------------------------------------------------------- pages

// In each page, before its own scripts.
function instruments() {
  const connections = []
  const sockets = []
  window.journal = []
  window.note = (what, more = {}) => journal.push({ at: Date.now(), what, ...more })
  window.openPeerConnections = () => connections.filter((each) => each.signalingState !== 'closed')
  window.openSockets = () => sockets.filter((each) => each.readyState < WebSocket.CLOSING).map((each) => each.url)
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...how) {
      super(...how)
      connections.push(this)
    }
  }
  window.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how)
      sockets.push(this)
    }
  }

  // Frames of video that this page has decoded, by the connection and stream they came on.
  window.framesDecoded = async () => {
    const frames = {}
    for (const [i, connection] of connections.entries()) {
      if (connection.signalingState === 'closed') continue
      for (const stat of (await connection.getStats()).values()) {
        if (stat.type === 'inbound-rtp' && stat.kind === 'video') frames[`${i} ${stat.id}`] = stat.framesDecoded ?? 0
      }
    }
    return frames
  }

  // Puts a stream on the page and notes its first frame.
  window.show = (name, stream) => {
    const video = document.getElementById(name) ?? document.createElement('video')
    Object.assign(video, { id: name, autoplay: true, muted: true, playsInline: true, srcObject: stream })
    document.body.append(video)
    video.requestVideoFrameCallback(() => note('first-frame', { name }))
  }
}

// A page of its own person: nothing is shared with other pages but the browser.
// `problems` of the page are errors that nobody caught.
export async function openPage(url, options = {}) {
  const context = await (await theBrowser()).newContext({ permissions: ['camera', 'microphone'], ...options })
  await context.addInitScript(instruments)
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(error.message))
  await page.goto(url)
  return page
}

// Its tab is closed, as a person does it.
export const closePage = (page) => page.context().close()

// Resolves when the page has decoded `count` more frames of one video, to how
// many milliseconds that took.
export async function framesGrow(page, { count = 5, within = 20000 } = {}) {
  const start = Date.now()
  const before = {}
  await eventually(`${count} more frames`, async () => {
    const now = await page.evaluate(() => framesDecoded())
    return Object.entries(now).some(([key, frames]) => frames - (before[key] ??= frames) >= count)
  }, within)
  return Date.now() - start
}

export const openPeerConnections = (page) => page.evaluate(() => openPeerConnections().length)
export const openSockets = (page) => page.evaluate(() => openSockets())

// ---------------------------------------------------------------- what happened

// Entries { at, what, ... } that scripts made with note(), in order; `at` is
// the machine's clock, the same for all pages.
export const journal = (page, what) =>
  page.evaluate((kind) => journal.filter((entry) => !kind || entry.what === kind), what)

// The first entry of that kind which satisfies `matches`, once it is there.
export const noted = (page, what, matches = () => true, within = 20000) =>
  eventually(`"${what}" in the page`, async () => (await journal(page, what)).find(matches), within)

// The longest time, in milliseconds, for which the last epochs noted in two
// journals differed; an entry without an epoch says nothing.
export function longestApart(one, other) {
  const entries = [...one.map((entry) => ({ ...entry, who: 0 })), ...other.map((entry) => ({ ...entry, who: 1 }))]
    .filter((entry) => entry.epoch !== undefined)
    .sort((a, b) => a.at - b.at)
  const epochs = []
  let since
  let longest = 0
  for (const { at, who, epoch } of entries) {
    epochs[who] = epoch
    const apart = epochs[0] !== undefined && epochs[1] !== undefined && epochs[0] !== epochs[1]
    if (apart) since ??= at
    else if (since !== undefined) {
      longest = Math.max(longest, at - since)
      since = undefined
    }
  }
  return since === undefined ? longest : Infinity
}

export const percentile = (numbers, share) =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.ceil(numbers.length * share) - 1)]

// A picture to look at, in .test/browser.
export async function screenshot(page, name, options = {}) {
  const file = path.join(root, '.test/browser', `${name}.png`)
  await page.screenshot({ path: file, ...options })
  return file
}

// One that README shows: what is in docs/ is replaced only when asked, with
// HARTHIO_SCREENSHOTS=docs, because no two are the same.
export async function screenshotForDocs(page, name) {
  const file = await screenshot(page, name)
  if (process.env.HARTHIO_SCREENSHOTS === 'docs') copyFileSync(file, path.join(root, 'docs', `${name}.png`))
}
