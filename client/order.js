/**
 * order.js: which of two states of a session is newer.
 *
 * Generation (the database's timeline), epoch, version, in this order.  What is
 * not newer is dropped, so a late, repeated or lost message does no harm.  An
 * assignment, which has no version, is older than every state of its epoch.
 */

/**
 * @typedef {object} Position
 * @property {number} generation
 * @property {number} epoch
 * @property {number} [version]
 */

/**
 * Negative if one is older than the other, 0 if they are the same.
 *
 * @param {Position} one
 * @param {Position} other
 */
export function compare(one, other) {
  return one.generation - other.generation ||
    one.epoch - other.epoch ||
    (one.version ?? -1) - (other.version ?? -1)
}

/**
 * @param {Position} one
 * @param {Position | undefined} other  undefined is older than everything
 */
export function isNewer(one, other) {
  return other === undefined || compare(one, other) > 0
}

/**
 * The same assignment?  Only then do two pages meet.
 *
 * @param {Position | undefined} one
 * @param {Position | undefined} other
 */
export function isSameEpoch(one, other) {
  return one !== undefined && other !== undefined &&
    one.generation === other.generation && one.epoch === other.epoch
}
