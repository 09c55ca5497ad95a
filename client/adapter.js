/**
 * adapter.js: what a provider's adapter is.  Types and nothing else.
 *
 * An adapter carries the pictures and sounds of one assignment; everything else
 * (who is in the session, when it moves, what is reported) is session.js's.
 * Connect deadline, first frame, outcome reports and make-before-break are not
 * an adapter's business.
 *
 * A name of harthio.provider is the key in `providers` of joinSession():
 *
 *     providers: { p2p: p2p({ iceServers }), daily: janus({ url }) }
 */

/**
 * A provider's way of carrying a call.  open() never throws: problems go to
 * context.failed().
 *
 * @typedef {object} Adapter
 * @property {(context: Context) => Call} open  connect at once
 */

/**
 * What an adapter is given: one assignment, which never changes.
 *
 * @typedef {object} Context
 * @property {string} room           where to go on that provider
 * @property {string} sessionId
 * @property {number} epoch
 * @property {string} participantId  who we are
 * @property {string} peerId         this page load; what the others know it by
 * @property {MediaStream} media     to send; muted by track.enabled
 * @property {Signalling} signalling
 * @property {(peerId: string, participantId: string, stream: MediaStream) => void} remoteStream
 *           may be called again for the same peer, with another stream
 * @property {(peerId: string) => void} remoteGone
 * @property {() => void} connected  the transport stands, with one peer at least or with the SFU
 * @property {(reason: FailureReason, detail?: object) => void} failed  once; the Call is over
 * @property {AbortSignal} signal    close
 */

/** @typedef {'ice-failed' | 'connection-lost' | 'refused' | 'unreachable'} FailureReason */

/**
 * Messages between the pages that are on this session's epoch, and no others.
 * A message can be lost when a page has lost the notifier.
 *
 * @typedef {object} Signalling
 * @property {(data: any, toPeerId?: string) => void} send  to one peer, or to all
 * @property {(callback: (data: any, fromPeerId: string) => void) => () => void} receive  returns unsubscribe
 * @property {() => string[]} peers  the other pages
 * @property {(callback: () => void) => () => void} peersChanged  returns unsubscribe
 */

/**
 * One assignment being carried.
 *
 * @typedef {object} Call
 * @property {() => RTCPeerConnection[]} connections  whose getStats() tell the quality; [] if the provider hides them
 * @property {() => Promise<Record<string, number | boolean>>} [metrics]
 *           instead: metrics in the form of harthio_report_quality
 * @property {(rung: number) => void} setRung  720, 480, 360, 240, or 0: audio only
 * @property {() => void} close  idempotent; frees everything
 */

export {}
