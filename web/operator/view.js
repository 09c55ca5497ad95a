// What the page shows of one answer of the notifier.

import { byId, keyed, make, setHidden, setText } from './dom.js'
import { duration, milliseconds, number, plural, time } from './format.js'
import { ProviderCard } from './provider.js'

// Text of somebody else: cut where it is too long, whole where the pointer is.
function cell(className = '') {
  const content = make('bdi')
  const element = make('td', className, content)
  return { element, set(text) {
    setText(content, text)
    if (element.title !== String(text ?? '')) element.title = text ?? ''
  } }
}

// A table row whose cells are set by name.
function row(names, classes = {}) {
  const element = make('tr')
  element.cells_ = Object.fromEntries(names.map((name) => {
    const each = cell(classes[name])
    element.append(each.element)
    return [name, each]
  }))
  return element
}

const setCells = (element, values) => {
  for (const [name, value] of Object.entries(values)) element.cells_[name].set(value)
}

// ---------------------------------------------------------------- who is apart

const pairOf = (pair) => [pair.session_id, pair.behind, pair.ahead].join('\n')
const placeOf = (who, epoch, provider) => `${who} · ${provider}, epoch ${epoch}`

function showAsymmetry({ count, longest }) {
  const together = count === 0
  byId('together').dataset.is = together ? 'together' : 'apart'
  setText(byId('together-title'), together ? 'Everyone is together' : `${plural(count, 'pair')} apart`)
  setText(byId('together-text'), together
    ? 'In no session are two people connected in different epochs.'
    : 'They are in the same session and connected in different epochs.')
  setHidden(byId('apart'), together)
  keyed(byId('apart').tBodies[0], longest, pairOf,
    () => row(['session', 'behind', 'ahead', 'lasting'], { session: 'id', lasting: 'number' }),
    (element, pair) => setCells(element, {
      session: pair.session_id,
      behind: placeOf(pair.behind, pair.behind_epoch, pair.behind_provider),
      ahead: placeOf(pair.ahead, pair.ahead_epoch, pair.ahead_provider),
      lasting: duration(pair.lasting_seconds * 1000),
    }))
}

// ---------------------------------------------------------------- activity

// [name, value, what that is, is it wrong?]
function activityFigures(activity) {
  const lag = activity.publisher_lag_ms
  return [
    ['claims', number(activity.claims), 'Sessions opened, also anew'],
    ['switches', number(activity.switches), 'Epochs that moved a session'],
    ['ends', number(activity.ends), 'Sessions that ended'],
    ['none usable', number(activity.panics), 'Choices where no provider was usable', activity.panics > 0],
    ['publisher', activity.publisher_pid === null ? 'not running' : 'running', 'Tells the notifiers of changes', activity.publisher_pid === null],
    ['publisher lag', milliseconds(lag), 'For how long the oldest change has been waiting', lag > 1000],
    ['in the ring', `${number(activity.ring_depth)} of ${number(activity.ring_size)}`, 'Changes that wait for the publisher',
      activity.ring_depth > activity.ring_size / 2],
    ['ring overflows', number(activity.overflows), 'Times that the ring was full, and notifiers took snapshots', activity.overflows > 0],
    ['last batch', `${number(activity.last_batch)} in ${milliseconds(activity.last_batch_lag_ms)}`, 'Changes, and how long the first of them waited'],
    ['largest batch', number(activity.largest_batch), 'Changes told in one transaction'],
  ]
}

function makeFigure([name, , what]) {
  const element = make('div', '', make('dt', '', name), make('dd'))
  element.title = what
  return element
}

function showActivity(activity) {
  keyed(byId('activity'), activityFigures(activity), ([name]) => name, makeFigure, (element, [, value, , wrong]) => {
    setText(element.lastChild, value)
    element.classList.toggle('wrong', Boolean(wrong))
  })
}

// ---------------------------------------------------------------- sessions

function showSessions({ count, newest }, now) {
  const some = newest.length < count ? `${number(newest.length)} newest of ${number(count)}` : number(count)
  setText(byId('sessions-count'), some)
  setHidden(byId('no-sessions'), newest.length > 0)
  setHidden(byId('sessions'), newest.length === 0)
  keyed(byId('sessions').tBodies[0], newest, (session) => session.session_id,
    () => row(['session', 'provider', 'people', 'epoch', 'reason', 'since', 'opened'],
      { session: 'id', people: 'number', epoch: 'number', since: 'number', opened: 'number wide' }),
    (element, session) => {
      setCells(element, {
        session: session.session_id,
        provider: session.provider,
        people: number(session.participants),
        epoch: session.switches > 0 ? `${session.epoch} (${plural(session.switches, 'switch', 'switches')})` : session.epoch,
        reason: session.reason,
        since: duration(now - Date.parse(session.assigned_at)),
        opened: time(session.opened_at),
      })
      element.classList.toggle('moved', session.switches > 0)
    })
}

// ---------------------------------------------------------------- switches

let shownBefore = false

function makeSwitch() {
  const at = make('time')
  const session = make('bdi', 'id')
  const from = make('bdi')
  const to = make('bdi')
  const why = make('bdi')
  const element = make('li', '', at,
    make('div', '', make('div', 'route', from, make('span', 'arrow', '→'), to), make('div', 'why', session, ' · ', why)))
  if (shownBefore) element.classList.add('new')
  return Object.assign(element, { at, session, from, to, why })
}

function showSwitches(switches, total) {
  setText(byId('switches-count'), total > 0 ? `${number(total)} since the start` : '')
  setHidden(byId('no-switches'), switches.length > 0)
  keyed(byId('switches'), switches, ({ session_id, epoch }) => `${session_id}\n${epoch}`, makeSwitch,
    (element, each) => {
      setText(element.at, time(each.switched_at))
      element.at.dateTime = each.switched_at
      setText(element.session, each.session_id)
      setText(element.from, each.from_provider)
      setText(element.to, each.to_provider)
      setText(element.why, `${each.reason} · epoch ${each.epoch} · by ${each.caused_by}`)
      element.title = `${each.session_id} · ${each.reason} · by ${each.caused_by}`
    })
  shownBefore = true
}

// ---------------------------------------------------------------- all of it

// act(action, provider, providers): somebody wants to do something to one of them.
export function show(state, act) {
  const now = Date.parse(state.now)
  showAsymmetry(state.asymmetry)
  showActivity(state.activity)
  keyed(byId('providers'), state.providers, (provider) => provider.provider,
    (provider) => {
      const card = new ProviderCard(provider, act)
      return Object.assign(card.element, { card })
    },
    (element, provider) => element.card.update(provider, { now, providers: state.providers, evacuations: state.evacuations }))
  showSessions(state.sessions, now)
  showSwitches(state.switches, state.activity.switches)
  document.title = state.asymmetry.count > 0
    ? `${number(state.asymmetry.count)} apart – Harthio`
    : `Harthio – ${plural(state.sessions.count, 'session')}`
}

// Somebody else may sign in next.
export function forget() {
  shownBefore = false
  for (const id of ['providers', 'switches', 'activity']) byId(id).replaceChildren()
  for (const id of ['sessions', 'apart']) byId(id).tBodies[0].replaceChildren()
  document.title = 'Harthio'
}
