/**
 * outbox.js: lines of chat that must arrive, for each peer in order.
 *
 * A broadcast is lost for who is just not on the channel, and after a restart
 * of the notifier one page is back before the other.  So a peer acknowledges
 * each line, and gets the next one then; what is not acknowledged is sent again.
 */

/** @typedef {{ id: string } & Record<string, any>} Line */

export class Outbox {
  /** @type {Map<string, Line[]>} what each peer has not acknowledged */
  #waiting = new Map()
  #send

  /** @param {(peerId: string, line: Line) => void} send  may lose it */
  constructor(send) {
    this.#send = send
  }

  /**
   * @param {Iterable<string>} peers
   * @param {Line} line
   */
  add(peers, line) {
    for (const peerId of peers) {
      const lines = this.#waiting.get(peerId) ?? []
      this.#waiting.set(peerId, lines)
      if (lines.push(line) === 1) this.#send(peerId, line)
    }
  }

  /**
   * @param {string} peerId
   * @param {string} id  of the line that it has
   */
  acknowledged(peerId, id) {
    const lines = this.#waiting.get(peerId)
    if (lines?.[0]?.id !== id) return
    lines.shift()
    if (lines.length > 0) this.#send(peerId, lines[0])
    else this.#waiting.delete(peerId)
  }

  sendAgain() {
    for (const [peerId, [line]] of this.#waiting) this.#send(peerId, line)
  }

  /**
   * The peer is gone, or goes on as another page of its device.
   *
   * @param {string} peerId
   * @param {string} [successor]
   */
  gone(peerId, successor) {
    const lines = this.#waiting.get(peerId) ?? []
    this.#waiting.delete(peerId)
    if (successor) for (const line of lines) this.add([successor], line)
  }
}
