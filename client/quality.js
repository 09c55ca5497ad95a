/**
 * quality.js: from getStats() to the metrics of harthio_report_quality().
 *
 * Counters are cumulative; what counts is what has come since the last look.
 * What was not measured is left out, which is neutral.  With several peers the
 * worst one counts, as for those who watch.
 */

/** @typedef {Record<string, any>} Stats  one entry of getStats() */
/** @typedef {Record<string, number | boolean>} Metrics */

/**
 * One stream now, and how much a counter of it has grown since the last look.
 *
 * @typedef {{ now: Stats, grown: (counter: string) => number, seconds: number }} Growth
 */

/** The estimate for sending starts low and climbs; until then it says nothing. */
const WARM_UP_LOOKS = 2

/** @param {number[]} numbers */
const worst = (numbers) => (numbers.length > 0 ? Math.max(...numbers) : undefined)
/** @param {number[]} numbers */
const least = (numbers) => (numbers.length > 0 ? Math.min(...numbers) : undefined)

/** @param {number} share @param {number} whole */
const percent = (share, whole) => (whole > 0 ? Math.max(0, (100 * share) / whole) : undefined)

export class QualityMeter {
  /** @type {Map<string, Stats>} */
  #before = new Map()
  /** @type {Map<string, number>} how often each encoder has been looked at */
  #looks = new Map()

  /**
   * Metrics since the last call; undefined if nothing was measured.
   *
   * @param {Stats[]} all       the entries of all connections, with ids that differ
   * @param {{ expectedFps?: number }} [expected]
   * @returns {Metrics | undefined}
   */
  measure(all, { expectedFps } = {}) {
    const byId = new Map(all.map((each) => [each.id, each]))
    const inbound = all.filter(({ type }) => type === 'inbound-rtp')
    const video = inbound.filter(({ kind }) => kind === 'video').map((each) => this.#since(each))
    const audio = inbound.filter(({ kind }) => kind === 'audio').map((each) => this.#since(each))
    const metrics = {
      ...this.#transport(all, byId),
      ...this.#audio(audio, byId),
      ...this.#video(video, expectedFps),
      ...this.#sending(all, byId),
    }
    this.#before = byId
    /** @type {Metrics} */
    const measured = {}
    for (const [name, value] of Object.entries(metrics)) {
      if (value !== undefined && !Number.isNaN(value)) measured[name] = value
    }
    return Object.keys(measured).length > 0 ? measured : undefined
  }

  /**
   * At the first look counters have grown from 0.
   *
   * @param {Stats} now
   * @returns {Growth}
   */
  #since(now) {
    const before = this.#before.get(now.id)
    return {
      now,
      grown: (counter) => (now[counter] ?? 0) - (before?.[counter] ?? 0),
      seconds: before ? (now.timestamp - before.timestamp) / 1000 : 0,
    }
  }

  /**
   * @param {Stats[]} all
   * @param {Map<string, Stats>} byId
   */
  #transport(all, byId) {
    const pairs = all.filter(({ type }) => type === 'transport')
      .map(({ selectedCandidatePairId }) => byId.get(selectedCandidatePairId))
      .filter((pair) => pair?.currentRoundTripTime !== undefined)
    return { rtt_ms: worst(pairs.map((pair) => 1000 * pair?.currentRoundTripTime)) }
  }

  /**
   * @param {Growth[]} audio
   * @param {Map<string, Stats>} byId
   */
  #audio(audio, byId) {
    const heard = audio.filter(({ grown }) => grown('packetsReceived') > 0)
    return {
      jitter_ms: worst(heard.map(({ now }) => 1000 * now.jitter)),
      jitter_buffer_ms: worst(heard.filter(({ grown }) => grown('jitterBufferEmittedCount') > 0)
        .map(({ grown }) => (1000 * grown('jitterBufferDelay')) / grown('jitterBufferEmittedCount'))),
      loss: percent(total(heard, 'packetsLost'), total(heard, 'packetsLost') + total(heard, 'packetsReceived')),
      fec: heard.length > 0
        ? heard.every(({ now }) => /useinbandfec=1/.test(byId.get(now.codecId)?.sdpFmtpLine))
        : undefined,
    }
  }

  /**
   * @param {Growth[]} video
   * @param {number | undefined} expectedFps
   */
  #video(video, expectedFps) {
    const seen = video.filter(({ grown }) => grown('packetsReceived') > 0)
    // what was sent again and came is not lost
    const lost = total(seen, 'packetsLost') - total(seen, 'retransmittedPacketsReceived')
    const timed = seen.filter(({ seconds }) => seconds > 0)
    const fps = least(timed.map(({ grown, seconds }) => grown('framesDecoded') / seconds))
    return {
      video_loss: percent(lost, lost + total(seen, 'packetsReceived')),
      height: least(seen.filter(({ now }) => now.frameHeight > 0).map(({ now }) => now.frameHeight)),
      freeze_ratio: worst(timed.map(({ grown, seconds }) => Math.min(1, grown('totalFreezesDuration') / seconds))),
      ...(fps !== undefined && expectedFps ? { fps, expected_fps: expectedFps } : {}),
    }
  }

  /**
   * What we send.  An encoder that gets all it wants shows nothing of how much
   * more there would be: then the estimate is left out.
   *
   * @param {Stats[]} all
   * @param {Map<string, Stats>} byId
   */
  #sending(all, byId) {
    const encoders = all.filter(({ type, kind, active }) =>
      type === 'outbound-rtp' && kind === 'video' && active !== false)
    for (const { id } of encoders) this.#looks.set(id, (this.#looks.get(id) ?? 0) + 1)
    const starved = encoders.filter(({ id, qualityLimitationReason }) =>
      qualityLimitationReason === 'bandwidth' && (this.#looks.get(id) ?? 0) > WARM_UP_LOOKS)
    const estimates = starved
      .map(({ transportId }) => byId.get(byId.get(transportId)?.selectedCandidatePairId)?.availableOutgoingBitrate)
      .filter((bitrate) => bitrate !== undefined)
    return {
      available_kbps: least(estimates.map((bitrate) => bitrate / 1000)),
      cpu_limited: encoders.length > 0
        ? encoders.some(({ qualityLimitationReason }) => qualityLimitationReason === 'cpu')
        : undefined,
    }
  }
}

/**
 * @param {Growth[]} streams
 * @param {string} counter
 */
function total(streams, counter) {
  return streams.reduce((sum, { grown }) => sum + grown(counter), 0)
}

/**
 * The entries of getStats() of all connections, with ids that differ.
 *
 * @param {RTCPeerConnection[]} connections
 * @returns {Promise<Stats[]>}
 */
export async function statsOf(connections) {
  const reports = await Promise.all(connections.map((each) => each.getStats().catch(() => new Map())))
  const refers = ['id', 'transportId', 'selectedCandidatePairId', 'codecId']
  return reports.flatMap((report, i) => [...report.values()].map((stats) => {
    const own = refers.map((key) => [key, `${i} ${stats[key]}`])
    return { ...stats, ...Object.fromEntries(own) }
  }))
}
