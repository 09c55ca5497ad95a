/**
 * settings.js: what the page is to do, and as whom.
 *
 * demo.json, beside the page, is
 *
 *     { "url": "http://127.0.0.1:4000",       the notifier; default: where the page is from
 *       "keys": ["eyJ...", ...],              one for each person who may be here
 *       "providers": {                        adapters by the names in harthio.provider
 *         "p2p": { "adapter": "p2p", "iceServers": [] },
 *         "daily": { "adapter": "janus", "url": "ws://127.0.0.1:8188" } } }
 *
 * The fragment can say `call`, `key` and `url` itself: it is sent to nobody.
 */

/**
 * @typedef {object} Settings
 * @property {string} url
 * @property {string} key
 * @property {string} name
 * @property {string} call
 * @property {Record<string, { adapter: string } & Record<string, any>>} providers
 */

/** @returns {Promise<Settings>} */
export async function readSettings() {
  const fragment = new URLSearchParams(location.hash.slice(1))
  /** @type {{ url?: string, keys?: string[], providers?: Settings['providers'] }} */
  const file = await fetch('demo.json').then((answer) => (answer.ok ? answer.json() : {}), () => ({}))
  const key = fragment.get('key') ?? await pickKey(file.keys ?? [])
  const call = fragment.get('call') ?? newCall()
  if (!fragment.has('call')) {
    fragment.set('call', call)
    history.replaceState(null, '', `#${fragment}`)
  }
  return {
    url: fragment.get('url') ?? file.url ?? location.origin,
    key,
    name: nameIn(key),
    call,
    providers: file.providers ?? { p2p: { adapter: 'p2p' } },
  }
}

/** The link for the others: this call, and nothing that is ours. */
export function linkTo(/** @type {string} */ call) {
  const fragment = new URLSearchParams({ call })
  const url = new URLSearchParams(location.hash.slice(1)).get('url')
  if (url) fragment.set('url', url)
  return `${location.origin}${location.pathname}${location.search}#${fragment}`
}

const newCall = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => 'abcdefghjkmnpqrstuvwxyz23456789'[byte % 31]).join('')

/** @param {string} key  a token */
function nameIn(key) {
  try {
    return String(JSON.parse(atob(key.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sub)
  } catch {
    return 'Nobody'
  }
}

/**
 * One of those that no other tab of this browser has; the same after a reload.
 *
 * @param {string[]} keys
 */
async function pickKey(keys) {
  if (keys.length === 0) return ''
  const stored = Number(sessionStorage.getItem('demo-person') ?? NaN)
  const first = Number.isInteger(stored) ? stored : Math.floor(Math.random() * keys.length)
  for (let i = 0; i < keys.length; i++) {
    const person = (first + i) % keys.length
    // after a reload the old page may still be letting go
    if (await hold(`demo-person-${person}`, i === 0 && Number.isInteger(stored) ? 500 : 0)) {
      sessionStorage.setItem('demo-person', String(person))
      return keys[person]
    }
  }
  return keys[first]
}

/**
 * Holds a lock while the page lives; false if another tab has it.
 *
 * @param {string} name
 * @param {number} patience  ms
 * @returns {Promise<boolean>}
 */
function hold(name, patience) {
  if (!navigator.locks) return Promise.resolve(true)
  return new Promise((resolve) => {
    const how = patience > 0 ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true }
    navigator.locks.request(name, how, (lock) => {
      resolve(lock !== null)
      return lock ? new Promise(() => {}) : undefined
    }).catch(() => resolve(false))
  })
}
