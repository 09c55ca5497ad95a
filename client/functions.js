/**
 * functions.js: the database's functions, called for one participant of one session.
 */

import { call, callOnce } from './rpc.js'

export class Functions {
  #supabase
  #caller
  #signal

  /**
   * @param {any} supabase
   * @param {string} sessionId
   * @param {string | undefined} participantId  if it is not the token's
   * @param {AbortSignal} signal  the session has ended
   */
  constructor(supabase, sessionId, participantId, signal) {
    this.#supabase = supabase
    this.#caller = { session_id: sessionId, ...(participantId && { participant_id: participantId }) }
    this.#signal = signal
  }

  /**
   * Until it answers, or the session has ended.
   *
   * @param {string} name
   * @param {object} args
   * @param {AbortSignal} [signal]
   */
  call(name, args, signal = this.#signal) {
    return call(this.#supabase, name, { ...this.#caller, ...args }, signal)
  }

  /**
   * @param {string} name
   * @param {object} args
   */
  callOnce(name, args) {
    return callOnce(this.#supabase, name, { ...this.#caller, ...args })
  }
}
