/**
 * harthio.js: the browser's side of Harthio.
 *
 *     import { joinSession, p2p } from './harthio.js'
 *
 *     const session = joinSession({ supabase, sessionId, providers: { p2p: p2p() }, media })
 *     session.addEventListener('remote-stream', ({ detail }) => { video.srcObject = detail.stream })
 *
 * Events, with what is in their `detail`:
 *
 *     state          { state, epoch }      joining, waiting (nobody else is there), connecting,
 *                                          connected, reconnecting, ended
 *     remote-stream  { peerId, participantId, stream }   show this, instead of what was shown for the peer
 *     participant    { change, peerId, participantId, audio, video, orientation, there }
 *                                          joined, changed, left
 *     quality        { score, level, rung }  a change of the rung alone has only `rung`
 *     chat           { id, text, participantId, at, own }
 *     ended          { reason, error }     left, refused, ended, expired
 */

import { Session } from './session.js'

/**
 * Joins at once; the session says by events how it goes.
 *
 * @param {import('./session.js').SessionOptions} options
 */
export function joinSession(options) {
  return new Session(options)
}

export { Session }
export { p2p } from './p2p.js'
