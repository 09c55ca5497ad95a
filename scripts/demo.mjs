// The main job, seen from outside: two participants claim a provider, one
// reports that it failed, both are moved, and a subscriber hears of it.
//
//   node scripts/demo.mjs NOTIFIER_URL JWT_SECRET     (with PGHOST, PGPORT ...)
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import WebSocket from 'ws'
import { createClient } from '@supabase/supabase-js'
import { signToken } from './token.mjs'

const [url, secret] = process.argv.slice(2)
const sessionId = 'demo'

const token = (claims) => signToken(secret, claims)

const database = new pg.Client()
await database.connect()

// what PostgREST does for a request: the caller's claims for one transaction
async function call(participant, sql, values) {
  const claims = JSON.stringify({ role: 'authenticated', sub: participant })
  await database.query('BEGIN')
  await database.query('SET LOCAL ROLE authenticated')
  await database.query("SELECT set_config('request.jwt.claims', $1, true)", [claims])
  const { rows } = await database.query(sql, values)
  await database.query('COMMIT')
  return rows[0]
}

function tell(participant, what, { epoch, provider, room }) {
  console.log(`  ${participant.padEnd(6)} ${what.padEnd(18)} -> epoch ${epoch}: ${provider}, ${room}`)
}

async function until(condition, what) {
  for (const deadline = Date.now() + 20000; !condition(); await delay(10)) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within 20 seconds`)
  }
}

const key = token({ role: 'authenticated', sub: 'bob' })
const supabase = createClient(url, key, {
  accessToken: async () => key,
  realtime: { transport: WebSocket },
})
const received = []
let status
supabase
  .channel(`session:${sessionId}`)
  .on('broadcast', { event: '*' }, ({ event, payload }) => received.push({ event, payload }))
  .subscribe((newStatus) => (status = newStatus))
await until(() => status === 'SUBSCRIBED', 'the subscription')

console.log(`\nsession "${sessionId}"; bob listens with supabase-js:\n`)
const claim = 'SELECT * FROM harthio_claim_provider($1)'
const fail = 'SELECT * FROM harthio_report_outcome($1, 1, false)'
tell('alice', 'claims', await call('alice', claim, [sessionId]))
await until(() => received.length === 1, 'the first message')
tell('bob', 'claims', await call('bob', claim, [sessionId]))
tell('alice', 'reports a failure', await call('alice', fail, [sessionId]))
tell('bob', 'reports it too', await call('bob', fail, [sessionId]))
await until(() => received.length === 2, 'the second message')

console.log('\nbob received:\n')
for (const { event, payload } of received) console.log(`  ${event} ${JSON.stringify(payload)}`)

console.log('\nkeys, good for a day:\n')
for (const sub of ['alice', 'bob']) console.log(`  ${sub.padEnd(6)} ${token({ role: 'authenticated', sub })}`)

await supabase.removeAllChannels()
supabase.realtime.disconnect()
await database.end()
