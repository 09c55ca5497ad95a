/**
 * janus_handle.js: one RTCPeerConnection between this page and Janus, and the
 * handle that it belongs to.
 *
 * An offer of Janus is answered wherever it comes from.  A handle whose ICE is
 * interrupted is restarted; whether it is worth going on when that fails too
 * is for the caller to judge.
 */

/** @typedef {import('./janus_connection.js').JanusConnection} JanusConnection */
/** @typedef {import('./janus_connection.js').Message} Message */

/**
 * @typedef {object} HandleEvents
 * @property {(state: RTCPeerConnectionState) => void} state
 * @property {() => Promise<unknown>} restart              asks for ICE anew
 * @property {(reason: string) => void} [hungUp]           Janus let go of it
 * @property {(data: Message) => void} [heard]             what VideoRoom says
 */

export class JanusHandle {
  #connection
  #events
  /** @type {number | undefined} */
  #handle
  #closed = false
  /** @type {RTCIceCandidateInit[]} those that came before the description */
  #early = []

  /**
   * @param {JanusConnection} connection
   * @param {RTCConfiguration} configuration
   * @param {HandleEvents} events
   */
  constructor(connection, configuration, events) {
    this.#connection = connection
    this.#events = events
    this.peerConnection = new RTCPeerConnection(configuration)
    this.peerConnection.onicecandidate = ({ candidate }) => this.#trickle(candidate)
    this.peerConnection.onconnectionstatechange = () => this.#changed(this.peerConnection.connectionState)
  }

  async attach() {
    const handle = await this.#connection.attach((message) => this.#hear(message))
    this.#handle = handle
    if (this.#closed) this.#connection.detach(handle)
  }

  /** Offers what the connection has to send; `body` says what it is. @param {Message} body */
  async offer(body) {
    await this.peerConnection.setLocalDescription()
    return this.message(body, this.peerConnection.localDescription)
  }

  /**
   * Asks VideoRoom, and does as its description says.
   *
   * @param {Message} body
   * @param {RTCSessionDescription | null} [jsep]
   */
  async message(body, jsep) {
    const answer = await this.#connection.request(
      { janus: 'message', handle_id: this.#handle, body, ...(jsep && { jsep }) })
    if (answer.jsep) await this.#describe(answer.jsep)
    return answer.plugindata.data
  }

  close() {
    this.#closed = true
    this.peerConnection.close()
    if (this.#handle !== undefined) this.#connection.detach(this.#handle)
  }

  /** @param {RTCSessionDescriptionInit} jsep */
  async #describe(jsep) {
    await this.peerConnection.setRemoteDescription(jsep)
    for (const candidate of this.#early.splice(0)) this.#addCandidate(candidate)
    if (jsep.type === 'offer') {
      await this.peerConnection.setLocalDescription()
      await this.message({ request: 'start' }, this.peerConnection.localDescription)
    }
  }

  /** @param {RTCIceCandidate | null} candidate */
  #trickle(candidate) {
    this.#connection.post(
      { janus: 'trickle', handle_id: this.#handle, candidate: candidate ?? { completed: true } })
  }

  /** @param {Message} message */
  #hear({ janus, candidate, reason, plugindata }) {
    if (janus === 'trickle') this.#addCandidate(candidate)
    else if (janus === 'hangup') this.#events.hungUp?.(reason)
    else if (plugindata) this.#events.heard?.(plugindata.data)
    // media, webrtcup and slowlink say what getStats() knows better
  }

  /** @param {RTCIceCandidateInit & { completed?: boolean }} candidate */
  #addCandidate(candidate) {
    if (candidate.completed) return
    if (!this.peerConnection.remoteDescription) this.#early.push(candidate)
    // one that it cannot use is as good as none
    else this.peerConnection.addIceCandidate(candidate).catch(() => {})
  }

  /** @param {RTCPeerConnectionState} state */
  #changed(state) {
    // what cannot be asked for fails later, as a state
    if (state === 'disconnected') this.#events.restart().catch(() => {})
    this.#events.state(state)
  }
}
