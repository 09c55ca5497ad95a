// Is a token good exactly if one of the operator's keys signed it?

import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as h from './harness.mjs'

const directory = mkdtempSync(path.join(tmpdir(), 'harthio-'))
const file = (name) => path.join(directory, name)
const write = (name, content) => {
  writeFileSync(file(name), typeof content === 'string' ? content : JSON.stringify(content))
  chmodSync(file(name), 0o600)
  return file(name)
}

const curves = { 256: 'P-256', 384: 'P-384', 512: 'P-521' }
const pairs = { rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }), ed: generateKeyPairSync('ed25519') }
for (const [bits, namedCurve] of Object.entries(curves)) pairs[`ec${bits}`] = generateKeyPairSync('ec', { namedCurve })
const octet = randomBytes(64)

const jwk = (kid, pair) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid })
const jwks = () => ({
  keys: [
    ...Object.entries(pairs).map(([kid, pair]) => jwk(kid, pair)),
    { kty: 'oct', kid: 'octet', k: octet.toString('base64url') },
  ],
})

const claims = (more = {}) => ({ role: 'authenticated', sub: 'alice', exp: h.inSeconds(60), ...more })
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

// A token that says `alg` and `kid`, and is signed by what is given.
function token(alg, kid, signature, more) {
  const text = `${encode({ alg, typ: 'JWT', ...(kid && { kid }) })}.${encode(claims(more))}`
  return `${text}.${signature(Buffer.from(text)).toString('base64url')}`
}

const withKey = (hash, key) => (text) => sign(hash, text, { key, dsaEncoding: 'ieee-p1363' })
const withSecret = (hash, secret) => (text) => createHmac(hash, secret).update(text).digest()

let notifier
before(async () => {
  notifier = await h.Notifier.start({ args: [
    '--jwks', write('jwks', jwks()),
    '--api-keys', write('api-keys', {
      sb_publishable_abc: { role: 'anon' }, sb_secret_abc: { role: 'service_role' } }),
  ] })
})
after(async () => {
  await notifier.stop()
  rmSync(directory, { recursive: true })
})

async function joined(jwt, to = notifier) {
  const client = h.clientKinds[h.newestKind](to, jwt)
  const channel = await client.join(`session:${h.newSession()}`, { wait: false })
  await h.eventually('an answer', () => channel.statuses.length > 0)
  client.close()
  return channel.statuses[0] === 'SUBSCRIBED' ? 'SUBSCRIBED' : channel.errors[0]
}

const good = {}
for (const bits of [256, 384, 512]) {
  good[`HS${bits} by the secret`] = () => token(`HS${bits}`, undefined, withSecret(`sha${bits}`, notifier.secret))
  good[`HS${bits} by a named key`] = () => token(`HS${bits}`, 'octet', withSecret(`sha${bits}`, octet))
  good[`RS${bits}`] = () => token(`RS${bits}`, 'rsa', withKey(`sha${bits}`, pairs.rsa.privateKey))
  good[`ES${bits}`] = () => token(`ES${bits}`, `ec${bits}`, withKey(`sha${bits}`, pairs[`ec${bits}`].privateKey))
}
for (const [name, make] of Object.entries(good)) {
  test(`supabase-js joins with a token of ${name}`, async () => {
    assert.equal(await joined(make()), 'SUBSCRIBED')
  })
}

const pem = pairs.rsa.publicKey.export({ type: 'spki', format: 'pem' })
const bad = {
  'the public key as the secret of HS256': [() => token('HS256', 'rsa', withSecret('sha256', pem)), /^JwtSignerError/],
  'the public key as the unnamed secret': [() => token('HS256', undefined, withSecret('sha256', pem)), /^JwtSignatureError/],
  'RS256 by another key': [() => token('RS256', 'rsa',
    withKey('sha256', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)), /^JwtSignatureError/],
  'RS256 without a kid': [() => token('RS256', undefined, withKey('sha256', pairs.rsa.privateKey)), /^JwtSignerError/],
  'RS256 with a kid that nobody has': [() => token('RS256', 'who', withKey('sha256', pairs.rsa.privateKey)),
    /^JwtSignerError: .*for key ID \(kid\) "who", check/],
  'ES256 by the key of another curve': [() => token('ES256', 'ec384', withKey('sha256', pairs.ec384.privateKey)), /^JwtSignerError/],
  'EdDSA, which the library lacks': [() => token('EdDSA', 'ed', withKey(null, pairs.ed.privateKey)), /^JwtSignerError/],
  'none, with the name of a key': [() => token('none', 'rsa', () => Buffer.alloc(0)), /^JwtSignerError/],
  'not valid yet': [() => token('RS256', 'rsa', withKey('sha256', pairs.rsa.privateKey), { nbf: h.inSeconds(100) }),
    /^InvalidJWTToken: Token is not valid before (9\d|100) seconds from now$/],
  'an API key that is not in the file': [() => 'sb_publishable_xyz', /^MalformedJWT: The API key is none that this server knows/],
  'a publishable key, where one must be somebody': [() => 'sb_publishable_abc', /^Unauthorized: /],
}
for (const [name, [make, reason]] of Object.entries(bad)) {
  test(`refused: ${name}`, async () => {
    assert.match(await joined(make()), reason)
  })
}

test('an API key joins as its claims say, and has no end', async () => {
  const client = await h.RawClient.connect(notifier, { apikey: 'sb_publishable_abc' })
  assert.equal((await client.join('realtime:public', { access_token: 'sb_publishable_abc' })).status, 'ok')
  client.close()
  assert.equal(await joined('sb_secret_abc'), 'SUBSCRIBED')
})

test('issuer and audience, where the operator wants them', async () => {
  const picky = await h.Notifier.start({ args: ['--jwt-issuer', 'me', '--jwt-audience', 'you'] })
  assert.equal(await joined(picky.token({ iss: 'me', aud: 'you' }), picky), 'SUBSCRIBED')
  assert.equal(await joined(picky.token({ iss: 'me', aud: ['we', 'you'] }), picky), 'SUBSCRIBED')
  assert.match(await joined(picky.token({ iss: 'I', aud: 'you' }), picky), /^InvalidJWTToken: .*\(iss\)/)
  assert.match(await joined(picky.token({ iss: 'me', aud: 'me' }), picky), /^InvalidJWTToken: .*\(aud\)/)
  await picky.stop()
})

test('it starts with a JWK set alone', async () => {
  const asymmetric = await h.Notifier.start({ secret: '', args: ['--jwks', file('jwks')] })
  assert.equal(await joined(good.ES256(), asymmetric), 'SUBSCRIBED')
  assert.match(await joined(token('HS256', undefined, withSecret('sha256', 'x')), asymmetric), /^JwtSignerError/)
  await asymmetric.stop()
})

test('secrets are rotated under a connection that stays open', async () => {
  const [old, fresh] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  const by = (secret) => h.signToken(claims(), { secret })
  const rotating = await h.Notifier.start({ secret: '', args: [
    '--jwt-secret', `@${write('secret', old)}`, '--config', write('rotation.conf', '')] })
  const client = await h.RawClient.connect(rotating, { apikey: by(old) })
  const join = (jwt) => {
    const ref = String(client.count = (client.count ?? 0) + 1)
    return client.join(`realtime:room-${ref}`, { access_token: jwt }, ref)
  }
  assert.equal((await join(by(old))).status, 'ok')
  assert.match((await join(by(fresh))).response.reason, /^JwtSignatureError/)

  write('secret', fresh)
  write('previous', old)
  write('rotation.conf', `jwt-secret-previous = @${file('previous')}\n`)
  await rotating.reload()
  assert.equal((await join(by(old))).status, 'ok')
  assert.equal((await join(by(fresh))).status, 'ok')

  write('rotation.conf', '')
  await rotating.reload()
  assert.match((await join(by(old))).response.reason, /^JwtSignatureError/)
  assert.equal((await join(by(fresh))).status, 'ok')

  // What was joined before lives on, until its token ends.
  client.send('1', 'x', 'realtime:room-1', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
  await client.heartbeat()
  assert.ok(!client.frames.some((frame) => frame[3] === 'phx_error' || frame[4]?.status === 'error'))
  client.close()
  await rotating.stop()
})

test('neither keys nor secrets are ever logged', async () => {
  await joined('sb_secret_nonsense')
  const log = notifier.lines.join('\n')
  for (const secret of [notifier.secret, 'sb_secret_', 'sb_publishable_', octet.toString('base64url')]) {
    assert.ok(!log.includes(secret))
  }
})
