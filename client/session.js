/**
 * session.js: one session as seen by one page.
 *
 * Claims, goes where the database says, and reports what came of it.  It knows
 * adapters only as adapter.js describes them, and never chooses a provider
 * itself: without the database's answer it waits, or stays where it is.
 */

import { Blame } from './blame.js'
import { SessionChannel } from './channel.js'
import { randomId, thisDevice } from './device.js'
import { Functions } from './functions.js'
import { Legs } from './legs.js'
import { Looking } from './looking.js'
import { isNewer, isSameEpoch } from './order.js'
import { Others, describe } from './others.js'
import { Outcomes } from './outcomes.js'
import { OwnMedia } from './own_media.js'
import { QualityReports } from './quality_reports.js'
import { participantOf } from './token.js'

/** How long leaving may wait for the database. */
const LEAVE_MS = 10000

/**
 * @typedef {import('./adapter.js').Adapter} Adapter
 * @typedef {import('./channel.js').Peer} Peer
 * @typedef {import('./leg.js').Assignment} Assignment
 * @typedef {import('./leg.js').Leg} Leg
 */

/**
 * @typedef {object} SessionOptions
 * @property {any} supabase            a supabase-js client
 * @property {string} sessionId
 * @property {string} [participantId]  only for who may speak for others; else it is the token's
 * @property {Record<string, Adapter>} providers  an adapter for each name of harthio.provider
 * @property {MediaStream | Promise<MediaStream>} [media]  what to send; nothing if it is refused
 * @property {Record<string, any>} [info]  kept with the participant; `net` and `region` name the scope
 */

/** @typedef {'joining' | 'waiting' | 'connecting' | 'connected' | 'reconnecting' | 'ended'} State */

export class Session extends EventTarget {
  /** @type {State} */
  state = 'joining'
  /** @type {Assignment | undefined} where the session is: for the app's records, not for the eyes of its users */
  assignment
  sessionId
  peerId = randomId()
  participantId = ''
  /** @type {number} lines of the picture that everybody sends at most */
  rung = 720

  #options
  #left = new AbortController()
  #functions
  #media = new OwnMedia((fields) => this.#channel?.present(fields))
  #others = new Others((type, detail) => this.#emit(type, detail))
  #legs = new Legs((leg) => this.#others.areShownBy(leg))
  #outcomes
  /** @type {SessionChannel | undefined} */
  #channel
  /** @type {Blame | undefined} */
  #blame
  /** @type {import('./device.js').Device | undefined} */
  #device
  #orientation = ''
  /** @type {any} the newest state that came before the claim's answer */
  #early
  #wasConnected = false
  #claimedAt = 0
  /** @type {Promise<any> | undefined} */
  #claim

  /** @param {SessionOptions} options */
  constructor(options) {
    super()
    const { supabase, sessionId, participantId } = options
    this.#options = options
    this.sessionId = sessionId
    this.#functions = new Functions(supabase, sessionId, participantId, this.#left.signal)
    this.#outcomes = new Outcomes(this.#functions, this.#legs, this.#left.signal, this.#adopt)
    this.#start()
  }

  // ------------------------------------------------------------------ what apps call

  /** The others who are there. */
  get participants() {
    return [...this.#channel?.peers.values() ?? []].map(describe)
  }

  /**
   * Sends a line of chat to everybody, now or as soon as the network allows.
   *
   * @param {string} text
   */
  sendChat(text) {
    const message = { id: randomId(), text, participantId: this.participantId, at: Date.now() }
    this.#channel?.chat(message)
    this.#emit('chat', { ...message, own: true })
  }

  /** @param {{ audio?: boolean, video?: boolean }} muted */
  setMuted(muted) {
    this.#media.mute(muted)
  }

  /** @param {'portrait' | 'landscape'} orientation */
  setDeviceOrientation(orientation) {
    this.#orientation = orientation
    this.#channel?.present({ orientation })
  }

  /** Leaves, also in the middle of a claim.  Resolves when the database knows. */
  async leave() {
    if (this.#left.signal.aborted) return
    this.#end('left')
    if (!this.#claim) return
    await this.#claim.catch(() => {})
    const { device, incarnation } = this.#device ?? {}
    await this.#functions.call('harthio_leave_session', { device, incarnation }, AbortSignal.timeout(LEAVE_MS))
      .catch(() => {})
  }

  // ------------------------------------------------------------------ joining

  async #start() {
    try {
      this.#device = await thisDevice()
      this.participantId = this.#options.participantId ?? await participantOf(this.#options.supabase)
      if (this.#left.signal.aborted) return
      this.#openChannel(this.#device)
      const media = this.#takeMedia()
      this.#claimedAt = performance.now()
      this.#claim = this.#functions.call('harthio_claim_provider', { info: { ...this.#options.info, ...this.#device } })
      const assignment = await this.#claim
      await media
      this.#adopt(assignment)
      if (this.#early) this.#adopt(this.#early)
      this.#watch()
    } catch (error) {
      this.#end('refused', { error })
    }
  }

  /** @param {import('./device.js').Device} device */
  #openChannel({ device, incarnation }) {
    const channel = this.#channel = new SessionChannel(this.#options.supabase, this.sessionId, {
      peerId: this.peerId, participantId: this.participantId, device, incarnation,
      generation: 0, epoch: 0, audio: false, video: false, frameRate: 0, orientation: this.#orientation,
    }, {
      state: (_event, state) => this.#hear(state),
      peers: () => this.#peersChanged(),
      joined: () => this.#legs.current?.restartWatches(),
      signal: (signal, from) => this.#legs.receive(signal, from),
      chat: ({ id, text, participantId, at }) => this.#emit('chat', { id, text, participantId, at, own: false }),
    })
    this.#blame = new Blame({
      channel, legs: this.#legs, outcomes: this.#outcomes, signal: this.#left.signal,
      adopt: this.#adopt, reopen: () => this.#open(),
    })
    channel.open()
  }

  async #takeMedia() {
    const fault = await this.#media.take(this.#options.media)
    if (fault) this.#outcomes.ownFault(fault)
  }

  // ------------------------------------------------------------------ where the session is

  /** @param {any} state */
  #hear(state) {
    if (state?.sessionId !== this.sessionId || !Number.isFinite(state.epoch)) return
    if (this.assignment) this.#adopt(state)
    else if (isNewer(state, this.#early)) this.#early = state
  }

  /** What is newer counts, what is not is dropped: of states, and of functions' answers. */
  #adopt = (/** @type {any} */ state) => {
    if (this.#left.signal.aborted || !state || !isNewer(state, this.assignment)) return
    const { generation, epoch, version, provider, room, rung, reason } = state
    const moved = !isSameEpoch(state, this.assignment)
    this.assignment = { generation, epoch, version, provider, room }
    if (!provider) return this.#end(reason ?? 'ended')
    if (Number.isFinite(rung)) this.#setRung(rung)
    if (!moved) return
    this.#blame?.forget()
    this.#channel?.present({ generation, epoch })
    this.#open()
    this.#outcomes.reportOwnFault()
  }

  /** @param {number} rung */
  #setRung(rung) {
    if (rung === this.rung) return
    this.rung = rung
    this.#legs.setRung(rung)
    this.#emit('quality', { rung })
  }

  #open() {
    const { sessionId, participantId, peerId, rung } = this
    const assignment = /** @type {Assignment} */ (this.assignment)
    this.#legs.open({
      assignment,
      adapter: this.#options.providers[assignment.provider],
      channel: /** @type {SessionChannel} */ (this.#channel),
      who: { sessionId, participantId, peerId, media: this.#media.stream },
      rung,
      startedAt: this.#legs.current ? performance.now() : this.#claimedAt,
      streamed: (leg, peerId) => leg === this.#legs.current && this.#show(leg, peerId),
      // adapters may fail before open() has returned
      failed: (leg, reason, detail) => queueMicrotask(() => this.#failed(leg, reason, detail)),
    })
    this.#updateState()
  }

  /**
   * The adapter has given up.
   *
   * @param {Leg} leg
   * @param {string} reason
   * @param {object} detail
   */
  #failed(leg, reason, detail) {
    this.#legs.drop(leg)
    this.#updateState()
    this.#blame?.failed(leg, reason, detail)
  }

  // ------------------------------------------------------------------ who is there, and seen

  #peersChanged() {
    this.#others.update(this.#channel?.peers ?? new Map())
    this.#legs.peersChanged()
    const leg = this.#legs.current
    for (const peerId of leg?.streams.keys() ?? []) this.#show(/** @type {Leg} */ (leg), peerId)
    this.#updateState()
  }

  /**
   * @param {Leg} leg
   * @param {string} peerId
   */
  #show(leg, peerId) {
    this.#others.show(leg, this.#channel?.peers.get(peerId))
  }

  #watch() {
    const { signal } = this.#left
    const blame = /** @type {Blame} */ (this.#blame)
    const connected = () => this.state === 'connected' ? this.#legs.current : undefined
    new Looking({
      legs: this.#legs, media: this.#media, blame,
      arrives: (leg, peerId) => this.#arrives(leg, peerId), looked: () => this.#updateState(),
    }).run(signal)
    new QualityReports(this.#functions, connected, (advice) => this.#advised(advice)).run(signal)
  }

  /**
   * @param {Leg} leg
   * @param {string} peerId
   */
  #arrives(leg, peerId) {
    this.#blame?.forget()
    this.#show(leg, peerId)
    this.#outcomes.succeeded(leg, peerId)
  }

  /** @param {any} advice */
  #advised({ score, level, assignment }) {
    if (score !== null) this.#emit('quality', { score, level, rung: this.rung })
    this.#adopt(assignment)
  }

  #updateState() {
    const leg = this.#legs.current
    if (this.#left.signal.aborted || !leg) return
    /** @type {State} */
    let state = this.#wasConnected ? 'reconnecting' : 'connecting'
    if (this.#channel?.peers.size === 0) state = 'waiting'
    else if (leg.isWell()) state = 'connected'
    if (state === 'waiting') this.#wasConnected = false
    if (state === 'connected') this.#wasConnected = true
    this.#setState(state)
  }

  /** @param {State} state */
  #setState(state) {
    if (state === this.state) return
    this.state = state
    this.#emit('state', { state, epoch: this.assignment?.epoch })
  }

  // ------------------------------------------------------------------ the end

  /**
   * @param {string} reason
   * @param {object} [detail]
   */
  #end(reason, detail = {}) {
    if (this.#left.signal.aborted) return
    this.#left.abort(new DOMException(`the session has ended: ${reason}`, 'AbortError'))
    this.#legs.close()
    this.#channel?.close()
    this.#setState('ended')
    this.#emit('ended', { reason, ...detail })
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
