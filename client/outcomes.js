/**
 * outcomes.js: what came of each epoch for us, reported to the database.
 *
 * An answer may say that the session is elsewhere by now.
 */

import { isTransient, pause } from './rpc.js'

const AGAIN_MS = 250
const AGAIN_AT_MOST_MS = 5000

/** @typedef {import('./leg.js').Leg} Leg */

export class Outcomes {
  #functions
  #legs
  #signal
  #adopt
  /** @type {Set<string>} epochs whose success was reported */
  #succeeded = new Set()
  /** @type {string | undefined} to be reported when there is an epoch to report it for */
  #ownFault

  /**
   * @param {import('./functions.js').Functions} functions
   * @param {import('./legs.js').Legs} legs
   * @param {AbortSignal} signal  the session has ended
   * @param {(answer: any) => void} adopt  go where the database says
   */
  constructor(functions, legs, signal, adopt) {
    this.#functions = functions
    this.#legs = legs
    this.#signal = signal
    this.#adopt = adopt
  }

  /**
   * A peer's picture has come; the first one of an epoch counts.
   *
   * @param {Leg} leg
   * @param {string} peerId
   */
  succeeded(leg, peerId) {
    const { generation, epoch } = leg.assignment
    const key = `${generation} ${epoch}`
    if (this.#succeeded.has(key)) return
    this.#succeeded.add(key)
    this.#report(epoch, { success: true, connect_ms: leg.connectMs(peerId) })
  }

  /**
   * It is we who are to blame.
   *
   * @param {string} reason
   */
  ownFault(reason) {
    this.#ownFault = reason
    this.reportOwnFault()
  }

  /** Once, as soon as there is an epoch. */
  reportOwnFault() {
    const reason = this.#ownFault
    const leg = this.#legs.current
    if (!reason || !leg) return
    this.#ownFault = undefined
    this.#report(leg.assignment.epoch, { success: false, detail: { reason } })
  }

  /**
   * @param {number} epoch
   * @param {object} outcome
   */
  #report(epoch, outcome) {
    this.#functions.call('harthio_report_outcome', { epoch, ...outcome }).then(this.#adopt, () => {})
  }

  /**
   * The provider is to blame.  While the database itself is away there is
   * nowhere to go, so it is asked again.
   *
   * @param {Leg} leg
   * @param {object} detail
   * @returns {Promise<any>} where to go; undefined if the database was not reached because we are offline
   */
  async failed(leg, detail) {
    for (let delay = AGAIN_MS; leg === this.#legs.current; delay = Math.min(2 * delay, AGAIN_AT_MOST_MS)) {
      const answer = await this.#functions.callOnce('harthio_report_outcome',
        { epoch: leg.assignment.epoch, success: false, detail })
      if (!answer.error) return answer.data
      if (answer.status === 0) return undefined
      if (!isTransient(answer)) return {}
      await pause(delay, this.#signal)
      if (this.#signal.aborted) return {}
    }
    return {}
  }
}
