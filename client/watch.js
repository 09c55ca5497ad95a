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

/** Without a new frame. */
export const STALL_MS = 5000

/**
 * What has arrived from a peer so far.
 *
 * @typedef {object} Arrived
 * @property {number} frames  decoded
 * @property {number} sounds  audio packets
 */

/** @typedef {'video' | 'audio' | 'nothing'} Expected */

/** @typedef {'waiting' | 'fine' | 'late' | 'stalled'} Finding */

export class PeerWatch {
  began = false
  #frames = 0
  #sounds = 0
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
  look({ frames, sounds }, expected, now) {
    const grew = frames > this.#frames || (expected !== 'video' && sounds > this.#sounds)
    this.#frames = frames
    this.#sounds = sounds
    if (grew) {
      this.began = true
      this.#grewAt = now
      this.#patience = STALL_MS
      return 'fine'
    }
    if (expected === 'nothing') this.#grewAt = now
    if (now - this.#grewAt < this.#patience) return this.began ? 'fine' : 'waiting'
    return this.began ? 'stalled' : 'late'
  }
}
