/**
 * frames.js: what has arrived from each peer, and what our camera gives, counted.
 *
 * From getStats(), by the track's id.  Of a provider that hides its connections
 * a video element that nobody sees counts the frames.
 */

/**
 * @typedef {import('./watch.js').Arrived} Arrived
 * @typedef {Partial<Arrived>} Counted  what the browser does not count yet is left out
 */

export class FrameCounter {
  /** @type {number | undefined} frames that what we send was made of; undefined if the browser does not say */
  captured

  /** Does the provider show its connections?  It may have none for a moment. */
  #shows = false
  /** @type {WeakMap<MediaStream, HTMLVideoElement>} */
  #elements = new WeakMap()

  /**
   * @param {RTCPeerConnection[]} connections
   * @param {Map<string, MediaStream>} streams  by peerId
   * @returns {Promise<Map<string, Arrived>>}
   */
  async count(connections, streams) {
    const byTrack = await this.#read(connections)
    this.#shows ||= connections.length > 0
    const arrived = new Map()
    for (const [peerId, stream] of streams) {
      arrived.set(peerId, this.#shows ? sum(stream, byTrack) : this.#played(stream))
    }
    return arrived
  }

  /**
   * Frames decoded and audio packets of each track.
   *
   * @param {RTCPeerConnection[]} connections
   */
  async #read(connections) {
    /** @type {Map<string, Counted>} */
    const byTrack = new Map()
    this.captured = undefined
    const reports = await Promise.all(connections.map((each) => each.getStats().catch(() => new Map())))
    for (const stats of reports.flatMap((report) => [...report.values()])) {
      if (stats.type === 'inbound-rtp') {
        const sounds = stats.kind === 'audio' ? stats.packetsReceived : 0
        byTrack.set(stats.trackIdentifier, { frames: stats.framesDecoded, sounds, bytes: stats.bytesReceived })
      } else if (stats.type === 'media-source' && stats.frames !== undefined) {
        this.captured = (this.captured ?? 0) + stats.frames
      }
    }
    return byTrack
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
      bytes: 0,
    }
  }
}

/**
 * @param {MediaStream} stream
 * @param {Map<string, Counted>} byTrack
 */
function sum(stream, byTrack) {
  const total = { frames: 0, sounds: 0, bytes: 0 }
  for (const { id, kind } of stream.getTracks()) {
    const { frames = 0, sounds = 0, bytes = 0 } = byTrack.get(id) ?? {}
    total.frames += frames
    total.sounds += sounds
    if (kind === 'video') total.bytes += bytes
  }
  return total
}
