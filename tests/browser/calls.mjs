// Calls on the call page, for the tests: two people with a link.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { afterEach } from 'node:test'
import { promisify } from 'node:util'
import path from 'node:path'
import { closePage, eventually, newSession, openPage, root, sql, startNotifier } from './harness.mjs'

// Tests leave their calls open; a page that nobody needs would slow down the next one.
const opened = []
afterEach(() => Promise.all(opened.splice(0).map(closePage)))

export const peerToPeer = { p2p: { adapter: 'p2p' } }

const directory = path.join(root, '.test/browser/pages')

// A notifier that serves call pages too.
export async function startCallNotifier() {
  await mkdir(directory, { recursive: true })
  return startNotifier({ args: ['--pages', directory] })
}

// The call page, for people who have these adapters.
export async function servePages(notifier, providers = peerToPeer) {
  const name = randomUUID()
  await promisify(execFile)(path.join(root, 'scripts/pages'), [path.join(directory, name)])
  await writeFile(path.join(directory, name, 'demo.json'), JSON.stringify({ providers }))
  const url = `${notifier.url}/${name}/`
  return {
    // The link to a call for somebody; `ask` is the query of the page's URL.
    link(call, name, ask = 'picture&join') {
      return `${url}?${ask}#${new URLSearchParams({ call, key: notifier.token({ sub: name }) })}`
    },
    // Opens the page as somebody.
    async open(call, name, { ask, ...options } = {}) {
      const page = await openPage(this.link(call, name, ask), options)
      opened.push(page)
      return page
    },
    // Adds a page with a module of its own; what is returned opens it with this fragment.
    async addPage(file, script) {
      await writeFile(path.join(directory, name, `${file}.js`), script)
      await writeFile(path.join(directory, name, `${file}.html`), `<!doctype html><meta charset="utf-8">
        <title>${file}</title><body></body><script src="supabase.js"></script><script src="${file}.js" type="module"></script>`)
      return async (fragment) => {
        const page = await openPage(`${url}${file}.html#${fragment}`)
        opened.push(page)
        return page
      }
    },
    // Two people in a new call, who see each other.
    async call({ names = ['Ada', 'Ben'], ...options } = {}) {
      const call = newSession()
      const pages = await Promise.all(names.map((name) => this.open(call, name, options)))
      if (names.length > 1) await seeEachOther(pages)
      return { call, pages }
    },
  }
}

export const stateOf = (page) => page.evaluate(() => globalThis.session?.state)
export const assignmentOf = (page) => page.evaluate(() => globalThis.session?.assignment)

// All of them are connected, to the same provider, and decode new frames of each other.
export async function seeEachOther(pages, within = 30000) {
  await eventually('all are connected', async () =>
    (await Promise.all(pages.map(stateOf))).every((state) => state === 'connected'), within)
  await Promise.all(pages.map((page) => shownFramesGrow(page, pages.length - 1, within)))
  const assignments = await Promise.all(pages.map(assignmentOf))
  const places = new Set(assignments.map(({ generation, epoch, provider, room }) =>
    JSON.stringify({ generation, epoch, provider, room })))
  if (places.size !== 1) throw new Error(`they are apart: ${[...places].join(' and ')}`)
  await Promise.all(pages.map(noProviderIsNamed))
  return assignments[0]
}

// Those who call need not know by what.
export async function noProviderIsNamed(page) {
  const text = await page.evaluate(() => document.title + document.body.innerText)
  const named = /daily|p2p|peer|janus|sfu|webrtc|provider/i.exec(text)
  if (named) throw new Error(`the page says "${named[0]}"`)
}

// What the page shows of the others moves: frames of each video element that is seen.
export async function shownFramesGrow(page, others, within) {
  const shown = () => page.evaluate(() => [...document.querySelectorAll('#remotes video')]
    .map((video) => video.getVideoPlaybackQuality().totalVideoFrames))
  let before
  await eventually(`${others} pictures move`, async () => {
    const now = await shown()
    if (now.length !== others) return false
    if (before?.length !== others) before = now
    return now.every((frames, i) => frames > before[i] + 3)
  }, within)
}

// What the database has of a call.
export const epochsOf = async (call) =>
  (await sql('SELECT epoch, provider, reason FROM harthio.assignment WHERE session_id = $1 ORDER BY epoch', [call]))
export const outcomesOf = async (call) =>
  (await sql(`SELECT epoch, participant_id, success, connect_ms, detail->>'reason' AS reason
                FROM harthio.outcome WHERE session_id = $1 ORDER BY reported_at`, [call]))

// Only these providers may be chosen.
export const enableOnly = (...providers) =>
  sql('UPDATE harthio.provider SET enabled = provider = ANY ($1)', [providers])
