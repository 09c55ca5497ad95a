/**
 * ladder.js: a rung of the video ladder, applied to what is sent.
 *
 * A rung caps the picture's lines and its frame rate.  The bitrate is left to
 * the browser, which knows the connection better: two that adapt it would
 * fight.  Better a pixelated call than none.
 */

/** Frames per second at each rung, as the server has them. */
export const FRAME_RATES = /** @type {Record<number, number>} */ ({ 720: 30, 480: 30, 360: 24, 240: 15 })

/**
 * What the encoder is told.  The lines of a picture are its shorter side, so
 * that a phone held upright is treated like one on its side.
 *
 * @param {number} rung
 * @param {{ width?: number, height?: number }} picture
 */
export function encodingFor(rung, { width = 0, height = 0 }) {
  if (rung === 0) return { active: false }
  return {
    active: true,
    scaleResolutionDownBy: Math.max(1, Math.min(width, height) / rung),
    maxFramerate: FRAME_RATES[rung],
  }
}

/** A shared screen must stay readable: it keeps its lines. */
const isText = (/** @type {MediaStreamTrack} */ track) =>
  track.contentHint === 'detail' || track.contentHint === 'text'

/** @type {WeakMap<RTCRtpSender, Promise<void>>} one change of a sender at a time */
const changes = new WeakMap()

/**
 * Applies a rung to a video sender.  Resolves also if the sender is gone.
 *
 * @param {RTCRtpSender} sender
 * @param {number} rung
 */
export function applyRung(sender, rung) {
  const change = (changes.get(sender) ?? Promise.resolve())
    .then(() => setEncoding(sender, rung))
    .catch(() => {})
  changes.set(sender, change)
  return change
}

/**
 * @param {RTCRtpSender} sender
 * @param {number} rung
 */
async function setEncoding(sender, rung) {
  const { track } = sender
  if (track?.kind !== 'video' || isText(track)) return
  const parameters = sender.getParameters()
  const encoding = encodingFor(rung, track.getSettings())
  for (const each of parameters.encodings) Object.assign(each, encoding)
  await sender.setParameters(parameters)
}
