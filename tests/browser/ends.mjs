// Ends of peer-to-peer calls in one page, and the wire between them: what is
// said goes over it at once, unless it is held, and in order.

import { atEnd } from './ending.mjs'
import { openPage } from './harness.mjs'

// In the page, before its own scripts.
function instruments() {
  const ends = new Map()
  const held = []

  // What was said, by whom to whom; those that `holds` chooses wait for letThrough().
  window.said = []
  window.holds = () => false
  const deliver = ({ from, to, data }) => ends.get(to)?.receivers.forEach((receive) => receive(data, from))
  const say = (from, to, data) => {
    const message = { from, to, data: JSON.parse(JSON.stringify(data)) }
    said.push(message)
    if (holds(message)) held.push(message)
    else queueMicrotask(() => deliver(message))
  }
  window.letThrough = () => {
    holds = () => false
    held.splice(0).forEach(deliver)
  }
  window.forgetHeld = () => { held.length = 0 }

  const presenceChanges = (of) =>
    ends.forEach((end) => end !== of && end.watchers.forEach((watch) => watch()))

  // Opens an end with these tracks; `unlisted`: presence does not tell of it yet.
  window.openEnd = async (peerId, { tracks = { audio: true, video: true }, unlisted = false, aborted = false, rung, ...options } = {}) => {
    const { p2p } = await import('/client/p2p.js')
    const media = tracks ? await navigator.mediaDevices.getUserMedia(tracks) : new MediaStream()
    const aborter = new AbortController()
    if (aborted) aborter.abort()
    const end = { told: [], streams: {}, receivers: new Set(), watchers: new Set(), unlisted, media, aborter }
    ends.set(peerId, end)
    const subscribe = (set, callback) => {
      set.add(callback)
      return () => set.delete(callback)
    }
    end.call = p2p(options).open({
      room: 'room', sessionId: 'session', epoch: 1, peerId, participantId: `person ${peerId}`, media,
      signalling: {
        send: (data, to) => say(peerId, to, data),
        receive: (callback) => subscribe(end.receivers, callback),
        peers: () => [...ends].filter(([id, other]) => id !== peerId && !other.unlisted).map(([id]) => id),
        peersChanged: (callback) => subscribe(end.watchers, callback),
      },
      remoteStream: (peer, participant, stream) => {
        end.streams[peer] = { participant, stream }
        show(`${peer} at ${peerId}`, stream)
      },
      remoteGone: (peer) => end.told.push({ gone: peer }),
      connected: () => end.told.push('connected'),
      failed: (reason, detail) => end.told.push({ reason, detail }),
      signal: aborter.signal,
    })
    if (rung !== undefined) end.call.setRung(rung)
    presenceChanges(end)
    return end
  }
  window.endOf = (peerId) => ends.get(peerId)
  window.listed = (peerId) => {
    ends.get(peerId).unlisted = false
    presenceChanges()
  }
  // Presence tells that it is gone.
  window.endGone = (peerId) => {
    ends.get(peerId).call.close()
    ends.delete(peerId)
    presenceChanges()
  }
  window.closeEnds = () => {
    ends.forEach(({ call }) => call.close())
    ends.clear()
    said.length = held.length = 0
    holds = () => false
    document.body.replaceChildren()
  }

  window.connectionOf = (peerId, i = 0) => ends.get(peerId).call.connections()[i]
  window.statesOf = (peerId) => ends.get(peerId).call.connections().map(({ connectionState }) => connectionState)
  window.ufragOf = (peerId) => /ice-ufrag:(.*)/.exec(connectionOf(peerId).localDescription.sdp)[1]
  // A connection says that its state is another one, for good or for a moment.
  window.pretend = (connection, state) => {
    Object.defineProperty(connection, 'connectionState', { value: state, configurable: true })
    connection.dispatchEvent(new Event('connectionstatechange'))
  }
  window.flicker = (connection, state) => {
    pretend(connection, state)
    delete connection.connectionState
  }
}

// A page for ends, in which time stands still unless a test lets it pass.
export async function openEnds(files) {
  const page = await openPage('about:blank')
  await page.clock.install()
  await page.addInitScript(instruments)
  await page.goto(`${files.url}/tests/browser/page.html`)
  await page.clock.pauseAt(Date.now() + 60000)
  atEnd(() => page.context().close())
  return page
}
