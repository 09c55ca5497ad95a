/**
 * p2p.js: adapter: WebRTC between the pages themselves, each with each.
 *
 * Two pages first say hello.  A hello names a link, one attempt to connect; an
 * attempt that comes to nothing is thrown away and the next one has a higher
 * number, so that what is still on its way for the old one can do no harm.
 * Within a link it is perfect negotiation: the page with the lower peerId is
 * the polite one, and the other one makes the first offer.
 *
 * A connection that is lost restarts ICE once.  If that is of no use either the
 * link is made anew while another peer is still connected, and when nobody is,
 * the call has failed.
 */

import { applyRung } from './ladder.js'

/** A lost connection often comes back by itself; then ICE is restarted. */
const DISCONNECTED_MS = 2000

/** A link that is not connected by then is made anew. */
const LINK_MS = 8000

/** A hello that got no answer is said again. */
const HELLO_MS = 2500

/** Links of this page, each with a number of its own. */
let lastLink = 0

/**
 * @typedef {import('./adapter.js').Adapter} Adapter
 * @typedef {import('./adapter.js').Context} Context
 * @typedef {import('./adapter.js').Call} Call
 */

/**
 * @typedef {object} P2pOptions
 * @property {RTCIceServer[] | (() => RTCIceServer[] | Promise<RTCIceServer[]>)} [iceServers]
 *           STUN and TURN; a function is asked for each call, for credentials that end
 * @property {RTCIceTransportPolicy} [iceTransportPolicy]
 */

/**
 * @param {P2pOptions} [options]
 * @returns {Adapter}
 */
export function p2p(options = {}) {
  return { open: (context) => new P2pCall(context, options) }
}

/** @implements {Call} */
class P2pCall {
  rung = 720

  /** @type {Map<string, Pair>} */
  #pairs = new Map()
  #context
  #options
  /** @type {RTCConfiguration | undefined} */
  #configuration
  #connected = false
  #over = false
  /** @type {(() => void)[]} */
  #unsubscribe = []

  /**
   * @param {Context} context
   * @param {P2pOptions} options
   */
  constructor(context, options) {
    this.#context = context
    this.#options = options
    context.signal.addEventListener('abort', () => this.close())
    this.#open()
  }

  async #open() {
    const { iceServers, iceTransportPolicy } = this.#options
    try {
      const servers = typeof iceServers === 'function' ? await iceServers() : iceServers
      this.#configuration = { iceServers: servers, iceTransportPolicy }
    } catch (error) {
      return this.fail('unreachable', { message: String(error) })
    }
    if (this.#over || this.#context.signal.aborted) return
    const { signalling } = this.#context
    this.#unsubscribe = [
      signalling.receive((data, from) => this.#pairWith(from).receive(data)),
      signalling.peersChanged(() => this.#peersChanged()),
    ]
    this.#peersChanged()
  }

  connections() {
    return [...this.#pairs.values()].flatMap(({ connection }) => (connection ? [connection] : []))
  }

  /** @param {number} rung */
  setRung(rung) {
    this.rung = rung
    for (const pair of this.#pairs.values()) pair.applyRung()
  }

  close() {
    this.#over = true
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    for (const pair of this.#pairs.values()) pair.close()
  }

  pairConnected() {
    if (this.#connected) return
    this.#connected = true
    this.#context.connected()
  }

  /**
   * Is anybody left?  If so the link is made anew.
   *
   * @param {Pair} failed
   */
  pairFailed(failed) {
    const pairs = [...this.#pairs.values()]
    if (pairs.some((pair) => pair.isConnected())) failed.renew()
    else this.fail('ice-failed', { peers: pairs.map(({ peerId }) => peerId) })
  }

  /**
   * @param {import('./adapter.js').FailureReason} reason
   * @param {object} detail
   */
  fail(reason, detail) {
    if (this.#over) return
    this.close()
    this.#context.failed(reason, detail)
  }

  /** @param {string} peerId */
  #pairWith(peerId) {
    let pair = this.#pairs.get(peerId)
    if (!pair) {
      pair = new Pair(this, this.#context, this.#configuration ?? {}, peerId)
      this.#pairs.set(peerId, pair)
    }
    return pair
  }

  /** Somebody whose hello is here before presence tells of him is not gone. */
  #peersChanged() {
    const peers = this.#context.signalling.peers()
    for (const peerId of peers) this.#pairWith(peerId).listed = true
    for (const [peerId, pair] of this.#pairs) {
      if (!pair.listed || peers.includes(peerId)) continue
      pair.close()
      this.#pairs.delete(peerId)
      this.#context.remoteGone(peerId)
    }
  }
}

/** This page and another one. */
class Pair {
  /** @type {RTCPeerConnection | undefined} */
  connection
  listed = false
  peerId

  #call
  #context
  #configuration
  #polite
  #link = 0
  #theirs = 0
  #participantId = ''
  #offering = false
  #sending = false
  #restarted = false
  #closed = false
  /** @type {Promise<void>} what was received is dealt with in turn */
  #work = Promise.resolve()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /**
   * @param {P2pCall} call
   * @param {Context} context
   * @param {RTCConfiguration} configuration
   * @param {string} peerId
   */
  constructor(call, context, configuration, peerId) {
    this.#call = call
    this.#context = context
    this.#configuration = configuration
    this.peerId = peerId
    this.#polite = context.peerId < peerId
    this.renew()
  }

  isConnected() {
    return this.connection?.connectionState === 'connected'
  }

  /** Throws the link away and says hello with the next one. */
  renew() {
    this.#disconnect()
    this.#link = ++lastLink
    this.#theirs = 0
    this.#work = Promise.resolve() // what a closed connection was asked may never end
    this.#hello(false)
    this.#after(HELLO_MS, () => this.#sayAgain())
  }

  applyRung() {
    for (const sender of this.connection?.getSenders() ?? []) applyRung(sender, this.#call.rung)
  }

  close() {
    this.#closed = true
    this.#disconnect()
  }

  /**
   * What it cannot use, like candidates of an offer that was passed over, is as
   * good as nothing.
   *
   * @param {any} data
   */
  receive(data) {
    this.#work = this.#work.then(() => this.#take(data)).catch(() => {})
  }

  #disconnect() {
    clearTimeout(this.#timer)
    if (!this.connection) return
    this.connection.close()
    this.connection = undefined
  }

  /**
   * One timer: what happens unless the link gets further.
   *
   * @param {number} ms
   * @param {() => void} then
   */
  #after(ms, then) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }

  #sayAgain() {
    this.#hello(false)
    this.#after(HELLO_MS, () => this.#sayAgain())
  }

  /** @param {boolean} reply */
  #hello(reply) {
    const { participantId } = this.#context
    this.#context.signalling.send({ hello: true, reply, participantId, link: this.#link }, this.peerId)
  }

  /** @param {object} data */
  #send(data) {
    this.#context.signalling.send({ ...data, link: this.#link, yours: this.#theirs }, this.peerId)
  }

  /** @param {any} data */
  async #take(data) {
    if (this.#closed || !Number.isInteger(data?.link) || data.link < this.#theirs) return
    if (data.hello) {
      this.#participantId = String(data.participantId)
      if (data.link > this.#theirs) this.#connect(data.link)
      if (!data.reply) this.#hello(true)
    } else if (data.yours === this.#link) {
      if (data.link > this.#theirs) this.#connect(data.link)
      if (data.description) await this.#describe(data.description)
      else if (data.candidate) await this.connection?.addIceCandidate(data.candidate)
    }
  }

  /** @param {number} theirs */
  #connect(theirs) {
    this.#disconnect()
    this.#theirs = theirs
    this.#sending = this.#restarted = false
    const connection = this.connection = new RTCPeerConnection(this.#configuration)
    connection.onnegotiationneeded = () => this.#offer(connection)
    connection.onicecandidate = ({ candidate }) => candidate && this.#send({ candidate })
    connection.onconnectionstatechange = () => this.#stateChanged()
    connection.ontrack = ({ streams: [stream] }) =>
      this.#context.remoteStream(this.peerId, this.#participantId, stream)
    if (!this.#polite) this.#addTracks(connection)
    this.#after(LINK_MS, () => this.renew())
  }

  /**
   * The polite one waits for the first offer, so that two do not meet.
   *
   * @param {RTCPeerConnection} connection
   */
  #addTracks(connection) {
    this.#sending = true
    const { media } = this.#context
    for (const track of media.getTracks()) connection.addTrack(track, media)
    if (this.#polite) return
    for (const kind of ['audio', 'video']) {
      if (!media.getTracks().some((track) => track.kind === kind)) {
        connection.addTransceiver(kind, { direction: 'recvonly' })
      }
    }
  }

  /** @param {RTCPeerConnection} connection */
  async #offer(connection) {
    try {
      this.#offering = true
      await connection.setLocalDescription()
      this.#send({ description: connection.localDescription })
    } catch {
      // without an offer the link is made anew
    } finally {
      this.#offering = false
    }
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #describe(description) {
    const { connection } = this
    if (!connection) return
    const collides = description.type === 'offer' &&
      (this.#offering || connection.signalingState !== 'stable')
    if (collides && !this.#polite) return
    await connection.setRemoteDescription(description)
    if (description.type === 'offer') {
      if (!this.#sending) this.#addTracks(connection)
      await connection.setLocalDescription()
      this.#send({ description: connection.localDescription })
    }
    this.applyRung()
  }

  #stateChanged() {
    switch (this.connection?.connectionState) {
      case 'connected':
        clearTimeout(this.#timer)
        this.#restarted = false
        this.#call.pairConnected()
        break
      case 'disconnected':
        this.#after(DISCONNECTED_MS, () => this.#restart())
        break
      case 'failed':
        if (this.#restarted) this.#call.pairFailed(this)
        else this.#restart()
        break
    }
  }

  #restart() {
    this.#restarted = true
    this.connection?.restartIce()
    this.#after(LINK_MS, () => this.#call.pairFailed(this))
  }
}
