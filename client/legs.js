/**
 * legs.js: make before break.
 *
 * The current leg is where the session is.  The one before it is kept while its
 * pictures are shown, until the new one has some.
 */

import { Leg } from './leg.js'
import { isSameEpoch } from './order.js'

/** The old pictures go a moment after the new ones have come: the others may be a little later. */
const LINGER_MS = 1000

/** ... and at the latest then. */
const OLD_LEG_MS = 20000

export class Legs {
  /** @type {Leg | undefined} */
  current
  /** @type {Leg | undefined} its pictures are still shown */
  #old
  #isShown

  /** @param {(leg: Leg) => boolean} isShown  is a picture of it on the screen? */
  constructor(isShown) {
    this.#isShown = isShown
  }

  /** @param {import('./leg.js').LegOptions} options */
  open(options) {
    this.#setAside()
    this.current = new Leg(options)
  }

  #setAside() {
    const leg = this.current
    if (!leg) return
    if (!this.#isShown(leg) || leg.over) return leg.close()
    this.#old?.close()
    this.#old = leg
    setTimeout(() => this.drop(leg), OLD_LEG_MS)
  }

  /** The current one has all pictures. */
  retireOld() {
    const old = this.#old
    if (!old) return
    this.#old = undefined
    setTimeout(() => old.close(), LINGER_MS)
  }

  /**
   * It is of no more use, if it is the old one.
   *
   * @param {Leg} leg
   */
  drop(leg) {
    if (leg !== this.#old) return
    this.#old = undefined
    leg.close()
  }

  /** @param {number} rung */
  setRung(rung) {
    for (const leg of this.#both()) leg.setRung(rung)
  }

  /**
   * @param {any} signal  with the position of the leg that it is for
   * @param {any} from
   */
  receive(signal, from) {
    if (typeof from !== 'string') return
    for (const leg of this.#both()) if (isSameEpoch(signal, leg.assignment)) leg.receive(signal.data, from)
  }

  peersChanged() {
    for (const leg of this.#both()) leg.peersChanged()
  }

  close() {
    for (const leg of this.#both()) leg.close()
  }

  #both() {
    return [this.current, this.#old].filter((leg) => leg !== undefined)
  }
}
