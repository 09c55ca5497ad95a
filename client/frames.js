/**
 * frames.js: what has arrived from each peer, counted.
 *
 * From getStats(), by the track's id.  Of a provider that hides its connections
 * a video element that nobody sees counts the frames.
 */

/** @typedef {import('./watch.js').Arrived} Arrived */

/**
 * Frames decoded and audio packets of each track.
 *
 * @param {RTCPeerConnection[]} connections
 * @returns {Promise<Map<string, Arrived>>}
 */
async function arrivedByTrack(connections) {
  const counted = new Map()
  const reports = await Promise.all(connections.map((each) => each.getStats().catch(() => new Map())))
  for (const report of reports) {
    for (const stats of report.values()) {
      if (stats.type !== 'inbound-rtp') continue
      const frames = stats.framesDecoded ?? 0
      const sounds = stats.kind === 'audio' ? stats.packetsReceived ?? 0 : 0
      counted.set(stats.trackIdentifier, { frames, sounds })
    }
  }
  return counted
}

export class FrameCounter {
  /** @type {WeakMap<MediaStream, HTMLVideoElement>} */
  #elements = new WeakMap()

  /**
   * @param {RTCPeerConnection[]} connections
   * @param {Map<string, MediaStream>} streams  by peerId
   * @returns {Promise<Map<string, Arrived>>}
   */
  async count(connections, streams) {
    const byTrack = await arrivedByTrack(connections)
    const arrived = new Map()
    for (const [peerId, stream] of streams) {
      arrived.set(peerId, connections.length > 0 ? sum(stream, byTrack) : this.#played(stream))
    }
    return arrived
  }

  /** @param {MediaStream} stream */
  #played(stream) {
    let element = this.#elements.get(stream)
    if (!element) {
      element = Object.assign(document.createElement('video'), { muted: true, srcObject: stream })
      element.play().catch(() => {})
      this.#elements.set(stream, element)
    }
    return {
      frames: element.getVideoPlaybackQuality().totalVideoFrames,
      sounds: stream.getAudioTracks().some(({ muted }) => !muted) ? element.currentTime : 0,
    }
  }
}

/**
 * @param {MediaStream} stream
 * @param {Map<string, Arrived>} byTrack
 */
function sum(stream, byTrack) {
  const total = { frames: 0, sounds: 0 }
  for (const { id } of stream.getTracks()) {
    total.frames += byTrack.get(id)?.frames ?? 0
    total.sounds += byTrack.get(id)?.sounds ?? 0
  }
  return total
}
