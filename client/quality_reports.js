/**
 * quality_reports.js: how good the call is, told to the database every few seconds.
 */

import { FRAME_RATES } from './ladder.js'
import { QualityMeter, statsOf } from './quality.js'
import { pause } from './rpc.js'

const QUALITY_MS = 5000

/**
 * @typedef {import('./channel.js').Peer} Peer
 * @typedef {import('./leg.js').Leg} Leg
 */

export class QualityReports {
  #functions
  #connected
  #answered
  #meter = new QualityMeter()

  /**
   * @param {import('./functions.js').Functions} functions
   * @param {() => Leg | undefined} connected  what is to be measured, if all is well now
   * @param {(advice: any) => void} answered  the database
   */
  constructor(functions, connected, answered) {
    this.#functions = functions
    this.#connected = connected
    this.#answered = answered
  }

  /** @param {AbortSignal} signal  the session has ended */
  async run(signal) {
    while (!signal.aborted) {
      await pause(QUALITY_MS, signal)
      const leg = this.#connected()
      const metrics = leg && await this.#measure(leg).catch((error) => console.error(error))
      if (!metrics) continue
      const { data } = await this.#functions.callOnce('harthio_report_quality', { epoch: leg.assignment.epoch, metrics })
      if (data && !signal.aborted) this.#answered(data)
    }
  }

  /** @param {Leg} leg */
  async #measure(leg) {
    const companions = leg.companions()
    const measured = await (leg.metrics() ?? statsOf(leg.connections())
      .then((stats) => this.#meter.measure(stats, { expectedFps: expectedFps(companions, leg.rung) })))
    if (!measured) return undefined
    return { ...measured, muted: companions.every((peer) => leg.expects(peer) === 'nothing') }
  }
}

/**
 * The slowest camera of those whose picture is to come, at most what the rung
 * allows; 0 if that is not known.
 *
 * @param {Peer[]} companions
 * @param {number} rung
 */
function expectedFps(companions, rung) {
  const rates = companions.filter(({ video }) => video).map(({ frameRate }) => frameRate)
  return rates.length > 0 ? Math.min(FRAME_RATES[rung] ?? 0, ...rates) : 0
}
