/**
 * daily.js: adapter for Daily, by a call object of @daily-co/daily-js that the
 * app makes and passes in.
 *
 *     providers: { daily: daily({ callObject: Daily.createCallObject() }) }
 *
 * A call object is in one meeting at a time: a call waits until the one before
 * it has left.  Daily reconnects by itself; an interruption is a failure only
 * when it lasts.  Who a participant is, is in its userData: { peer,
 * participant }; those without are not ours.
 */

import { encodingFor } from './ladder.js'

/** @typedef {import('@daily-co/daily-js').DailyCall} CallObject */
/** @typedef {import('@daily-co/daily-js').DailyParticipant} DailyParticipant */
/** @typedef {import('@daily-co/daily-js').DailyEvent} DailyEvent */
/** @typedef {import('./adapter.js').Context} Context */
/** @typedef {import('./adapter.js').Call} Call */
/** @typedef {import('./adapter.js').FailureReason} FailureReason */

/** Daily has come back by then, or it does not. */
const INTERRUPTED_MS = 10000

/** What Daily takes. */
const MOST_SCALING = 8

/**
 * @typedef {object} DailyOptions
 * @property {CallObject} callObject
 * @property {(room: string) => string | Promise<string>} [token]  of a private room
 */

/**
 * @param {DailyOptions} options
 * @returns {import('./adapter.js').Adapter}
 */
export function daily(options) {
  let free = Promise.resolve()
  return {
    open(context) {
      const call = new DailyCall(context, options, free)
      free = call.ended
      return call
    },
  }
}

/** @implements {Call} */
class DailyCall {
  #context
  #object
  #token
  #joined = false
  #over = false
  #rung = 720
  /** @type {Map<string, { peer: string, tracks: string }>} by Daily's id of the participant */
  #others = new Map()
  /** @type {Map<string, ReturnType<typeof setTimeout>>} by the kind of connection that is interrupted */
  #interruptions = new Map()
  /** @type {() => void} */
  #end = () => {}

  /** Resolves when the call object has left. */
  ended

  /**
   * @param {Context} context
   * @param {DailyOptions} options
   * @param {Promise<void>} free  when the call object is
   */
  constructor(context, { callObject, token }, free) {
    this.#context = context
    this.#object = callObject
    this.#token = token
    const over = new Promise((resolve) => {
      this.#end = () => resolve(undefined)
    })
    if (context.signal.aborted) this.close()
    context.signal.addEventListener('abort', this.close)
    this.ended = free.then(() => this.#carry(over))
  }

  /** Daily hides them. */
  connections() {
    return []
  }

  /** Of what Daily has measured in the last two seconds. */
  async metrics() {
    const { latest } = (await this.#object.getNetworkStats()).stats
    const times = (/** @type {number} */ factor, /** @type {number | null | undefined} */ value) =>
      typeof value === 'number' ? { value: value * factor } : undefined
    const metrics = {
      rtt_ms: times(1000, latest?.networkRoundTripTime),
      jitter_ms: times(1000, latest?.audioRecvJitter),
      loss: times(100, latest?.audioRecvPacketLoss),
      video_loss: times(100, latest?.videoRecvPacketLoss),
      available_kbps: times(0.001, latest?.availableOutgoingBitrate),
    }
    return Object.fromEntries(Object.entries(metrics)
      .flatMap(([name, measured]) => (measured ? [[name, measured.value]] : [])))
  }

  /** @param {number} rung */
  setRung(rung) {
    this.#rung = rung
    const [track] = this.#context.media.getVideoTracks()
    if (!this.#joined || this.#over || !track) return
    const { scaleResolutionDownBy = 1, ...rest } = encodingFor(rung, track.getSettings())
    const low = { ...rest, scaleResolutionDownBy: Math.min(MOST_SCALING, scaleResolutionDownBy) }
    this.#send({ maxQuality: 'low', encodings: { low } })
  }

  close = () => {
    this.#over = true
    this.#end()
  }

  // ---------------------------------------------------------------- the call object

  /**
   * From joining to having left.
   *
   * @param {Promise<unknown>} over
   */
  async #carry(over) {
    if (this.#over) return
    const unsubscribe = this.#subscribe()
    this.#join().catch((error) => this.#fail('unreachable', { message: messageOf(error) }))
    await over
    await this.#object.leave().catch(() => {})
    unsubscribe() // not before: an `error` that nobody hears is thrown
  }

  async #join() {
    const { room, peerId, participantId, media } = this.#context
    const token = await this.#token?.(room)
    if (this.#over) return
    await this.#object.join({
      url: room,
      ...(token && { token }),
      audioSource: media.getAudioTracks()[0] ?? false,
      videoSource: media.getVideoTracks()[0] ?? false,
      userData: { peer: peerId, participant: participantId },
      subscribeToTracksAutomatically: true,
    })
  }

  #subscribe() {
    /** @type {(() => void)[]} */
    const undo = []
    /**
     * @template {DailyEvent} T
     * @param {T} event
     * @param {(event: import('@daily-co/daily-js').DailyEventObject<T>) => void} handler
     */
    const on = (event, handler) => {
      const hear = (/** @type {import('@daily-co/daily-js').DailyEventObject<T>} */ what) => {
        if (!this.#over) handler(what)
      }
      this.#object.on(event, hear)
      undo.push(() => this.#object.off(event, hear))
    }
    on('joined-meeting', ({ participants }) => this.#hasJoined(Object.values(participants)))
    on('participant-joined', ({ participant }) => this.#see(participant))
    on('participant-updated', ({ participant }) => this.#see(participant))
    on('participant-left', ({ participant }) => this.#gone(participant))
    on('network-connection', ({ type, event }) => this.#connection(type, event))
    on('left-meeting', () => this.#fail('connection-lost', { message: 'the call object has left' }))
    on('error', ({ errorMsg, error }) => this.#fail(this.#reasonOf(error?.type), { message: errorMsg, type: error?.type }))
    return () => undo.forEach((each) => each())
  }

  /** @param {import('@daily-co/daily-js').DailyVideoSendSettings} video */
  async #send(video) {
    try {
      await this.#object.updateSendSettings({ video })
    } catch {
      // the call goes on at the rung that it has
    }
  }

  // ---------------------------------------------------------------- what happens

  /** @param {DailyParticipant[]} participants */
  #hasJoined(participants) {
    this.#joined = true
    this.setRung(this.#rung)
    this.#context.connected()
    for (const participant of participants) this.#see(participant)
  }

  /** @param {DailyParticipant} participant */
  #see({ local, session_id, userData, tracks: { audio, video } }) {
    const owner = ownerOf(userData)
    const tracks = [audio, video].flatMap(({ persistentTrack }) => persistentTrack ?? [])
    if (local || !owner || tracks.length === 0) return
    const ids = tracks.map(({ id }) => id).join(' ')
    if (this.#others.get(session_id)?.tracks === ids) return
    this.#others.set(session_id, { peer: owner.peer, tracks: ids })
    this.#context.remoteStream(owner.peer, owner.participant, new MediaStream(tracks))
  }

  /** @param {{ session_id: string }} participant */
  #gone({ session_id }) {
    const other = this.#others.get(session_id)
    this.#others.delete(session_id)
    const isBack = [...this.#others.values()].some(({ peer }) => peer === other?.peer)
    if (other && !isBack) this.#context.remoteGone(other.peer)
  }

  /**
   * @param {string} type
   * @param {string} event
   */
  #connection(type, event) {
    clearTimeout(this.#interruptions.get(type))
    if (event !== 'interrupted') return
    const reason = type === 'signaling' ? 'connection-lost' : 'ice-failed'
    this.#interruptions.set(type, setTimeout(() => this.#fail(reason, { type }), INTERRUPTED_MS))
  }

  /**
   * @param {string | undefined} type  of Daily's fatal errors
   * @returns {FailureReason}
   */
  #reasonOf(type) {
    if (type && type !== 'connection-error') return 'refused'
    return this.#joined ? 'connection-lost' : 'unreachable'
  }

  /**
   * @param {FailureReason} reason
   * @param {object} detail
   */
  #fail(reason, detail) {
    if (this.#over) return
    this.close()
    this.#context.failed(reason, detail)
  }
}

/**
 * What a join rejects with may be an error, a fatal error's object or nothing.
 *
 * @param {any} error
 */
const messageOf = (error) => String(error?.errorMsg ?? error?.message ?? error)

/**
 * @param {unknown} userData
 * @returns {{ peer: string, participant: string } | undefined}
 */
function ownerOf(userData) {
  const { peer, participant } = Object(userData)
  return typeof peer === 'string' && typeof participant === 'string' ? { peer, participant } : undefined
}
