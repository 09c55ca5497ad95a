// Tokens for demonstrations, as an authentication service would sign them:
// HS256, good for a day.
import { createHmac } from 'node:crypto'

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

export function signToken(secret, claims) {
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({
    ...claims,
    exp: Math.floor(Date.now() / 1000) + 24 * 3600,
  })}`
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}
