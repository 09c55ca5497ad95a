/**
 * watch.js: does the picture of one peer arrive?  Pure: no clock, no I/O.
 *
 * Frames decoded are the only proof.  A transport that says it is fine proves
 * nothing: bytes can arrive and no frame, and a dead peer's last frame stays on
 * the screen.  From somebody who sends no picture, sound is the proof; from
 * somebody who sends nothing, nothing is expected.
 */

/** From being together on an epoch to the first frame. */
export const CONNECT_MS = 10000

/** Without a new frame, when nothing else comes either. */
export const STALL_MS = 5000

/**
 * Without a new frame while bytes come: a line that is too narrow, which the
 * ladder gets its time to mend, or a picture that cannot be decoded.
 */
export const BLIND_MS = 15000

/**
 * What has arrived from a peer so far.
 *
 * @typedef {object} Arrived
 * @property {number} frames  decoded
 * @property {number} sounds  audio packets
 * @property {number} bytes   of video; 0: not known
 */

/** @typedef {'video' | 'audio' | 'nothing'} Expected */

/** @typedef {'waiting' | 'fine' | 'late' | 'stalled'} Finding */

export class PeerWatch {
  began = false
  #frames = 0
  #sounds = 0
  #bytes = 0
  #bytesAt = -Infinity
  /** @type {number} */
  #grewAt
  #patience = CONNECT_MS

  /** @param {number} now  milliseconds */
  constructor(now) {
    this.#grewAt = now
  }

  /**
   * What was missed until now does not count: somebody was offline, and
   * connects anew.
   *
   * @param {number} now
   */
  restart(now) {
    this.#grewAt = now
    this.#patience = CONNECT_MS
  }

  /**
   * @param {Arrived} arrived
   * @param {Expected} expected
   * @param {number} now
   * @returns {Finding}
   */
  look({ frames, sounds, bytes }, expected, now) {
    const grew = frames > this.#frames || (expected !== 'video' && sounds > this.#sounds)
    this.#frames = frames
    this.#sounds = sounds
    if (bytes > this.#bytes) this.#bytesAt = now
    this.#bytes = bytes
    if (grew) {
      this.began = true
      this.#grewAt = now
      this.#patience = STALL_MS
      return 'fine'
    }
    if (expected === 'nothing') this.#grewAt = now
    const patience = this.began && now - this.#bytesAt < STALL_MS ? BLIND_MS : this.#patience
    if (now - this.#grewAt < patience) return this.began ? 'fine' : 'waiting'
    return this.began ? 'stalled' : 'late'
  }
}
