/**
 * others.js: what the app is told of the others, and which picture it shows of whom.
 */

/**
 * @typedef {import('./channel.js').Peer} Peer
 * @typedef {import('./leg.js').Leg} Leg
 */

export class Others {
  #emit
  /** @type {Map<string, string>} what was told of whom */
  #told = new Map()
  /** @type {Map<string, { leg: Leg, stream: MediaStream }>} */
  #shown = new Map()

  /** @param {(type: 'participant' | 'remote-stream', detail: object) => void} emit */
  constructor(emit) {
    this.#emit = emit
  }

  /**
   * Tells what has changed.
   *
   * @param {Map<string, Peer>} peers  all who are there
   */
  update(peers) {
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
  }

  /**
   * The first picture of a peer is shown as soon as it can be, a later one when
   * it has a frame: until then the old one stays.
   *
   * @param {Leg} leg
   * @param {Peer | undefined} peer
   */
  show(leg, peer) {
    const stream = peer && leg.streams.get(peer.peerId)
    if (!stream) return
    const { peerId, participantId } = peer
    const shown = this.#shown.get(peerId)
    if (shown?.stream === stream) return
    if (shown && shown.leg !== leg && !leg.watches.get(peerId)?.began) return
    this.#shown.set(peerId, { leg, stream })
    this.#emit('remote-stream', { peerId, participantId, stream })
  }

  /** @param {Leg} leg */
  areShownBy(leg) {
    return [...this.#shown.values()].some((shown) => shown.leg === leg)
  }
}

/** @param {Peer} peer */
export function describe({ peerId, participantId, audio, video, orientation, missingSince }) {
  return { peerId, participantId, audio, video, orientation, there: missingSince === undefined }
}
