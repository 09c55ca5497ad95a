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
  const token = supabase.realtime.accessTokenValue ?? ''
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0))
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub)
  } catch {
    throw new FunctionError({ message: 'the token names nobody: sign in first', code: '42501' })
  }
}
