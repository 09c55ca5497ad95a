/**
 * own_media.js: what we send, and what the others are told of it.
 *
 * Frames that were never made are missed by the others and no provider lost
 * them: a page in the background may stop to draw, a camera may be taken away.
 * So the others know whether our camera gives frames, and how many.
 */

/** A camera that gives no frame for so long is as good as off. */
const STILL_MS = 2000

/** Over how long its rate is measured. */
const RATE_MS = 5000

/** @typedef {{ audio: boolean, video: boolean, frameRate: number }} Presented */

export class OwnMedia {
  /** @type {MediaStream} */
  stream = new MediaStream()

  #present
  #muted = { audio: false, video: false }
  /** What our camera has given so far, and since when it gives nothing. */
  #camera = { frames: -1, at: 0, still: false }
  /** How much it gives: less than it promises in the dark, or on a busy machine. */
  #rate = { frames: 0, at: 0, perSecond: 0 }

  /** @param {(fields: Presented) => void} present  tells the others */
  constructor(present) {
    this.#present = present
  }

  /**
   * A camera that was refused is the client's own fault, and no reason not to join.
   *
   * @param {MediaStream | Promise<MediaStream> | undefined} media
   * @returns {Promise<string | undefined>} whose fault it is that there is none
   */
  async take(media) {
    /** @type {string | undefined} */
    let fault
    try {
      this.stream = await media ?? new MediaStream()
    } catch (error) {
      const denied = error instanceof DOMException && error.name === 'NotAllowedError'
      fault = denied ? 'permission_denied' : 'no_device'
    }
    this.#tell()
    return fault
  }

  /** @param {{ audio?: boolean, video?: boolean }} muted */
  mute(muted) {
    Object.assign(this.#muted, muted)
    this.#tell()
  }

  /**
   * @param {number | undefined} frames  that the camera has given so far, if that is known
   */
  watch(frames) {
    if (frames === undefined) return
    const now = performance.now()
    if (frames !== this.#camera.frames) Object.assign(this.#camera, { frames, at: now })
    const still = now - this.#camera.at > STILL_MS
    const changed = this.#measureRate(frames, now) || still !== this.#camera.still
    this.#camera.still = still
    if (changed) this.#tell()
  }

  /**
   * Has the rate changed enough to be told?
   *
   * @param {number} frames
   * @param {number} now
   */
  #measureRate(frames, now) {
    const before = this.#rate
    if (frames >= before.frames && now - before.at < RATE_MS) return false
    const perSecond = Math.round((1000 * (frames - before.frames)) / (now - before.at))
    const changed = before.at > 0 && frames > before.frames && Math.abs(perSecond - before.perSecond) > 1
    this.#rate = { frames, at: now, perSecond: changed ? perSecond : before.perSecond }
    return changed
  }

  #tell() {
    const { audio, video } = this.#muted
    const sends = (/** @type {MediaStreamTrack} */ track) => track.enabled && track.readyState === 'live'
    for (const track of this.stream.getAudioTracks()) track.enabled = !audio
    for (const track of this.stream.getVideoTracks()) track.enabled = !video
    this.#present({
      audio: this.stream.getAudioTracks().some(sends),
      video: this.stream.getVideoTracks().some(sends) && !this.#camera.still,
      frameRate: this.#rate.perSecond,
    })
  }
}
