// An adapter alone in a page, without a session: what it is told and tells.

import { journal, noted } from './harness.mjs'

// Opens the adapter that `make` of client/`file` makes of `options`, or of the
// page's global variable of that name.  What it tells is noted: connected, remote-stream, remote-gone, failed; streams are
// shown under the name of their peer.
export function openAdapter(page, file, make, options, { room, peerId, tracks = { video: true, audio: true }, aborted = false, rung }) {
  return page.evaluate(async ([file, make, options, room, peerId, tracks, aborted, rung]) => {
    const adapter = (await import(`/client/${file}`))[make](typeof options === 'string' ? window[options] : options)
    const media = tracks ? await navigator.mediaDevices.getUserMedia(tracks) : new MediaStream()
    window.aborter = new AbortController()
    if (aborted) aborter.abort()
    window.adapterCall = adapter.open({
      room, peerId, media, sessionId: 'session', epoch: 1, participantId: `person ${peerId}`,
      signalling: { send() {}, receive: () => () => {}, peers: () => [], peersChanged: () => () => {} },
      remoteStream: (peer, participant, stream) => {
        note('remote-stream', { peer, participant, kinds: stream.getTracks().map(({ kind }) => kind).sort() })
        show(peer, stream)
      },
      remoteGone: (peer) => note('remote-gone', { peer }),
      connected: () => note('connected'),
      failed: (reason, detail) => note('failed', { reason, detail }),
      signal: aborter.signal,
    })
    if (rung !== undefined) adapterCall.setRung(rung)
  }, [file, make, options, room, peerId, tracks, aborted, rung])
}

export const closeAdapter = (page) => page.evaluate(() => adapterCall.close())
export const abort = (page) => page.evaluate(() => aborter.abort())
export const failure = (page, within) => noted(page, 'failed', undefined, within)
export const forget = (page) => page.evaluate(() => { journal.length = 0 })

// What it told, without the times.
export const told = async (page, ...kinds) => (await journal(page))
  .filter(({ what }) => kinds.includes(what))
  .map(({ at, ...entry }) => entry)
