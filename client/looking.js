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
 * @property {(leg: Leg, peerId: string) => void} began  the first picture of a peer has come
 * @property {() => void} looked
 */

export class Looking {
  #legs
  #media
  #blame
  #began
  #looked

  /** @param {LookingOptions} options */
  constructor({ legs, media, blame, began, looked }) {
    this.#legs = legs
    this.#media = media
    this.#blame = blame
    this.#began = began
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
    const began = new Set([...leg.watches].filter(([, watch]) => watch.began).map(([peerId]) => peerId))
    const findings = await leg.look()
    if (leg !== this.#legs.current) return
    this.#media.watch(leg.captured)
    for (const [peerId, finding] of findings) {
      if (leg.watches.get(peerId)?.began && !began.has(peerId)) this.#began(leg, peerId)
      if (finding === 'late' || finding === 'stalled') this.#blame.suspect(leg, peerId, finding)
      else if (finding === 'fine') leg.silent.delete(peerId)
    }
    if (leg.isComplete() && leg.companions().length > 0) this.#legs.retireOld()
    this.#looked()
  }
}
