/**
 * session.js: one session as seen by one page.
 *
 * Claims, goes where the database says, and reports what came of it.  It knows
 * adapters only as adapter.js describes them, and never chooses a provider
 * itself: without the database's answer it waits, or stays where it is.
 *
 * What is somebody's network's fault is no provider's fault.  So before a
 * failure is reported this page must be online and, where a peer's picture is
 * missing, that peer must answer on the channel.
 */

import { SessionChannel } from './channel.js'
import { randomId, thisDevice } from './device.js'
import { FRAME_RATES } from './ladder.js'
import { Leg } from './leg.js'
import { isNewer, isSameEpoch } from './order.js'
import { QualityMeter, statsOf } from './quality.js'
import { FunctionError, call, callOnce, isTransient, pause } from './rpc.js'

/** How often pictures are looked at: while one is awaited, and otherwise. */
const LOOK_SOON_MS = 100
const LOOK_MS = 500

/** A camera that gives no frame for so long is as good as off. */
const CAMERA_MS = 2000

const QUALITY_MS = 5000

/** The old pictures go a moment after the new ones have come: the others may be a little later. */
const LINGER_MS = 1000

/** ... and at the latest then. */
const OLD_LEG_MS = 20000

const REOPEN_MS = [0, 500, 1000, 2000, 4000, 8000]
const OFFLINE_LOOK_MS = 500

/**
 * @typedef {import('./adapter.js').Adapter} Adapter
 * @typedef {import('./channel.js').Peer} Peer
 * @typedef {import('./leg.js').Assignment} Assignment
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
  #supabase
  #left = new AbortController()
  /** @type {MediaStream} */
  #media = new MediaStream()
  /** @type {SessionChannel | undefined} */
  #channel
  /** @type {import('./device.js').Device | undefined} */
  #device
  #orientation = ''
  #muted = { audio: false, video: false }
  /** What our camera has given so far, and since when it gives nothing. */
  #camera = { frames: -1, at: 0, still: false }
  /** How much it gives: less than it promises in the dark, or on a busy machine. */
  #rate = { frames: 0, at: 0, perSecond: 0 }

  /** @type {any} the newest state that came before the claim's answer */
  #early
  /** @type {Leg | undefined} */
  #leg
  /** @type {Leg | undefined} its pictures are still shown */
  #oldLeg
  #attempts = 0
  /** @type {Map<string, { leg: Leg, stream: MediaStream }>} */
  #shown = new Map()
  /** @type {Map<string, string>} what was told of whom */
  #told = new Map()
  /** @type {Set<string>} epochs whose success was reported */
  #succeeded = new Set()
  #wasConnected = false
  #unloading = false
  #claimedAt = 0
  #meter = new QualityMeter()
  /** @type {Promise<void>} */
  #started

  /** @param {SessionOptions} options */
  constructor(options) {
    super()
    this.#options = options
    this.#supabase = options.supabase
    this.sessionId = options.sessionId
    globalThis.addEventListener?.('pagehide', this.#hidden)
    globalThis.addEventListener?.('pageshow', this.#shownAgain)
    this.#started = this.#start()
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
    Object.assign(this.#muted, muted)
    this.#presentMedia()
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
    await this.#started
    if (this.#claimedAt === 0) return
    const { device, incarnation } = this.#device ?? {}
    await call(this.#supabase, 'harthio_leave_session',
      { ...this.#caller(), device, incarnation }, AbortSignal.timeout(10000)).catch(() => {})
  }

  // ------------------------------------------------------------------ joining

  async #start() {
    try {
      this.#device = await thisDevice()
      this.participantId = this.#options.participantId ?? await participantOf(this.#supabase)
      if (this.#left.signal.aborted) return
      this.#openChannel()
      const media = this.#takeMedia()
      this.#claimedAt = performance.now()
      const assignment = await this.#call('harthio_claim_provider',
        { info: { ...this.#options.info, ...this.#device } })
      await media
      if (this.#left.signal.aborted) return
      this.#adopt(assignment)
      if (this.#early) this.#adopt(this.#early)
      this.#run()
    } catch (error) {
      if (!this.#left.signal.aborted) this.#end('refused', { error })
    }
  }

  #openChannel() {
    const { device, incarnation } = /** @type {import('./device.js').Device} */ (this.#device)
    this.#channel = new SessionChannel(this.#supabase, this.sessionId, {
      peerId: this.peerId, participantId: this.participantId, device, incarnation,
      generation: 0, epoch: 0, audio: false, video: false, frameRate: 0, orientation: this.#orientation,
    }, {
      state: (_event, state) => this.#hear(state),
      peers: () => this.#peersChanged(),
      joined: (joined) => joined && this.#leg?.restartWatches(),
      signal: (signal, from) => this.#route(signal, from),
      chat: ({ id, text, participantId, at }) => this.#emit('chat', { id, text, participantId, at, own: false }),
    })
    this.#channel.open()
  }

  /** A camera that was refused is the client's own fault, and no reason not to join. */
  async #takeMedia() {
    try {
      this.#media = await this.#options.media ?? new MediaStream()
    } catch (error) {
      const denied = error instanceof DOMException && error.name === 'NotAllowedError'
      this.#ownFault = denied ? 'permission_denied' : 'no_device'
    }
    this.#presentMedia()
  }

  /** @type {string | undefined} to be reported when there is an epoch to report it for */
  #ownFault

  #presentMedia() {
    const { audio, video } = this.#muted
    const sends = (/** @type {MediaStreamTrack} */ track) => track.enabled && track.readyState === 'live'
    for (const track of this.#media.getAudioTracks()) track.enabled = !audio
    for (const track of this.#media.getVideoTracks()) track.enabled = !video
    this.#channel?.present({
      audio: this.#media.getAudioTracks().some(sends),
      video: this.#media.getVideoTracks().some(sends) && !this.#camera.still,
      frameRate: this.#rate.perSecond,
    })
  }

  /**
   * Frames that were never made are missed by the others and no provider lost
   * them: a page in the background may stop to draw, a camera may be taken away.
   *
   * @param {number | undefined} frames
   */
  #watchCamera(frames) {
    if (frames === undefined) return
    const now = performance.now()
    if (frames !== this.#camera.frames) Object.assign(this.#camera, { frames, at: now })
    const still = now - this.#camera.at > CAMERA_MS
    const changed = this.#measureCamera(frames, now) || still !== this.#camera.still
    this.#camera.still = still
    if (changed) this.#presentMedia()
  }

  /**
   * Has the rate changed enough to be told?
   *
   * @param {number} frames
   * @param {number} now
   */
  #measureCamera(frames, now) {
    const before = this.#rate
    if (frames >= before.frames && now - before.at < QUALITY_MS) return false
    const perSecond = Math.round((1000 * (frames - before.frames)) / (now - before.at))
    const changed = before.at > 0 && frames > before.frames && Math.abs(perSecond - before.perSecond) > 1
    this.#rate = { frames, at: now, perSecond: changed ? perSecond : before.perSecond }
    return changed
  }

  // ------------------------------------------------------------------ where the session is

  /** @param {any} state */
  #hear(state) {
    if (state?.sessionId !== this.sessionId || !Number.isFinite(state.epoch)) return
    if (this.assignment) this.#adopt(state)
    else if (isNewer(state, this.#early)) this.#early = state
  }

  /**
   * What is newer counts, what is not is dropped.
   *
   * @param {any} state  a state, or a function's answer
   */
  #adopt(state) {
    if (this.#left.signal.aborted || !state || !isNewer(state, this.assignment)) return
    const { generation, epoch, version, provider, room, rung, reason } = state
    const moved = !isSameEpoch(state, this.assignment)
    this.assignment = { generation, epoch, version, provider, room }
    if (!provider) return this.#end(reason ?? 'ended')
    if (Number.isFinite(rung)) this.#setRung(rung)
    if (!moved) return
    this.#attempts = 0
    this.#channel?.present({ generation, epoch })
    this.#open()
    this.#reportOwnFault()
  }

  /** @param {number} rung */
  #setRung(rung) {
    if (rung === this.rung) return
    this.rung = rung
    this.#leg?.setRung(rung)
    this.#oldLeg?.setRung(rung)
    this.#emit('quality', { rung })
  }

  #open() {
    const assignment = /** @type {Assignment} */ (this.assignment)
    this.#setAside()
    const adapter = this.#options.providers[assignment.provider]
    const startedAt = this.#leg ? performance.now() : this.#claimedAt
    const leg = this.#leg = new Leg({
      assignment,
      adapter: adapter ?? missingAdapter,
      channel: /** @type {SessionChannel} */ (this.#channel),
      who: {
        sessionId: this.sessionId, participantId: this.participantId,
        peerId: this.peerId, media: this.#media,
      },
      rung: this.rung,
      startedAt,
      streamed: (peerId) => this.#leg === leg && this.#show(peerId),
      // adapters may fail before open() has returned
      failed: (reason, detail) => queueMicrotask(() => this.#failed(leg, reason, detail)),
    })
    this.#updateState()
  }

  /** The leg whose pictures are shown is kept until the new one has some. */
  #setAside() {
    const leg = this.#leg
    if (!leg) return
    const isShown = [...this.#shown.values()].some((shown) => shown.leg === leg)
    if (!isShown || leg.over) return leg.close()
    this.#oldLeg?.close()
    this.#oldLeg = leg
    setTimeout(() => this.#dropOldLeg(leg), OLD_LEG_MS)
  }

  /** @param {Leg} leg */
  #dropOldLeg(leg) {
    leg.close()
    if (this.#oldLeg === leg) this.#oldLeg = undefined
  }

  /**
   * @param {any} signal
   * @param {string} from
   */
  #route(signal, from) {
    for (const leg of [this.#leg, this.#oldLeg]) {
      if (leg && typeof from === 'string' && isSameEpoch(signal, leg.assignment)) leg.receive(signal.data, from)
    }
  }

  // ------------------------------------------------------------------ who is there

  #peersChanged() {
    const peers = this.#channel?.peers ?? new Map()
    for (const [peerId, description] of this.#told) {
      if (peers.has(peerId)) continue
      this.#told.delete(peerId)
      this.#shown.delete(peerId)
      this.#emit('participant', { change: 'left', ...JSON.parse(description) })
    }
    for (const peer of peers.values()) {
      const description = JSON.stringify(describe(peer))
      const before = this.#told.get(peer.peerId)
      if (before === description) continue
      this.#told.set(peer.peerId, description)
      this.#emit('participant', { change: before ? 'changed' : 'joined', ...describe(peer) })
    }
    this.#leg?.peersChanged()
    this.#oldLeg?.peersChanged()
    for (const peerId of this.#leg?.streams.keys() ?? []) this.#show(peerId)
    this.#updateState()
  }

  /**
   * The first picture of a peer is shown as soon as it can be, a later one when
   * it has a frame: until then the old one stays.
   *
   * @param {string} peerId
   */
  #show(peerId) {
    const leg = /** @type {Leg} */ (this.#leg)
    const peer = this.#channel?.peers.get(peerId)
    const stream = leg.streams.get(peerId)
    const shown = this.#shown.get(peerId)
    if (!peer || !stream || shown?.stream === stream) return
    if (shown && shown.leg !== leg && !leg.watches.get(peerId)?.began) return
    this.#shown.set(peerId, { leg, stream })
    this.#emit('remote-stream', { peerId, participantId: peer.participantId, stream })
  }

  // ------------------------------------------------------------------ looking

  async #run() {
    const { signal } = this.#left
    this.#reportQuality()
    while (!signal.aborted) {
      const leg = this.#leg
      if (leg) await this.#look(leg).catch((error) => console.error(error))
      await pause(this.#leg?.isComplete() ? LOOK_MS : LOOK_SOON_MS, signal)
    }
  }

  /** @param {Leg} leg */
  async #look(leg) {
    const began = new Set([...leg.watches].filter(([, watch]) => watch.began).map(([peerId]) => peerId))
    const findings = await leg.look()
    if (leg !== this.#leg) return
    this.#watchCamera(leg.captured)
    for (const [peerId, finding] of findings) {
      if (leg.watches.get(peerId)?.began && !began.has(peerId)) this.#began(leg, peerId)
      if (finding === 'late' || finding === 'stalled') this.#suspect(leg, peerId, finding)
      else if (finding === 'fine') leg.silent.delete(peerId)
    }
    this.#retireOldLeg(leg)
    this.#updateState(findings)
  }

  /**
   * @param {Leg} leg
   * @param {string} peerId
   */
  #began(leg, peerId) {
    this.#attempts = 0
    this.#show(peerId)
    const { generation, epoch } = leg.assignment
    const key = `${generation} ${epoch}`
    if (this.#succeeded.has(key)) return
    this.#succeeded.add(key)
    this.#report(leg, { success: true, connect_ms: leg.connectMs(peerId) })
      .then((answer) => this.#adopt(answer), () => {})
  }

  /** @param {Leg} leg */
  #retireOldLeg(leg) {
    const old = this.#oldLeg
    if (!old || !leg.isComplete() || leg.companions().length === 0) return
    this.#oldLeg = undefined
    setTimeout(() => this.#dropOldLeg(old), LINGER_MS)
  }

  /** @param {Map<string, import('./watch.js').Finding>} [findings] */
  #updateState(findings = this.#leg?.findings) {
    if (this.#left.signal.aborted || !this.#leg) return
    const there = this.#channel?.peers.size ?? 0
    const companions = this.#leg.companions()
    const complete = companions.length > 0 && this.#leg.isComplete() && !this.#leg.over &&
      companions.every(({ peerId }) => (findings?.get(peerId) ?? 'fine') === 'fine')
    /** @type {State} */
    let state = this.#wasConnected ? 'reconnecting' : 'connecting'
    if (there === 0) state = 'waiting'
    else if (complete) state = 'connected'
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

  // ------------------------------------------------------------------ failures

  /**
   * A picture is missing.  If its sender does not answer either it is his
   * network, or ours, and he gets time when he is back.
   *
   * @param {Leg} leg
   * @param {string} peerId
   * @param {'late' | 'stalled'} finding
   */
  async #suspect(leg, peerId, finding) {
    if (leg.judged || leg.asked.has(peerId)) return
    leg.asked.add(peerId)
    const answered = isOnline() && await this.#channel?.answers(peerId)
    leg.asked.delete(peerId)
    if (!answered) {
      leg.silent.add(peerId)
    } else if (leg.silent.delete(peerId)) {
      leg.watches.get(peerId)?.restart(performance.now())
    } else {
      await this.#blame(leg, finding === 'late' ? 'connect_timeout' : 'no_frames', {})
    }
  }

  /**
   * The adapter has given up.
   *
   * @param {Leg} leg
   * @param {string} reason
   * @param {any} detail
   */
  async #failed(leg, reason, detail) {
    if (leg === this.#oldLeg) return this.#dropOldLeg(leg)
    if (leg !== this.#leg || this.#unloading || leg.judged) return
    this.#updateState()
    if (reason === 'ice-failed') {
      const asked = leg.companions().map(({ peerId }) => this.#channel?.answers(peerId))
      const answers = isOnline() ? await Promise.all(asked) : []
      if (!answers.includes(true)) return this.#reopen(leg)
    }
    await this.#blame(leg, reason, detail)
  }

  /**
   * The provider has failed, unless it is we who are offline.
   *
   * @param {Leg} leg
   * @param {string} reason
   * @param {object} detail
   */
  async #blame(leg, reason, detail) {
    if (leg.judged || leg !== this.#leg || this.#unloading) return
    leg.judged = true
    const answer = this.#isConnected() ? await this.#reportFailure(leg, { ...detail, reason }) : undefined
    if (answer) this.#adopt(answer)
    else await this.#comeBack(leg)
    // nowhere else to go, or no majority: try again, but for the sake of whom it serves
    if (leg === this.#leg && (leg.over || (answer && !leg.isOfUse()))) this.#reopen(leg)
  }

  /**
   * Undefined if the database was not reached because we are offline.  While
   * the database itself is away there is nowhere to go, so it is asked again.
   *
   * @param {Leg} leg
   * @param {object} detail
   */
  async #reportFailure(leg, detail) {
    for (let delay = 250; leg === this.#leg; delay = Math.min(2 * delay, 5000)) {
      const answer = await callOnce(this.#supabase, 'harthio_report_outcome',
        { ...this.#caller(), epoch: leg.assignment.epoch, success: false, detail })
      if (!answer.error) return answer.data
      if (answer.status === 0) return undefined
      if (!isTransient(answer)) return {}
      await pause(delay, this.#left.signal)
      if (this.#left.signal.aborted) return {}
    }
    return {}
  }

  /** Waits until we are online again, and says whose fault it was. */
  /** @param {Leg} leg */
  async #comeBack(leg) {
    const { signal } = this.#left
    this.#ownFault = 'client_offline'
    do await pause(OFFLINE_LOOK_MS, signal)
    while (!signal.aborted && leg === this.#leg && !this.#isConnected())
    leg.judged = false
    leg.restartWatches()
    this.#reportOwnFault()
  }

  #isConnected() {
    return isOnline() && this.#channel?.joined === true
  }

  /**
   * The same assignment anew, later each time.
   *
   * @param {Leg} leg
   */
  async #reopen(leg) {
    leg.judged = true
    leg.over = true
    const delay = REOPEN_MS[Math.min(this.#attempts++, REOPEN_MS.length - 1)]
    await pause(delay * (0.5 + Math.random() / 2), this.#left.signal)
    if (leg === this.#leg && !this.#left.signal.aborted) this.#open()
  }

  // ------------------------------------------------------------------ reports

  #caller() {
    const { participantId } = this.#options
    return { session_id: this.sessionId, ...(participantId && { participant_id: participantId }) }
  }

  /**
   * @param {string} name
   * @param {object} args
   */
  #call(name, args) {
    return call(this.#supabase, name, { ...this.#caller(), ...args }, this.#left.signal)
  }

  /**
   * @param {Leg} leg
   * @param {object} outcome
   */
  #report(leg, outcome) {
    return this.#call('harthio_report_outcome', { epoch: leg.assignment.epoch, ...outcome })
  }

  #reportOwnFault() {
    const reason = this.#ownFault
    if (!reason || !this.#leg) return
    this.#ownFault = undefined
    this.#report(this.#leg, { success: false, detail: { reason } }).then((answer) => this.#adopt(answer), () => {})
  }

  async #reportQuality() {
    const { signal } = this.#left
    while (!signal.aborted) {
      await pause(QUALITY_MS, signal)
      const leg = this.#leg
      const metrics = leg && !signal.aborted && await this.#measure(leg)
      if (!metrics) continue
      const { data } = await callOnce(this.#supabase, 'harthio_report_quality',
        { ...this.#caller(), epoch: leg.assignment.epoch, metrics })
      if (!data || signal.aborted) continue
      const { score, level } = data
      if (score !== null) this.#emit('quality', { score, level, rung: this.rung })
      this.#adopt(data.assignment)
    }
  }

  /** @param {Leg} leg */
  async #measure(leg) {
    const companions = leg.companions()
    if (companions.length === 0 || this.state !== 'connected') return undefined
    const measured = await (leg.metrics() ??
      statsOf(leg.connections()).then((stats) => this.#meter.measure(stats, { expectedFps: this.#expectedFps(companions) })))
    if (!measured) return undefined
    return { ...measured, muted: companions.every((peer) => leg.expects(peer) === 'nothing') }
  }

  /**
   * The slowest camera of those whose picture is to come, at most what the rung allows.
   *
   * @param {Peer[]} companions
   */
  #expectedFps(companions) {
    const rates = companions.filter(({ video }) => video).map(({ frameRate }) => frameRate)
    if (rates.length === 0 || rates.includes(0) || !FRAME_RATES[this.rung]) return undefined
    return Math.min(FRAME_RATES[this.rung], ...rates)
  }

  // ------------------------------------------------------------------ the end

  /**
   * @param {string} reason
   * @param {object} [detail]
   */
  #end(reason, detail = {}) {
    if (this.#left.signal.aborted) return
    this.#left.abort(new DOMException(`the session has ended: ${reason}`, 'AbortError'))
    globalThis.removeEventListener?.('pagehide', this.#hidden)
    globalThis.removeEventListener?.('pageshow', this.#shownAgain)
    this.#leg?.close()
    this.#oldLeg?.close()
    this.#channel?.close()
    this.#setState('ended')
    this.#emit('ended', { reason, ...detail })
  }

  /** Everything breaks when a page goes: nobody is to blame, and a lease covers a reload. */
  #hidden = () => {
    this.#unloading = true
  }

  #shownAgain = () => {
    this.#unloading = false
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

/** @param {Peer} peer */
function describe({ peerId, participantId, audio, video, orientation, missingSince }) {
  return { peerId, participantId, audio, video, orientation, there: missingSince === undefined }
}

const isOnline = () => globalThis.navigator?.onLine !== false

/** An app that lacks an adapter cannot follow: the session has to go where all can. */
/** @type {Adapter} */
const missingAdapter = {
  open(context) {
    context.failed('refused', { message: 'no adapter for this provider' })
    return { connections: () => [], setRung() {}, close() {} }
  },
}

/**
 * Who the token says we are.
 *
 * @param {any} supabase
 */
async function participantOf(supabase) {
  await supabase.realtime.setAuth()
  const token = supabase.realtime.accessTokenValue ?? ''
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0))
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub)
  } catch {
    throw new FunctionError({ message: 'the token names nobody: sign in first', code: '42501' })
  }
}
