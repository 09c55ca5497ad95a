// Does what docs/browser.md shows work, as it is written there?

import test from 'node:test'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { eventually, newSession, root, startJanus } from './harness.mjs'
import { enableOnly, servePages, startCallNotifier, stateOf } from './calls.mjs'

const notifier = await startCallNotifier()
const demo = await servePages(notifier)

// What the reader has: a client that is signed in, and the name of a session.
const reader = `
const [key, sessionId] = new URLSearchParams(location.hash.slice(1)).values()
const supabase = globalThis.supabase.createClient(location.origin, key, { accessToken: async () => key })
`

test('two pages made of the snippets are a call, by either provider', async () => {
  const document = await readFile(path.join(root, 'docs/browser.md'), 'utf8')
  const janus = await startJanus()
  const snippets = [...document.matchAll(/```js\n([^]*?)```/g)].map(([, snippet]) => snippet).join('\n')
    .replace('ws://127.0.0.1:8188', janus.url)
  const page = await demo.addPage('snippets', `${reader}${snippets}\nglobalThis.session = session; globalThis.hangUp = hangUp`)

  for (const provider of ['p2p', 'daily']) {
    await enableOnly(provider)
    const call = newSession()
    const pages = await Promise.all(['Ada', 'Ben'].map((name) => page(new URLSearchParams({ key: notifier.token({ sub: name }), call }))))
    for (const each of pages) {
      await eventually('it is connected', async () => (await stateOf(each)) === 'connected')
      await eventually('a picture is shown', () => each.evaluate(() =>
        window.document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 3))
      await eventually('the quality is told', () => each.evaluate(() => 'quality' in window.document.body.dataset))
      assert.equal(await each.title(), 'connected')
      assert.deepEqual(await each.evaluate(() => session.participants.map(({ audio, video, orientation }) =>
        ({ audio, video, orientation }))), [{ audio: false, video: true, orientation: 'portrait' }])
      assert.deepEqual(each.problems, [])
    }
    assert.match(await pages[0].innerText('body'), /me: Hello/)
    await pages[0].evaluate(() => session.sendChat('Hello')) // the first one was for who was there
    await eventually('what is written arrives', async () => /Ada: Hello/.test(await pages[1].innerText('body')))
    await pages[0].evaluate(() => hangUp())
    assert.equal(await pages[0].evaluate(() => document.body.dataset.ended), 'left')
    await eventually('the other one sees him go', () => pages[1].evaluate(() => document.querySelector('video') === null))
  }
})
