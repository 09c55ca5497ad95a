// When a call page joined, was on which epoch, and showed the first frame of
// which picture: noted as it happens, to within a few milliseconds.

import { journal } from './harness.mjs'

export const watchMoves = (page) => page.evaluate(() => {
  let epoch
  let joined = false
  const streams = new Set()
  setInterval(() => {
    if (!globalThis.session) return
    if (!joined) note('joined')
    joined = true
    const { assignment } = session
    if (assignment && assignment.epoch !== epoch) {
      epoch = assignment.epoch
      note('moved', { epoch, provider: assignment.provider })
    }
    for (const video of document.querySelectorAll('#remotes video')) {
      const stream = video.srcObject
      if (!stream || streams.has(stream)) continue
      streams.add(stream)
      const shownIn = session.assignment.epoch
      video.requestVideoFrameCallback(() => note('first-frame', { shownIn }))
    }
  }, 5)
})

// When the page showed the first frame of a picture of this epoch or a later one.
export async function firstFrame(page, epoch = 1) {
  const found = await page.waitForFunction((least) =>
    journal.find(({ what, shownIn }) => what === 'first-frame' && shownIn >= least), epoch, { polling: 50 })
  return (await found.jsonValue()).at
}

export const joinedAt = async (page) => (await journal(page, 'joined'))[0].at
export const movesOf = (page) => journal(page, 'moved')
