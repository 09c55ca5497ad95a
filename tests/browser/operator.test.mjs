// Does the operator's page show what is so, do what it is told, and nothing that
// anybody who is shown on it wants?

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import * as h from './harness.mjs'

const URL = 'http://127.0.0.1:4001/'

// The statements of the documentation, as they stand there.
const reference = readFileSync(path.join(h.root, 'docs/reference.md'), 'utf8')
const [, grants] = /```sql\n(CREATE ROLE harthio_operator[^`]*)```/.exec(reference)

await h.sql(grants)
await h.sql('SELECT harthio_enable_provider(provider) FROM harthio_providers()')
const notifier = await h.startNotifier({ args: ['--internal-listen', '127.0.0.1:4001', '--operator-role', 'harthio_operator',
  '--operator-pages', path.join(h.root, 'web/operator')] })
const page = await h.openPage(URL, { viewport: { width: 1280, height: 900 } })

const token = (claims = {}) => notifier.token({ role: 'harthio_operator', sub: 'olga', ...claims })
const claim = async (session, participant = 'alice') =>
  (await h.sql('SELECT * FROM harthio_claim_provider($1, $2)', [session, participant]))[0]
const report = async (session, epoch, participant, success = true, ms = 400) =>
  (await h.sql('SELECT * FROM harthio_report_outcome($1, $2, $3, $4, participant_id => $5)', [session, epoch, success, ms, participant]))[0]
const move = async (session, epoch, reason = 'requested') =>
  (await h.sql('SELECT * FROM harthio_switch_provider($1, $2, $3)', [session, epoch, reason]))[0]
const end = (session) => h.sql('SELECT harthio_end_session($1)', [session])

const text = (selector, of = page) => of.locator(selector).innerText()
const visible = (selector, of = page) => of.locator(selector).isVisible()
const shows = (selector, what, of = page) => h.eventually(`${selector} shows ${what}`, async () => {
  const shown = await text(selector, of)
  return what instanceof RegExp ? what.test(shown) : shown.includes(what)
})
const card = (provider) => `[data-provider="${provider}"]`

async function signIn(jwt, of = page) {
  await of.fill('#token', jwt)
  await of.click('#sign-in-form button')
}
const signedIn = (of = page) => h.eventually('signed in', () => visible('#state', of))

// ---------------------------------------------------------------- signing in

test('nobody gets in without a good token of the operator\'s role', async () => {
  const cases = [
    ['nonsense', /JWT|token/i],
    [token({ exp: Math.floor(Date.now() / 1000) - 60 }), /expired/],
    [notifier.token(), /no operator's/],
    [notifier.token({ role: 'service_role' }), /no operator's/],
  ]
  for (const [jwt, problem] of cases) {
    await signIn(jwt)
    await shows('#sign-in-problem', problem)
    assert.equal(await visible('#state'), false)
    assert.equal(await page.evaluate(() => sessionStorage.length), 0)
  }
})

test('with one everything is shown: nothing, so far', async () => {
  await signIn(token())
  await signedIn()
  await shows('#who', 'olga')
  await shows('#link', 'live')
  await shows('#together', 'Everyone is together')
  for (const nothing of ['#no-sessions', '#no-switches']) assert.ok(await visible(nothing))
  assert.equal(await page.locator('.card').count(), 2)
})

test('a reload stays signed in; signing out forgets the token', async () => {
  const other = await h.openPage(URL)
  await signIn(token(), other)
  await signedIn(other)
  await other.reload()
  await signedIn(other)
  await other.click('#sign-out')
  assert.equal(await visible('#state', other), false)
  assert.equal(await other.locator('.card').count(), 0)
  await other.reload()
  await h.eventually('the form', () => visible('#sign-in', other))
  await h.closePage(other)
})

test('a token in the address signs in, and is in it no more', async () => {
  const other = await h.openPage(`${URL}#token=${token()}`)
  await signedIn(other)
  assert.equal(other.url(), URL)
  assert.equal(await other.evaluate(() => history.length <= 2), true)
  await h.closePage(other)
})

test('a token that ends signs out, and says so', async () => {
  const other = await h.openPage(`${URL}#token=${token({ exp: Math.floor(Date.now() / 1000) + 8 })}`)
  await signedIn(other)
  await shows('#sign-in-problem', 'expired', other)
  await h.closePage(other)
})

// ---------------------------------------------------------------- looking

test('scores move when outcomes arrive: the number and the chart', async () => {
  const session = h.newSession()
  const { provider, epoch } = await claim(session)
  const before = Number(await text(`${card(provider)} .score`))
  const line = await page.locator(`${card(provider)} .line`).getAttribute('d')

  await report(session, epoch, 'alice', true, 432)
  await h.eventually('a higher score', async () => Number(await text(`${card(provider)} .score`)) === before + 5)
  await shows(`${card(provider)} .figures`, '432 ms')
  await shows(`${card(provider)} .figures`, '100%')
  assert.notEqual(await page.locator(`${card(provider)} .line`).getAttribute('d'), line)
  assert.match(await page.locator(`${card(provider)} .plot`).getAttribute('aria-label'), new RegExp(`highest ${before + 5}`))
  await shows('#sessions', session)

  // the pointer and the arrow keys show values
  await page.hover(`${card(provider)} .plot`, { position: { x: 5, y: 5 } })
  assert.match(await text(`${card(provider)} .value`), /\d\d:\d\d:\d\d +\d+\.\d +(excellent|good)/)
  await page.focus(`${card(provider)} .plot`)
  await page.keyboard.press('End')
  await shows(`${card(provider)} .value`, new RegExp(` ${before + 5}\\.0| ${before + 4}\\.9`))
  await page.keyboard.press('Tab')
  assert.equal(await visible(`${card(provider)} .value`), false)
  await end(session)
  await h.eventually('the session is gone', async () => !(await text('#sessions-count')).includes('1'))
})

test('a failure moves a session: the feed says from where to where, and why', async () => {
  const session = h.newSession()
  const { provider } = await claim(session)
  const moved = await report(session, 1, 'alice', false)
  await shows('#switches li', session)
  const first = await text('#switches li >> nth=0')
  assert.match(first.replace(/\s+/g, ' '), new RegExp(`${provider} ?→ ?${moved.provider} .*failed · epoch 2 · by alice`))
  await shows('#sessions', `2 (1 switch)`)
  await end(session)
})

test('who is apart is shown in red, and green is back when they are together', async () => {
  const session = h.newSession()
  const { epoch, provider } = await claim(session)
  await claim(session, 'bob')
  for (const who of ['alice', 'bob']) await report(session, epoch, who)
  const { provider: next } = await move(session, epoch)
  await report(session, 2, 'bob')

  await shows('#together', '1 pair apart')
  const row = (await text('#apart tbody tr')).replace(/\s+/g, ' ')
  assert.match(row, new RegExp(`${session} alice · ${provider}, epoch 1 bob · ${next}, epoch 2`))
  assert.equal(await page.getAttribute('#together', 'data-is'), 'apart')
  assert.match(await page.title(), /1 apart/)

  await report(session, 2, 'alice')
  await shows('#together', 'Everyone is together')
  assert.equal(await visible('#apart'), false)
  await end(session)
})

test('hostile text is text', async () => {
  const markup = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"'&amp;\u202Eevil`
  const session = h.newSession()
  await claim(session, markup)
  await claim(session, 'bob')
  for (const who of [markup, 'bob']) await report(session, 1, who)
  await move(session, 1, markup.slice(0, 60))
  await report(session, 2, 'bob')
  await shows('#apart', markup)
  await shows('#switches li >> nth=0', markup.slice(0, 60))
  assert.equal(await page.locator('main img, main script').count(), 0)
  assert.equal(await page.evaluate(() => window.hacked), undefined)
  assert.deepEqual(page.problems, [])
  await end(session)
  await shows('#together', 'Everyone is together')
})

// ---------------------------------------------------------------- acting

test('a provider is drained and enabled, once that is confirmed', async () => {
  const enabled = async () => (await h.sql("SELECT enabled FROM harthio.provider WHERE provider = 'p2p'"))[0].enabled

  // by keyboard, and changed one's mind
  await page.focus(`${card('p2p')} button[aria-label="drain p2p"]`)
  await page.keyboard.press('Enter')
  await shows('#confirm', 'Drain p2p?')
  await page.keyboard.press('Escape')
  assert.equal(await visible('#confirm'), false)
  await page.click(`${card('p2p')} button[aria-label="drain p2p"]`)
  await page.click('#confirm button[value=no]')
  assert.equal(await enabled(), true)

  await page.click(`${card('p2p')} button[aria-label="drain p2p"]`)
  await page.click('#confirm-yes')
  await shows('#notice', 'p2p is drained')
  await shows(`${card('p2p')} .condition`, 'drained')
  assert.equal(await enabled(), false)

  await page.click(`${card('p2p')} button[aria-label="enable p2p"]`)
  await page.click('#confirm-yes')
  await shows(`${card('p2p')} .condition`, 'takes sessions')
  assert.equal(await enabled(), true)
})

test('an evacuation empties a provider, and shows how far it is', async () => {
  const sessions = Array.from({ length: 8 }, (_, i) => `evacuated-${i}`)
  for (const session of sessions) await claim(session)
  const { provider } = await claim(sessions[0])
  await shows(`${card(provider)} .figures div:first-child dd`, /^8$/)

  // it is another sweep's turn, so that nothing is moved yet but what moves by itself
  const other = new pg.Client({ user: 'postgres' })
  await other.connect()
  await other.query('BEGIN')
  await other.query('LOCK TABLE harthio.evacuation IN SHARE UPDATE EXCLUSIVE MODE')
  const progress = () => page.locator(`${card(provider)} progress`).evaluate((bar) => [bar.value, bar.max])

  await page.click(`${card(provider)} button[aria-label="evacuate ${provider}"]`)
  await shows('#confirm', `8 sessions on it move to ${provider === 'daily' ? 'p2p' : 'daily'}.`)
  await page.click('#confirm-yes')
  await shows('#notice', `8 sessions of ${provider} are being moved`)
  await shows(`${card(provider)} .evacuation`, '0 of 8 sessions moved')
  await shows(`${card(provider)} .condition`, 'being evacuated')
  assert.equal(await visible(`${card(provider)} button[aria-label="evacuate ${provider}"]`), false)
  for (const session of sessions.slice(0, 3)) await move(session, 1)
  await shows(`${card(provider)} .evacuation`, '3 of 8 sessions moved')
  assert.deepEqual(await progress(), [3, 8])

  await other.query('COMMIT')
  await other.end()
  await shows(`${card(provider)} .evacuation`, /empty since \d\d:\d\d:\d\d, when 8 sessions had left/)
  await shows(`${card(provider)} .condition`, 'drained')
  await shows(`${card(provider)} .figures div:first-child dd`, /^0$/)
  assert.equal(await visible(`${card(provider)} progress`), false)
  await shows('#switches li >> nth=0', 'evacuated · epoch 2 · by olga')

  await page.click(`${card(provider)} button[aria-label="enable ${provider}"]`)
  await page.click('#confirm-yes')
  await shows(`${card(provider)} .condition`, 'takes sessions')
  for (const session of sessions) await end(session)
})

test('what the database refuses is said', async () => {
  await h.sql('REVOKE EXECUTE ON FUNCTION harthio_drain_provider(text) FROM harthio_operator')
  await page.click(`${card('p2p')} button[aria-label="drain p2p"]`)
  await page.click('#confirm-yes')
  await shows('#notice', 'Not done: permission denied for function harthio_drain_provider')
  await h.sql('GRANT EXECUTE ON FUNCTION harthio_drain_provider(text) TO harthio_operator')
  assert.ok(await visible('#state'))
})

// ---------------------------------------------------------------- faults

test('when the notifier is gone the page says so, and goes on when it is back', async () => {
  await notifier.stop()
  await shows('#banner', /Cannot reach the notifier\. What is shown is from \d\d:\d\d:\d\d/)
  await shows('#link', 'cannot reach')
  await notifier.restart()
  await shows('#link', 'live')
  assert.equal(await visible('#banner'), false)
})

test('so it does when the database is gone', async () => {
  await h.sql('REVOKE harthio_operator FROM harthio_notifier')
  await h.eventually('the refusal', () => visible('#sign-in'))
  await shows('#sign-in-problem', 'permission denied to set role')
  await h.sql('GRANT harthio_operator TO harthio_notifier')
  await signIn(token())
  await signedIn()
  await h.restartPostgres()
  await shows('#link', 'live')
})

test('a notifier without an operator says so', async () => {
  const other = await h.startNotifier({ args: ['--internal-listen', '127.0.0.1:4002',
    '--operator-pages', path.join(h.root, 'web/operator')] })
  const there = await h.openPage('http://127.0.0.1:4002/')
  await signIn(other.token({ role: 'harthio_operator' }), there)
  await shows('#sign-in-problem', '--operator-role', there)
  await h.closePage(there)
  await other.stop()
})

// ---------------------------------------------------------------- how it looks

// A morning: hosted calls were bad for a while, and recovered.
async function anOrdinaryMorning() {
  await h.sql(`
    DELETE FROM harthio.assignment;
    INSERT INTO harthio.score_history (provider, minute, score)
    SELECT provider, date_trunc('minute', now()) - m * interval '1 minute',
      CASE provider
        WHEN 'daily' THEN CASE WHEN m BETWEEN 70 AND 100 THEN 52 + abs(m - 85) * 2.2 ELSE 88 END + 4 * sin(m * 0.35) + 2 * cos(m * 1.7)
        ELSE 68 + 5 * sin(m * 0.11) + 2 * sin(m * 0.9) END
      FROM generate_series(1, 170) m, unnest(ARRAY['daily', 'p2p']) provider
    ON CONFLICT DO NOTHING`)
  const people = ['amira', 'bo', 'chen', 'dana', 'eli', 'femi']
  const rooms = ['standup-7f3a', 'clinic-0412', 'interview-b81', 'lesson-violin-3', 'support-9921', 'board-q3', 'family-okafor',
    'physio-lee', 'sales-acme', 'pairing-ui', 'townhall-lisbon', 'tutor-maths-12']
  const inside = (i) => people.slice(0, 2 + i % 4)
  const connect = async (i, epoch) => {
    for (const [k, who] of inside(i).entries()) await report(rooms[i], epoch, who, true, 280 + 97 * ((i * 3 + k) % 7))
  }
  for (const [i, room] of rooms.entries()) {
    for (const who of inside(i)) await claim(room, who)
    await connect(i, 1)
  }
  await report('support-9921', 1, 'bo', false)
  for (const [room, who, reason] of [['clinic-0412', 'chen', 'degraded'], ['pairing-ui', 'amira', 'requested']]) {
    await h.sql(`SET request.jwt.claims = '{"role": "service_role", "sub": "${who}"}';
      SELECT harthio_switch_provider('${room}', 1, '${reason}')`)
  }
  for (const room of ['support-9921', 'clinic-0412', 'pairing-ui']) await connect(rooms.indexOf(room), 2)
  await h.sql(`UPDATE harthio.assignment SET assigned_at = assigned_at - CASE epoch
    WHEN 1 THEN interval '11 minutes' + interval '43 seconds' * (ascii(session_id) - 96) ELSE interval '97 seconds' * (ascii(session_id) % 5) END`)
}

test('screenshots', async () => {
  await anOrdinaryMorning()
  const fresh = await h.openPage(`${URL}#token=${token()}`, { viewport: { width: 1280, height: 900 } })
  await shows('#sessions', 'tutor-maths-12', fresh)
  await shows('#switches', 'pairing-ui', fresh)
  await h.screenshotForDocs(fresh, 'operator')

  // on a telephone, in the dark, nothing is wider than the screen
  await fresh.emulateMedia({ colorScheme: 'dark' })
  await fresh.setViewportSize({ width: 390, height: 844 })
  assert.equal(await fresh.evaluate(() => document.documentElement.scrollWidth), 390)
  await h.screenshot(fresh, 'operator-phone', { fullPage: true })
  await fresh.setViewportSize({ width: 1280, height: 900 })
  await h.screenshot(fresh, 'operator-dark')

  await claim('apart-now', 'amira')
  await claim('apart-now', 'bo')
  for (const who of ['amira', 'bo']) await report('apart-now', 1, who)
  await move('apart-now', 1)
  await report('apart-now', 2, 'bo')
  await shows('#together', '1 pair apart', fresh)
  await h.screenshot(fresh, 'operator-apart')
  await end('apart-now')
  assert.deepEqual(fresh.problems, [])
})
