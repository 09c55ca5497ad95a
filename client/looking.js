/**
 * looking.js: looks at what arrives, again and again, and says whom it concerns.
 */

import { pause } from './rpc.js'

/** How often: while a picture is awaited, and otherwise. */
const LOOK_SOON_MS = 100
const LOOK_MS = 500

/** @typedef {import('./leg.js').Leg} Leg */

/**
 * @typedef {object} LookingOptions
 * @property {import('./legs.js').Legs} legs
 * @property {import('./own_media.js').OwnMedia} media
 * @property {import('./blame.js').Blame} blame
 * @property {(leg: Leg, peerId: string) => void} arrives  what a peer sends has begun to come
 * @property {() => void} looked
 */

export class Looking {
  #legs
  #media
  #blame
  #arrives
  #looked

  /** @param {LookingOptions} options */
  constructor({ legs, media, blame, arrives, looked }) {
    this.#legs = legs
    this.#media = media
    this.#blame = blame
    this.#arrives = arrives
    this.#looked = looked
  }

  /** @param {AbortSignal} signal  the session has ended */
  async run(signal) {
    while (!signal.aborted) {
      const leg = this.#legs.current
      if (leg) await this.#look(leg).catch((error) => console.error(error))
      await pause(this.#legs.current?.isComplete() ? LOOK_MS : LOOK_SOON_MS, signal)
    }
  }

  /** @param {Leg} leg */
  async #look(leg) {
    const findings = await leg.look()
    if (leg !== this.#legs.current) return
    this.#media.watch(leg.captured)
    for (const [peerId, finding] of findings) {
      if (leg.watches.get(peerId)?.began) this.#arrives(leg, peerId)
      if (finding === 'late' || finding === 'stalled') this.#blame.suspect(leg, peerId, finding)
      else if (finding === 'fine') leg.silent.delete(peerId)
    }
    if (leg.isComplete() && leg.companions().length > 0) this.#legs.retireOld()
    this.#looked()
  }
}
