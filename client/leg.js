/**
 * leg.js: one assignment being carried by one adapter, and what arrives by it.
 *
 * While a session moves there are two legs: the old one, whose pictures are
 * still shown, and the new one, which connects.
 */

import { FrameCounter } from './frames.js'
import { isSameEpoch } from './order.js'
import { PeerWatch } from './watch.js'

/**
 * @typedef {import('./adapter.js').Adapter} Adapter
 * @typedef {import('./adapter.js').Call} Call
 * @typedef {import('./channel.js').Peer} Peer
 * @typedef {import('./channel.js').SessionChannel} SessionChannel
 * @typedef {import('./watch.js').Expected} Expected
 * @typedef {import('./watch.js').Finding} Finding
 */

/**
 * @typedef {object} Assignment
 * @property {number} generation
 * @property {number} epoch
 * @property {number} [version]
 * @property {string} provider
 * @property {string} room
 */

/**
 * @typedef {object} LegOptions
 * @property {Assignment} assignment
 * @property {Adapter | undefined} adapter
 * @property {SessionChannel} channel
 * @property {{ sessionId: string, participantId: string, peerId: string, media: MediaStream }} who
 * @property {number} rung
 * @property {number} startedAt  from when the time to connect counts
 * @property {(leg: Leg, peerId: string) => void} streamed
 * @property {(leg: Leg, reason: string, detail: object) => void} failed
 */

export class Leg {
  /** The call has failed; nothing more comes of it. */
  over = false
  /** Its failure is being looked into, or it is about to be tried again. */
  judged = false
  /** The database knows of its failure; where the session stays, it is kept as long as it serves anybody. */
  reported = false
  /** @type {Map<string, MediaStream>} */
  streams = new Map()
  /** @type {Map<string, PeerWatch>} */
  watches = new Map()
  /** @type {Set<string>} peers that do not answer: no provider is to blame */
  silent = new Set()
  /** @type {Set<string>} peers that are being asked whether they are there */
  asked = new Set()
  assignment
  startedAt
  rung
  transportStands = false
  /** @type {Map<string, Finding>} how it was with each companion at the last look */
  findings = new Map()

  #channel
  /** @type {Call | undefined} */
  #call
  #frames = new FrameCounter()
  #closing = new AbortController()
  /** @type {Map<string, number>} who has been on this epoch, since when for us; some have gone ahead */
  #met = new Map()
  /** @type {Set<(data: any, from: string) => void>} */
  #receivers = new Set()
  /** @type {Set<() => void>} */
  #peerWatchers = new Set()

  /** @param {LegOptions} options */
  constructor({ assignment, adapter, channel, who, rung, startedAt, streamed, failed }) {
    this.assignment = assignment
    this.startedAt = startedAt
    this.#channel = channel
    this.rung = rung
    const { generation, epoch, room } = assignment
    const alive = () => !this.over && !this.#closing.signal.aborted
    this.#meet(startedAt)
    this.#call = (adapter ?? missingAdapter).open({
      ...who,
      room,
      epoch,
      signal: this.#closing.signal,
      signalling: {
        send: (data, to) => alive() && channel.signal({ generation, epoch }, data, to),
        receive: (callback) => subscribe(this.#receivers, callback),
        peers: () => this.#peers().map(({ peerId }) => peerId),
        peersChanged: (callback) => subscribe(this.#peerWatchers, callback),
      },
      connected: () => {
        this.transportStands = true
      },
      remoteStream: (peerId, _participantId, stream) => {
        if (!alive()) return
        this.streams.set(peerId, stream)
        streamed(this, peerId)
      },
      remoteGone: (peerId) => {
        this.streams.delete(peerId)
      },
      failed: (reason, detail = {}) => {
        this.over = true
        failed(this, reason, detail)
      },
    })
    this.setRung(rung)
  }

  /** Those who are on this epoch, and those who were and have gone ahead. */
  #peers() {
    return [...this.#channel.peers.values()].filter((peer) => this.#met.has(peer.peerId))
  }

  /** @param {number} at */
  #meet(at) {
    for (const peer of this.companions()) {
      if (!this.#met.has(peer.peerId)) this.#met.set(peer.peerId, at)
    }
  }

  /**
   * How long it took until now to connect to a peer.  Whoever was alone counts
   * from when the other one came.
   *
   * @param {string} peerId
   */
  connectMs(peerId) {
    return Math.round(performance.now() - (this.#met.get(peerId) ?? this.startedAt))
  }

  /** The other pages that are on this epoch now. */
  companions() {
    return [...this.#channel.peers.values()].filter((peer) => isSameEpoch(peer, this.assignment))
  }

  peersChanged() {
    this.#meet(this.#channel.synced ? performance.now() : this.startedAt)
    for (const callback of [...this.#peerWatchers]) callback()
  }

  /**
   * @param {any} data
   * @param {string} from
   */
  receive(data, from) {
    if (!this.#met.has(from)) this.#met.set(from, this.startedAt)
    for (const callback of [...this.#receivers]) callback(data, from)
  }

  /** @param {number} rung */
  setRung(rung) {
    this.rung = rung
    if (!this.over) this.#call?.setRung(rung)
  }

  connections() {
    return this.#call?.connections() ?? []
  }

  /** What the adapter itself measures, if it does. */
  metrics() {
    return this.#call?.metrics?.()
  }

  /** @param {Peer} peer @returns {Expected} */
  expects(peer) {
    if (peer.video && this.rung > 0) return 'video'
    return peer.audio ? 'audio' : 'nothing'
  }

  /**
   * How it is with each companion who is there for sure.
   *
   * @returns {Promise<Map<string, Finding>>}
   */
  async look() {
    const arrived = this.over ? new Map() : await this.#frames.count(this.connections(), this.streams)
    const now = performance.now()
    /** @type {Map<string, Finding>} */
    const findings = new Map()
    for (const peer of this.companions()) {
      const watch = this.watches.get(peer.peerId) ?? new PeerWatch(now)
      this.watches.set(peer.peerId, watch)
      if (peer.missingSince !== undefined) watch.restart(now)
      const finding = watch.look(arrived.get(peer.peerId) ?? { frames: 0, sounds: 0, bytes: 0 }, this.expects(peer), now)
      if (this.expects(peer) === 'nothing' && this.transportStands) watch.began = true
      findings.set(peer.peerId, finding)
    }
    this.findings = findings
    return findings
  }

  /** Is all that is to come from everybody coming? */
  isWell() {
    const companions = this.companions()
    return companions.length > 0 && this.isComplete() && !this.over &&
      companions.every(({ peerId }) => this.findings.get(peerId) === 'fine')
  }

  /** Is anybody to be seen, or heard, by it? */
  isOfUse() {
    return [...this.findings.values()].includes('fine')
  }

  /** Frames that our camera has given for it, as far as is known. */
  get captured() {
    return this.#frames.captured
  }

  /** Has what is to come from everybody begun to come? */
  isComplete() {
    return this.companions().every(({ peerId }) => this.watches.get(peerId)?.began)
  }

  /** Whoever was offline is given time. */
  restartWatches() {
    for (const watch of this.watches.values()) watch.restart(performance.now())
  }

  close() {
    this.#closing.abort()
    this.#call?.close()
  }
}

/**
 * @template T
 * @param {Set<T>} set
 * @param {T} callback
 */
function subscribe(set, callback) {
  set.add(callback)
  return () => {
    set.delete(callback)
  }
}

/** An app that lacks an adapter cannot follow: the session has to go where all can. */
/** @type {Adapter} */
const missingAdapter = {
  open(context) {
    context.failed('refused', { message: 'no adapter for this provider' })
    return { connections: () => [], setRung() {}, close() {} }
  },
}
