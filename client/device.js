/**
 * device.js: which device this page is, so that a reload replaces it.
 *
 * The id lives in sessionStorage, which survives a reload, and is a tab's own.
 * A duplicated tab has a copy of it: a lock that is held while the page lives
 * tells the two apart.
 */

/** crypto.randomUUID() is there only on https and localhost. */
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const KEY = 'harthio-device'

/** How long the page that is being left may take to let go of its lock. */
const HANDOVER_MS = 500

/**
 * @typedef {object} Device
 * @property {string} device
 * @property {number} incarnation  grows with each load of the page
 */

/** @type {Promise<Device> | undefined} */
let thisPage

/** The same for the whole life of the page. */
export function thisDevice() {
  thisPage ??= identify()
  return thisPage
}

/** @returns {Promise<Device>} */
async function identify() {
  const stored = read()
  const keep = stored !== undefined && await lock(stored.device)
  const device = keep ? stored.device : randomId()
  if (!keep) await lock(device)
  // not the clock alone: it can be set back
  const incarnation = Math.max(Date.now(), keep ? stored.incarnation + 1 : 0)
  write({ device, incarnation })
  return { device, incarnation }
}

/**
 * Holds the device's lock as long as the page lives; false if another page does.
 *
 * @param {string} device
 * @returns {Promise<boolean>}
 */
function lock(device) {
  if (!globalThis.navigator?.locks) return Promise.resolve(true)
  return new Promise((resolve) => {
    navigator.locks.request(`${KEY}-${device}`, { signal: AbortSignal.timeout(HANDOVER_MS) }, () => {
      resolve(true)
      return new Promise(() => {})
    }).catch(() => resolve(false))
  })
}

/** @returns {Device | undefined} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') ?? undefined
  } catch {
    return undefined // no storage, or not ours
  }
}

/** @param {Device} device */
function write(device) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(device))
  } catch {
    // a page without storage is a new device each time
  }
}
