/**
 * janus.js: adapter for Janus VideoRoom 1.x, an SFU that anyone can run.
 *
 *     providers: { daily: janus({ url: 'wss://sfu.example/janus' }) }
 *
 * One handle sends what we have, and one for each other page receives what it
 * has.  A room is made when the first one comes.  Who a feed belongs to is in
 * its display: { peer, participant }; feeds without are not ours.
 *
 * The websocket's end is the end of the call, at once.  A websocket that is
 * merely silent is doubted longer while media flows.
 */

import { JanusConnection, JanusError } from './janus_connection.js'
import { JanusHandle } from './janus_handle.js'
import { applyRung } from './ladder.js'

/** @typedef {import('./adapter.js').Context} Context */
/** @typedef {import('./adapter.js').Call} Call */
/** @typedef {import('./adapter.js').FailureReason} FailureReason */
/** @typedef {import('./janus_connection.js').Message} Message */

/** Unanswered keepalives, 2 s each, that make a dead server: without media, and with it. */
const SILENCE = 2
const SILENCE_WITH_MEDIA = 6

/** Errors of VideoRoom. */
const NO_SUCH_ROOM = 426
const ROOM_EXISTS = 427
const NO_SUCH_FEED = 428

/**
 * @typedef {object} JanusOptions
 * @property {string} url                    of the websocket
 * @property {RTCIceServer[]} [iceServers]
 * @property {Record<string, any> | false} [create]  what a missing room is made with; false: the operator makes them
 */

/**
 * @param {JanusOptions} options
 * @returns {import('./adapter.js').Adapter}
 */
export function janus(options) {
  return { open: (context) => new JanusCall(context, options) }
}

/** @implements {Call} */
class JanusCall {
  #context
  #options
  #connection
  #closed = false
  #isConnected = false
  #rung = 720
  /** @type {JanusHandle | undefined} */
  #publisher
  /** @type {Map<string, JanusHandle>} by feed */
  #subscribers = new Map()
  /** @type {Map<string, string>} the feed that a peer has now */
  #feeds = new Map()

  /**
   * @param {Context} context
   * @param {JanusOptions} options
   */
  constructor(context, options) {
    this.#context = context
    this.#options = { create: { publishers: 16, opus_fec: true }, ...options }
    this.#connection = new JanusConnection({
      lost: () => this.#fail('connection-lost'),
      due: () => this.#doubt(),
    })
    if (context.signal.aborted) this.close()
    context.signal.addEventListener('abort', this.close)
    this.#enter().catch((error) => this.#failBy(error))
  }

  connections() {
    return [this.#publisher, ...this.#subscribers.values()].flatMap((handle) => handle?.peerConnection ?? [])
  }

  /** @param {number} rung */
  setRung(rung) {
    this.#rung = rung
    for (const sender of this.#publisher?.peerConnection.getSenders() ?? []) applyRung(sender, rung)
  }

  close = () => {
    if (this.#closed) return
    this.#closed = true
    this.#publisher?.close()
    for (const handle of this.#subscribers.values()) handle.close()
    this.#connection.close()
  }

  // ---------------------------------------------------------------- coming in

  async #enter() {
    if (this.#closed) return
    await this.#connection.open(this.#options.url)
    /** @type {JanusHandle} */
    const handle = this.#publisher = this.#newHandle({
      restart: () => {
        handle.peerConnection.restartIce()
        return handle.offer({ request: 'configure' })
      },
      state: (state) => this.#publisherIs(state),
      hungUp: (reason) => this.#fail('ice-failed', { reason }),
      heard: (data) => this.#heard(data),
    })
    await handle.attach()
    const { publishers } = await this.#join(handle)
    this.#heard({ publishers })
    await this.#publish(handle)
  }

  /**
   * @param {import('./janus_handle.js').HandleEvents} events
   */
  #newHandle(events) {
    if (this.#closed) throw new Error('closed')
    return new JanusHandle(this.#connection, { iceServers: this.#options.iceServers }, events)
  }

  /**
   * @param {JanusHandle} handle
   * @returns {Promise<Message>}
   */
  async #join(handle) {
    const { room, peerId, participantId } = this.#context
    const join = {
      request: 'join', ptype: 'publisher', room,
      display: JSON.stringify({ peer: peerId, participant: participantId }),
    }
    try {
      return await handle.message(join)
    } catch (error) {
      if (codeOf(error) !== NO_SUCH_ROOM || !this.#options.create) throw error
    }
    await handle.message({ request: 'create', room, ...this.#options.create }).catch((error) => {
      if (codeOf(error) !== ROOM_EXISTS) throw error // somebody else came first
    })
    return handle.message(join)
  }

  /** @param {JanusHandle} handle */
  async #publish(handle) {
    const tracks = this.#context.media.getTracks()
    for (const track of tracks) handle.peerConnection.addTransceiver(track, { direction: 'sendonly' })
    if (tracks.length === 0) this.#connected()
    else await handle.offer({ request: 'publish' })
  }

  /** @param {RTCPeerConnectionState} state */
  #publisherIs(state) {
    if (state === 'connected') this.#connected()
    else if (state === 'failed') this.#fail('ice-failed')
    else this.#doubt()
  }

  #connected() {
    if (this.#isConnected) return
    this.#isConnected = true
    this.setRung(this.#rung) // it came too early for the senders
    this.#context.connected()
  }

  // ---------------------------------------------------------------- the others

  /** @param {Message} data */
  #heard({ publishers = [], unpublished, leaving, videoroom }) {
    for (const { id, display } of publishers) {
      const owner = ownerOf(display)
      if (owner) this.#subscribe(id, owner).catch((error) => this.#failBy(error))
    }
    this.#drop(unpublished ?? leaving)
    if (videoroom === 'destroyed') this.#fail('connection-lost', { reason: 'the room is gone' })
  }

  /**
   * @param {string} feed
   * @param {{ peer: string, participant: string }} owner
   */
  async #subscribe(feed, { peer, participant }) {
    if (this.#subscribers.has(feed)) return
    /** @type {JanusHandle} */
    const handle = this.#newHandle({
      restart: () => handle.message({ request: 'configure', restart: true }),
      state: (state) => state === 'failed' && this.#fail('ice-failed', { peer }),
    })
    this.#subscribers.set(feed, handle)
    this.#feeds.set(peer, feed)
    try {
      await handle.attach()
      await handle.message({
        request: 'join', ptype: 'subscriber', room: this.#context.room, streams: [{ feed }], autoupdate: false,
      })
    } catch (error) {
      if (this.#subscribers.get(feed) !== handle) return // it has left meanwhile
      if (codeOf(error) === NO_SUCH_FEED) return this.#drop(feed)
      throw error
    }
    if (this.#subscribers.get(feed) !== handle) return
    const tracks = handle.peerConnection.getReceivers().map(({ track }) => track)
    this.#context.remoteStream(peer, participant, new MediaStream(tracks))
  }

  /** @param {string} feed */
  #drop(feed) {
    const handle = this.#subscribers.get(feed)
    if (!handle) return
    handle.close()
    this.#subscribers.delete(feed)
    for (const [peer, current] of this.#feeds) {
      if (current !== feed) continue // it has come back with another one
      this.#feeds.delete(peer)
      this.#context.remoteGone(peer)
    }
  }

  // ---------------------------------------------------------------- the end

  #doubt() {
    const flows = this.#publisher?.peerConnection.connectionState === 'connected'
    if (this.#connection.unanswered > (flows ? SILENCE_WITH_MEDIA : SILENCE)) this.#fail('connection-lost')
  }

  /** @param {unknown} error */
  #failBy(error) {
    const detail = { message: error instanceof Error ? error.message : String(error), code: codeOf(error) }
    this.#fail(error instanceof JanusError ? 'refused' : 'unreachable', detail)
  }

  /**
   * @param {FailureReason} reason
   * @param {object} [detail]
   */
  #fail(reason, detail) {
    if (this.#closed) return
    this.close()
    this.#context.failed(reason, detail)
  }
}

/** @param {unknown} error */
const codeOf = (error) => error instanceof JanusError ? error.code : undefined

/**
 * Who a feed belongs to; undefined unless it is one of ours.
 *
 * @param {unknown} display
 * @returns {{ peer: string, participant: string } | undefined}
 */
function ownerOf(display) {
  try {
    const { peer, participant } = JSON.parse(String(display))
    return typeof peer === 'string' && typeof participant === 'string' ? { peer, participant } : undefined
  } catch {
    return undefined
  }
}
