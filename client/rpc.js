/**
 * rpc.js: the database's functions, asked until they answer.
 *
 * A database or a network that is away for a while is nobody's fault and no
 * answer: without the database's answer a client waits, it never chooses alone.
 */

const FIRST_DELAY_MS = 250
const LAST_DELAY_MS = 5000
const ATTEMPT_MS = 8000

/** SQLSTATEs that may be gone the next time: lost connections, resources, conflicts, shutdown. */
const TRANSIENT = /^(08|40|57|58)...$|^53(?!400)...$|^PGRST00.$/

/** The database, or what stands before it, said no. */
export class FunctionError extends Error {
  /** @param {{ message: string, code?: string, details?: string | null, hint?: string | null }} error */
  constructor({ message, code, details, hint }) {
    super(message)
    this.name = 'FunctionError'
    this.code = code ?? ''
    this.details = details ?? ''
    this.hint = hint ?? ''
  }
}

/**
 * @typedef {object} Answer
 * @property {any} data
 * @property {{ message: string, code?: string, details?: string | null, hint?: string | null } | null} error
 * @property {number} status  0: it was not reached
 */

/**
 * May the same call succeed later?
 *
 * @param {Answer} answer
 */
export function isTransient({ error, status }) {
  return error !== null && (status === 0 || status === 429 || status >= 502 ||
    TRANSIENT.test(error.code ?? ''))
}

/**
 * Calls a function once.  Never throws: not to reach it is an answer too.
 *
 * @param {any} supabase
 * @param {string} name
 * @param {object} args
 * @returns {Promise<Answer>}
 */
export async function callOnce(supabase, name, args) {
  const attempt = new AbortController()
  const timer = setTimeout(() => attempt.abort(), ATTEMPT_MS)
  try {
    return await supabase.rpc(name, args).abortSignal(attempt.signal)
  } catch (error) {
    return { data: null, error: { message: String(error) }, status: 0 }
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Calls a function until it answers; throws a FunctionError if it says no.  The
 * signal ends the waiting, with its reason; a call that is on its way is let
 * end, so that whoever gives up knows what has become of it.
 *
 * @param {any} supabase
 * @param {string} name
 * @param {object} args
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
export async function call(supabase, name, args, signal) {
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LAST_DELAY_MS)) {
    signal.throwIfAborted()
    const answer = await callOnce(supabase, name, args)
    if (!answer.error) return answer.data
    if (!isTransient(answer)) throw new FunctionError(answer.error)
    // not all at the same moment when the database comes back
    await pause(delay * (0.5 + Math.random() / 2), signal)
  }
}

/**
 * Resolves after a while, when the network comes back, or when aborted.
 *
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      globalThis.removeEventListener?.('online', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    globalThis.addEventListener?.('online', done)
  })
}
