/**
 * blame.js: a picture is missing, or a call has failed: who is to blame, and what next.
 *
 * What is somebody's network's fault is no provider's fault.  So before a
 * failure is reported this page must be online and, where a peer's picture is
 * missing, that peer must answer on the channel.  Where to go then the database
 * says; if it is nowhere else, the same is tried again.
 */

import { pause } from './rpc.js'

const REOPEN_MS = [0, 500, 1000, 2000, 4000, 8000]
const OFFLINE_LOOK_MS = 500

/** @typedef {import('./leg.js').Leg} Leg */

/**
 * @typedef {object} BlameOptions
 * @property {import('./channel.js').SessionChannel} channel
 * @property {import('./legs.js').Legs} legs
 * @property {import('./outcomes.js').Outcomes} outcomes
 * @property {AbortSignal} signal  the session has ended
 * @property {(answer: any) => void} adopt  go where the database says
 * @property {() => void} reopen  the same assignment anew
 */

export class Blame {
  #channel
  #legs
  #outcomes
  #signal
  #adopt
  #reopen
  #attempts = 0
  #unloading = false

  /** @param {BlameOptions} options */
  constructor({ channel, legs, outcomes, signal, adopt, reopen }) {
    this.#channel = channel
    this.#legs = legs
    this.#outcomes = outcomes
    this.#signal = signal
    this.#adopt = adopt
    this.#reopen = reopen
    // everything breaks when a page goes: nobody is to blame, and a lease covers a reload
    globalThis.addEventListener?.('pagehide', () => { this.#unloading = true }, { signal })
    globalThis.addEventListener?.('pageshow', () => this.#shownAgain(), { signal })
  }

  #shownAgain() {
    this.#unloading = false
    const leg = this.#legs.current
    if (leg?.over) this.#tryAgain(leg)
    else leg?.restartWatches()
  }

  /** Something has come of it: the next trial is the first one again. */
  forget() {
    this.#attempts = 0
  }

  /**
   * A picture is missing.  If its sender does not answer either it is his
   * network, or ours, and he gets time when he is back.
   *
   * @param {Leg} leg
   * @param {string} peerId
   * @param {'late' | 'stalled'} finding
   */
  async suspect(leg, peerId, finding) {
    if (this.#isSettled(leg) || leg.asked.has(peerId) || (leg.reported && leg.isOfUse())) return
    leg.asked.add(peerId)
    const answered = isOnline() && await this.#channel.answers(peerId)
    leg.asked.delete(peerId)
    if (!answered) {
      leg.silent.add(peerId)
    } else if (leg.silent.delete(peerId)) {
      leg.watches.get(peerId)?.restart(performance.now())
    } else {
      await this.#provider(leg, finding === 'late' ? 'connect_timeout' : 'no_frames', {})
    }
  }

  /**
   * The adapter has given up.
   *
   * @param {Leg} leg
   * @param {string} reason
   * @param {any} detail
   */
  async failed(leg, reason, detail) {
    if (this.#isSettled(leg)) return
    if (reason === 'ice-failed') {
      const asked = leg.companions().map(({ peerId }) => this.#channel.answers(peerId))
      const answers = isOnline() ? await Promise.all(asked) : []
      if (!answers.includes(true)) return this.#tryAgain(leg)
    }
    await this.#provider(leg, reason, detail)
  }

  /** @param {Leg} leg */
  #isSettled(leg) {
    return leg.judged || leg !== this.#legs.current || this.#unloading
  }

  /**
   * The provider has failed, unless it is we who are offline.
   *
   * @param {Leg} leg
   * @param {string} reason
   * @param {object} detail
   */
  async #provider(leg, reason, detail) {
    if (this.#isSettled(leg)) return
    leg.judged = true
    if (!leg.reported) {
      const answer = this.#isConnected() ? await this.#outcomes.failed(leg, { ...detail, reason }) : undefined
      leg.reported = answer !== undefined
      if (answer) this.#adopt(answer)
      else await this.#comeBack(leg)
    }
    if (leg !== this.#legs.current) return
    // nowhere else to go, or no majority: try again, but for the sake of whom it serves
    if (leg.over || (leg.reported && !leg.isOfUse())) this.#tryAgain(leg)
    else leg.judged = false
  }

  /**
   * Waits until we are online again, and says whose fault it was.
   *
   * @param {Leg} leg
   */
  async #comeBack(leg) {
    do await pause(OFFLINE_LOOK_MS, this.#signal)
    while (!this.#signal.aborted && !this.#isConnected())
    leg.restartWatches()
    this.#outcomes.ownFault('client_offline')
  }

  #isConnected() {
    return isOnline() && this.#channel.joined
  }

  /**
   * The same assignment anew, later each time.
   *
   * @param {Leg} leg
   */
  async #tryAgain(leg) {
    leg.judged = true
    leg.over = true
    const delay = REOPEN_MS[Math.min(this.#attempts++, REOPEN_MS.length - 1)]
    await pause(delay * (0.5 + Math.random() / 2), this.#signal)
    if (leg === this.#legs.current && !this.#signal.aborted) this.#reopen()
  }
}

const isOnline = () => globalThis.navigator?.onLine !== false
