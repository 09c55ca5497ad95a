/**
 * channel.js: the session's channel, and who is on it.
 *
 * States come from the database; everything else the pages tell each other:
 * presence says who is there (and on which epoch, muted, held how), broadcasts
 * carry signalling, chat and pings.  What they say is as trustworthy as the
 * members of the session are.
 *
 * The channel outlives the notifier: supabase-js joins again by itself, and a
 * join brings the current state.  Until then broadcasts wait, and so do the
 * others: who vanishes from presence is missed only after a while, because a
 * notifier that starts anew knows nobody at first.
 */

import { Outbox } from './outbox.js'

/** How long somebody may be out of presence before he is gone. */
const MISSING_MS = 8000

/** How long the answer to a ping may take. */
const PONG_MS = 3000

/** Lines of chat that were not acknowledged are sent again. */
const CHAT_AGAIN_MS = 2000

/** Presence says no more often than this what changed. */
const TRACK_MS = 100

/** Joining anew, if the channel was closed under us. */
const REOPEN_MS = 1000

/** Messages that wait for the channel; the oldest go first. */
const QUEUE_MAX = 200

const STATES = ['provider-selected', 'coordinated-recovery', 'quality-changed', 'session-ended']
const SIGNAL = 'harthio-signal'
const CHAT = 'harthio-chat'
const CHAT_HEARD = 'harthio-chat-heard'
const PING = 'harthio-ping'
const PONG = 'harthio-pong'
const BYE = 'harthio-bye'

/**
 * What a page says of itself.
 *
 * @typedef {object} Presence
 * @property {string} peerId
 * @property {string} participantId
 * @property {string} device
 * @property {number} incarnation
 * @property {number} generation  0: not told yet
 * @property {number} epoch
 * @property {boolean} audio      there, and not muted
 * @property {boolean} video
 * @property {number} frameRate   of the camera; 0: unknown
 * @property {string} orientation 'portrait', 'landscape', or ''
 */

/** @typedef {Presence & { missingSince?: number }} Peer */

/**
 * @typedef {object} Listener
 * @property {(event: string, state: any) => void} state
 * @property {() => void} peers
 * @property {(joined: boolean) => void} joined
 * @property {(signal: any, from: string) => void} signal
 * @property {(message: any) => void} chat
 */

/** @param {any} meta @returns {Presence | undefined} */
function presenceFrom(meta) {
  const text = (/** @type {any} */ value) => (typeof value === 'string' ? value : '')
  const number = (/** @type {any} */ value) => (Number.isFinite(value) ? value : 0)
  if (!text(meta?.peerId) || !text(meta.participantId)) return undefined
  return {
    peerId: meta.peerId,
    participantId: meta.participantId,
    device: text(meta.device),
    incarnation: number(meta.incarnation),
    generation: number(meta.generation),
    epoch: number(meta.epoch),
    audio: meta.audio === true,
    video: meta.video === true,
    frameRate: number(meta.frameRate),
    orientation: text(meta.orientation),
  }
}

/**
 * Everybody who is in presence, each device's newest page only, without this
 * page and those that it has replaced.
 *
 * @param {Record<string, any[]>} state
 * @param {Presence} me
 * @returns {Map<string, Presence>}
 */
export function othersIn(state, me) {
  /** @type {Map<string, Presence>} */
  const newest = new Map()
  for (const meta of Object.values(state).flat()) {
    const page = presenceFrom(meta)
    if (!page || page.peerId === me.peerId) continue
    const place = page.device ? `${page.participantId} ${page.device}` : page.peerId
    if (place === `${me.participantId} ${me.device}`) continue
    const known = newest.get(place)
    if (!known || page.incarnation >= known.incarnation) newest.set(place, page)
  }
  return new Map([...newest.values()].map((page) => [page.peerId, page]))
}

export class SessionChannel {
  /** @type {Map<string, Peer>} the other pages, by peerId */
  peers = new Map()
  joined = false
  /** Who was there before us is known. */
  synced = false

  #supabase
  #topic
  #listener
  /** @type {any} */
  #channel
  /** @type {Presence} */
  #me
  /** @type {[event: string, payload: object][]} */
  #queue = []
  /** @type {Map<string, (answered: boolean) => void>} */
  #pings = new Map()
  /** @type {Set<string>} who has said goodbye */
  #left = new Set()
  #outbox = new Outbox((to, line) => this.joined && this.#push(CHAT, { to, line }))
  /** @type {Set<string>} lines of chat that have come */
  #heard = new Set()
  #closed = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #trackTimer
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reopenTimer
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #missingTimer
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #chatTimer

  /**
   * @param {any} supabase
   * @param {string} sessionId
   * @param {Presence} me
   * @param {Listener} listener
   */
  constructor(supabase, sessionId, me, listener) {
    this.#supabase = supabase
    this.#topic = `session:${sessionId}`
    this.#me = me
    this.#listener = listener
  }

  open() {
    const channel = this.#channel = this.#supabase.channel(this.#topic, {
      config: { broadcast: { self: false }, presence: { key: this.#me.peerId } },
    })
    for (const event of STATES) {
      channel.on('broadcast', { event }, (/** @type {any} */ { payload }) => this.#listener.state(event, payload))
    }
    const hear = (/** @type {string} */ event, /** @type {(payload: any) => void} */ callback) =>
      channel.on('broadcast', { event }, (/** @type {any} */ { payload }) => {
        if (payload && (payload.to === undefined || payload.to === this.#me.peerId)) callback(payload)
      })
    hear(SIGNAL, (payload) => this.#listener.signal(payload, payload.from))
    hear(CHAT, ({ from, line }) => this.#hearChat(from, line))
    hear(CHAT_HEARD, ({ from, id }) => this.#outbox.acknowledged(from, id))
    hear(PING, ({ from, n }) => this.#send(PONG, { to: from, n }))
    hear(PONG, ({ from, n }) => this.#pings.get(`${from} ${n}`)?.(true))
    hear(BYE, ({ from }) => this.#goodbye(from))
    channel.on('presence', { event: 'sync' }, () => this.#sync())
    channel.subscribe((/** @type {string} */ status) => {
      if (channel === this.#channel) this.#statusChanged(status)
    })
    this.#missingTimer ??= setInterval(() => this.#forgetMissing(), 1000)
    this.#chatTimer ??= setInterval(() => this.#outbox.sendAgain(), CHAT_AGAIN_MS)
  }

  /** Says goodbye, unless this page is only reloaded. */
  async close() {
    this.#closed = true
    clearTimeout(this.#trackTimer)
    clearTimeout(this.#reopenTimer)
    clearInterval(this.#missingTimer)
    clearInterval(this.#chatTimer)
    for (const answer of this.#pings.values()) answer(false)
    if (this.joined) await this.#push(BYE, {})
    if (this.#channel) await this.#supabase.removeChannel(this.#channel)
  }

  /**
   * Says of this page what has changed.
   *
   * @param {Partial<Presence>} fields
   */
  present(fields) {
    Object.assign(this.#me, fields)
    this.#trackTimer ??= setTimeout(() => {
      this.#trackTimer = undefined
      this.#track()
    }, TRACK_MS)
  }

  /**
   * @param {object} position  generation and epoch
   * @param {any} data
   * @param {string} [to]
   */
  signal(position, data, to) {
    this.#send(SIGNAL, { ...position, to, data })
  }

  /** @param {import('./outbox.js').Line} line  for those who are there */
  chat(line) {
    this.#outbox.add(this.peers.keys(), line)
  }

  /**
   * Does a page answer on the channel?  If it does not, its network is gone, or
   * ours, and no provider is to blame.
   *
   * @param {string} peerId
   * @returns {Promise<boolean>}
   */
  answers(peerId) {
    if (!this.joined) return Promise.resolve(false)
    const n = Math.random()
    const key = `${peerId} ${n}`
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#pings.get(key)?.(false), PONG_MS)
      this.#pings.set(key, (answered) => {
        clearTimeout(timer)
        this.#pings.delete(key)
        resolve(answered)
      })
      this.#push(PING, { to: peerId, n })
    })
  }

  /**
   * @param {string} from
   * @param {any} line
   */
  #hearChat(from, line) {
    if (typeof line?.id !== 'string') return
    this.#send(CHAT_HEARD, { to: from, id: line.id })
    if (this.#heard.has(line.id)) return
    this.#heard.add(line.id)
    this.#listener.chat(line)
  }

  /** @param {string} status */
  #statusChanged(status) {
    const was = this.joined
    this.joined = status === 'SUBSCRIBED'
    if (this.joined) {
      this.#track()
      for (const [event, payload] of this.#queue.splice(0)) this.#push(event, payload)
    }
    // supabase-js joins again after errors, but not after this
    if (status === 'CLOSED' && !this.#closed) {
      clearTimeout(this.#reopenTimer)
      this.#reopenTimer = setTimeout(() => this.#reopen(), REOPEN_MS)
    }
    if (this.joined !== was && !this.#closed) this.#listener.joined(this.joined)
  }

  async #reopen() {
    const channel = this.#channel
    this.#channel = undefined // it says once more that it is closed
    await this.#supabase.removeChannel(channel)
    if (!this.#closed) this.open()
  }

  #track() {
    if (this.joined && !this.#closed) this.#channel.track({ ...this.#me }).catch(() => {})
  }

  /**
   * @param {string} event
   * @param {object} payload
   */
  #send(event, payload) {
    if (this.joined) {
      this.#push(event, payload)
    } else {
      this.#queue.push([event, payload])
      if (this.#queue.length > QUEUE_MAX) this.#queue.shift()
    }
  }

  /**
   * @param {string} event
   * @param {object} payload
   */
  #push(event, payload) {
    return this.#channel.send({ type: 'broadcast', event, payload: { ...payload, from: this.#me.peerId } })
      .catch(() => {})
  }

  #sync() {
    const others = othersIn(this.#channel.presenceState(), this.#me)
    for (const [peerId, page] of others) {
      if (!this.#left.has(peerId)) this.peers.set(peerId, page)
    }
    const now = Date.now()
    for (const [peerId, peer] of this.peers) {
      if (others.has(peerId)) continue
      const successor = [...others.values()].find((page) => page.device !== '' &&
        page.device === peer.device && page.participantId === peer.participantId)
      if (successor) this.#forget(peerId, successor.peerId)
      else peer.missingSince ??= now
    }
    this.#listener.peers()
    this.synced = true
  }

  #forgetMissing() {
    if (!this.joined) {
      // we see nobody ourselves
      for (const peer of this.peers.values()) if (peer.missingSince) peer.missingSince = Date.now()
      return
    }
    let gone = false
    for (const [peerId, { missingSince }] of this.peers) {
      if (missingSince !== undefined && Date.now() - missingSince > MISSING_MS) {
        gone = this.#forget(peerId)
      }
    }
    if (gone) this.#listener.peers()
  }

  /** @param {string} peerId */
  #goodbye(peerId) {
    this.#left.add(peerId)
    if (this.#forget(peerId)) this.#listener.peers()
  }

  /**
   * @param {string} peerId
   * @param {string} [successor]  the newer page of its device
   */
  #forget(peerId, successor) {
    this.#outbox.gone(peerId, successor)
    return this.peers.delete(peerId)
  }
}
