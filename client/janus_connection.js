/**
 * janus_connection.js: what Janus is told and says, as JSON over one websocket.
 *
 * A request is a promise of its answer; what Janus says of itself goes to the
 * handle that it is about.  Whether a silent server is a dead one is for the
 * caller to judge: `unanswered` counts keepalives since anything was heard.
 * close() rejects what is still waiting, so nothing waits for ever.
 */

/** A page in the background may be let run only once a second. */
const KEEPALIVE_MS = 2000

const NO_SUCH_SESSION = 458

/** What Janus, or its plugin, answered instead. */
export class JanusError extends Error {
  /**
   * @param {number} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** @typedef {Record<string, any>} Message */

export class JanusConnection {
  /** @type {WebSocket | undefined} */
  #socket
  /** @type {number | undefined} */
  #session
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer
  #transactions = 0
  #closed = false
  /** @type {Map<string, { resolve: (answer: Message) => void, reject: (error: Error) => void }>} */
  #waiting = new Map()
  /** @type {Map<number, (message: Message) => void>} */
  #handles = new Map()
  #lost
  #due

  /** Keepalives since anything was heard. */
  unanswered = 0

  /**
   * @param {object} events
   * @param {() => void} events.lost    the websocket or the session is over
   * @param {() => void} events.due   a keepalive was
   */
  constructor({ lost, due }) {
    this.#lost = lost
    this.#due = due
  }

  /**
   * Resolves when there is a session.
   *
   * @param {string} url
   */
  async open(url) {
    const socket = this.#socket = new WebSocket(url, 'janus-protocol')
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data))
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onclose = () => reject(new Error('the websocket does not open'))
    })
    socket.onclose = () => this.#lost()
    this.#timer = setInterval(() => this.#keepAlive(), KEEPALIVE_MS)
    this.#session = (await this.request({ janus: 'create' })).data.id
  }

  /**
   * Resolves to a handle of VideoRoom, whose messages go to `hear`.
   *
   * @param {(message: Message) => void} hear
   * @returns {Promise<number>}
   */
  async attach(hear) {
    const { data } = await this.request({ janus: 'attach', plugin: 'janus.plugin.videoroom' })
    this.#handles.set(data.id, hear)
    return data.id
  }

  /** @param {number} handle */
  detach(handle) {
    this.#handles.delete(handle)
    this.post({ janus: 'detach', handle_id: handle })
  }

  /**
   * Asks; rejects with a JanusError if Janus or its plugin says no.
   *
   * @param {Message} message
   * @returns {Promise<Message>}
   */
  request(message) {
    return new Promise((resolve, reject) => {
      if (this.#closed) reject(new Error('closed'))
      else this.#waiting.set(this.post(message), { resolve, reject })
    })
  }

  /**
   * Says, and does not wait.
   *
   * @param {Message} message
   */
  post(message) {
    const transaction = String(++this.#transactions)
    this.#socket?.send(JSON.stringify({ ...message, transaction, session_id: this.#session }))
    return transaction
  }

  close() {
    this.#closed = true
    clearInterval(this.#timer)
    if (this.#session !== undefined) this.post({ janus: 'destroy' })
    this.#socket?.close()
    for (const { reject } of this.#waiting.values()) reject(new Error('closed'))
  }

  #keepAlive() {
    if (this.#session !== undefined) this.post({ janus: 'keepalive' })
    this.unanswered++
    this.#due()
  }

  /** @param {Message} message */
  #receive(message) {
    this.unanswered = 0
    const { janus, transaction, sender, error } = message
    const waiting = this.#waiting.get(transaction)
    if (waiting && janus !== 'ack') {
      this.#waiting.delete(transaction)
      settle(waiting, message)
    } else if (janus === 'timeout' || error?.code === NO_SUCH_SESSION) {
      this.#lost()
    } else {
      this.#handles.get(sender)?.(message)
    }
  }
}

/**
 * @param {{ resolve: (answer: Message) => void, reject: (error: Error) => void }} waiting
 * @param {Message} message
 */
function settle({ resolve, reject }, message) {
  const plugin = message.plugindata?.data
  if (message.janus === 'error') reject(new JanusError(message.error.code, message.error.reason))
  else if (plugin?.error_code) reject(new JanusError(plugin.error_code, plugin.error))
  else resolve(message)
}
