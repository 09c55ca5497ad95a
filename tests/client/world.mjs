// What a session is in, as far as it can tell: a notifier, a database that
// assigns, and providers that carry pictures or do not.  Nothing of it is real,
// and time passes when a test says so.

import { Session } from '../../client/session.js'
import { Clock } from './clock.mjs'

export const SESSION = 'call'

export class Track {
  enabled = true
  readyState = 'live'

  constructor(kind, id = kind) {
    Object.assign(this, { kind, id })
  }
}

globalThis.MediaStream = class {
  #tracks

  constructor(tracks = []) {
    this.#tracks = tracks
  }

  getTracks() { return this.#tracks }
  getAudioTracks() { return this.#tracks.filter(({ kind }) => kind === 'audio') }
  getVideoTracks() { return this.#tracks.filter(({ kind }) => kind === 'video') }
}

// ---------------------------------------------------------------- the notifier

// One channel of supabase-js: what is sent comes to all others on the topic.
class Channel {
  joined = false
  meta
  sent = []
  tracked = []
  #notifier
  #handlers = []
  #told

  constructor(notifier, topic, { config }) {
    Object.assign(this, { topic, config })
    this.#notifier = notifier
  }

  on(type, { event }, callback) {
    this.#handlers.push({ type, event, callback })
    return this
  }

  subscribe(told) {
    this.#told = told
    this.#notifier.channels.add(this)
    if (this.#notifier.up) queueMicrotask(() => this.become('SUBSCRIBED'))
    return this
  }

  become(status) {
    this.joined = status === 'SUBSCRIBED'
    if (this.joined) this.hear('presence', 'sync')
    else this.meta = undefined
    this.#told(status)
    this.#notifier.sync(this.topic)
  }

  // What this page says does not arrive, and what others say neither; the notifier has not noticed.
  lost = false

  async send({ event, payload }) {
    this.sent.push([event, payload])
    if (!this.joined || this.lost) throw new Error('not joined')
    for (const other of this.#notifier.on(this.topic)) {
      if (other !== this || this.config.broadcast.self) queueMicrotask(() => other.hear('broadcast', event, structuredClone(payload)))
    }
  }

  async track(meta) {
    if (!this.joined || this.lost) throw new Error('not joined')
    this.meta = meta
    this.tracked.push(meta)
    this.#notifier.sync(this.topic)
  }

  presenceState() {
    const present = this.#notifier.on(this.topic).filter(({ meta }) => meta)
    return Object.fromEntries(present.map(({ meta, config }) => [config.presence.key, [meta]]))
  }

  hear(type, event, payload) {
    if (!this.joined || this.lost) return
    for (const handler of this.#handlers) {
      if (handler.type === type && handler.event === event) handler.callback({ payload })
    }
  }
}

export class Notifier {
  channels = new Set()
  up = true

  on(topic) {
    return [...this.channels].filter((each) => each.topic === topic && each.joined)
  }

  sync(topic) {
    queueMicrotask(() => this.on(topic).forEach((each) => each.hear('presence', 'sync')))
  }

  broadcast(topic, event, payload) {
    this.on(topic).forEach((each) => each.hear('broadcast', event, payload))
  }
}

// A client of supabase-js; `rpc` is what its database answers.
export class Client {
  // channels, the newest last
  opened = []
  #notifier

  constructor(notifier, { token, rpc } = {}) {
    this.#notifier = notifier
    this.realtime = { setAuth: async () => { this.realtime.accessTokenValue = token } }
    this.rpc = (name, args) => ({ abortSignal: () => rpc(name, args) })
  }

  channel(topic, options) {
    this.opened.push(new Channel(this.#notifier, topic, options))
    return this.opened.at(-1)
  }

  async removeChannel(channel) {
    this.#notifier.channels.delete(channel)
    channel.become('CLOSED')
  }
}

// ---------------------------------------------------------------- providers

// One page's part in a call that a provider carries.
class Call {
  closed = false
  #pictures = new Map()
  #frozen = new Set()
  #captured = { frames: 0, at: 0 }

  constructor(world, provider, context, page) {
    Object.assign(this, { world, provider, context, page })
    context.signalling.peersChanged(() => this.meet())
    context.signalling.receive((data, from) => page.signals.push([context.epoch, data, from]))
    queueMicrotask(() => this.meet())
  }

  // Pictures of those who have come, if the provider works.
  meet() {
    if (this.closed || !this.world.works(this.provider)) return
    for (const peerId of this.context.signalling.peers()) {
      if (this.#pictures.has(peerId)) continue
      const stream = new MediaStream([new Track('video', `video of ${peerId}`)])
      this.#pictures.set(peerId, { stream, frames: 0 })
      this.context.connected()
      this.context.remoteStream(peerId, '', stream)
    }
  }

  // No more frames of that one come to this page.
  freeze(peerId) {
    this.#frozen.add(peerId)
  }

  thaw(peerId) {
    this.#frozen.delete(peerId)
  }

  connections() {
    return [{ getStats: async () => this.#stats() }]
  }

  #stats() {
    const stats = [...this.#pictures].map(([peerId, picture], i) => {
      if (this.world.works(this.provider) && !this.#frozen.has(peerId)) picture.frames += 3
      return [`in ${i}`, {
        id: `in ${i}`, type: 'inbound-rtp', kind: 'video', trackIdentifier: picture.stream.getTracks()[0].id,
        timestamp: this.world.clock.now, framesDecoded: picture.frames, packetsReceived: picture.frames, packetsLost: 0,
      }]
    })
    const { now } = this.world.clock
    const { page } = this
    this.#captured.frames += page.fps * (now - (this.#captured.at || now)) / 1000
    this.#captured.at = now
    stats.push(['out', { id: 'out', type: 'media-source', kind: 'video', frames: Math.round(this.#captured.frames) }])
    return new Map(stats)
  }

  setRung(rung) {
    this.rung = rung
  }

  close() {
    this.closed = true
  }
}

// ---------------------------------------------------------------- the world

export const cameraAndMicrophone = () => new MediaStream([new Track('audio'), new Track('video')])

export class World {
  clock = new Clock()
  notifier = new Notifier()
  // The newest assignment: where the session is.
  at = { generation: 1, epoch: 1, provider: 'one', room: 'room 1' }
  pages = []
  window = new EventTarget()
  #broken = new Set()

  constructor() {
    this.clock.install()
    this.network(true)
    globalThis.addEventListener = (...how) => this.window.addEventListener(...how)
    globalThis.removeEventListener = (...how) => this.window.removeEventListener(...how)
  }

  works(provider) {
    return !this.#broken.has(provider)
  }

  break(...providers) {
    providers.forEach((each) => this.#broken.add(each))
  }

  mend(provider) {
    this.#broken.delete(provider)
    for (const { calls } of this.pages) calls.forEach((each) => each.meet())
  }

  // What the browsers believe of their network.
  network(onLine) {
    Object.defineProperty(globalThis, 'navigator', { value: { onLine }, configurable: true, writable: true })
  }

  // What the database answers, unless a page has answers of its own.
  answers = {
    harthio_claim_provider: () => this.at,
    harthio_report_outcome: () => this.at,
    harthio_report_quality: () => ({ score: 90, level: 'excellent', rung: 720, assignment: this.at }),
    harthio_leave_session: () => null,
  }

  // The session goes on to the next epoch, and all hear of it.
  move(provider, more = {}) {
    const epoch = this.at.epoch + 1
    this.at = { generation: 1, epoch, provider, room: `room ${epoch}` }
    this.tell(more)
  }

  tell(more = {}) {
    this.notifier.broadcast(`session:${SESSION}`, 'provider-selected',
      { sessionId: SESSION, version: 1, ...this.at, ...more })
  }

  // Somebody's page; `answers` are those of the database for this page alone.
  join(name, { answers = {}, providers = ['one', 'two', 'three'], fps = 30, token, ...options } = {}) {
    const page = { calls: [], asked: [], events: [], signals: [], fps, answers: { ...answers } }
    const rpc = async (name, args) => {
      page.asked.push([name, args])
      const data = await (page.answers[name] ?? this.answers[name])(args)
      return data?.status !== undefined ? { data: null, error: { message: 'no', code: data.code }, status: data.status }
        : { data: structuredClone(data), error: null, status: 200 }
    }
    page.supabase = new Client(this.notifier, { rpc, token })
    page.session = new Session({
      supabase: page.supabase, sessionId: SESSION, participantId: name, media: cameraAndMicrophone(),
      providers: Object.fromEntries(providers.map((provider) => [provider, {
        open: (context) => {
          const call = new Call(this, provider, context, page)
          page.calls.push(call)
          return call
        },
      }])),
      ...options,
    })
    for (const type of ['state', 'remote-stream', 'participant', 'quality', 'chat', 'ended']) {
      page.session.addEventListener(type, ({ detail }) => page.events.push([type, detail]))
    }
    // its channel, and its part in the call, as they are now
    Object.defineProperties(page, {
      channel: { get: () => page.supabase.opened.at(-1) },
      now: { get: () => page.calls.at(-1) },
    })
    page.heard = (type) => page.events.filter(([of]) => of === type).map(([, detail]) => detail)
    page.states = () => page.heard('state').map(({ state }) => state)
    // what was reported to the database, without who we are
    page.reports = () => page.asked.filter(([name]) => name === 'harthio_report_outcome').map(([, args]) => args)
    page.failures = () => page.reports().filter(({ success }) => !success).map(({ epoch, detail }) => `${epoch} ${detail.reason}`)
    this.pages.push(page)
    return page
  }

  // Two who see each other.
  async call(options = {}) {
    const pages = ['ada', 'ben'].map((name) => this.join(name, options))
    await this.clock.pass(1500)
    return pages
  }
}
