/**
 * token.js: who the token says we are.
 */

import { FunctionError } from './rpc.js'

/**
 * Throws a FunctionError if it names nobody.
 *
 * @param {any} supabase
 */
export async function participantOf(supabase) {
  await supabase.realtime.setAuth()
  let sub
  try {
    const payload = supabase.realtime.accessTokenValue.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0))
    sub = JSON.parse(new TextDecoder().decode(bytes)).sub
  } catch {
    // no token, or none that can be read
  }
  if (typeof sub !== 'string' || sub === '') {
    throw new FunctionError({ message: 'the token names nobody: sign in first', code: '42501' })
  }
  return sub
}
