// The operator's page: signs in with a token, asks the notifier each second how
// everything is, and tells it what to do.

import { byId, setHidden, setText } from './dom.js'
import { plural, time } from './format.js'
import { forget, show } from './view.js'

const TOKEN = 'harthio-operator-token'
const EVERY_MS = 1000
const PATIENCE_MS = 20000

// Of the time between two answers, the database is asked for a tenth at most.
const PAUSE_PER_ANSWER = 9

let token
let timer
let shownAt // of the last answer; undefined: there is none

// ---------------------------------------------------------------- asking

class Refusal extends Error {
  constructor(status, { message, hint } = {}) {
    super([message ?? `The notifier answered ${status}.`, hint].filter(Boolean).join(' '))
    this.status = status
  }
}

async function ask(what, options = {}) {
  const answer = await fetch(`/operator/${what}`, {
    ...options, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { authorization: `Bearer ${token}` } })
  const text = await answer.text()
  let body
  try {
    body = text === '' ? null : JSON.parse(text)
  } catch {
    body = {}
  }
  if (!answer.ok) throw new Refusal(answer.status, body ?? {})
  return body
}

const isForSignIn = (error) => [401, 403, 404].includes(error.status)

const problemOf = (error) => error.status === 404
  ? 'This notifier has no operator: start it with --operator-role.'
  : error.message

// ---------------------------------------------------------------- how it is

function setLink(is, text) {
  byId('link').dataset.is = is
  setText(byId('link-text'), text)
}

function setBanner(text) {
  setHidden(byId('banner'), !text)
  setText(byId('banner'), text)
}

function showAnswer(state) {
  shownAt = new Date()
  setLink('live', 'live')
  setBanner('')
  setHidden(byId('sign-in'), true)
  setHidden(byId('state'), false)
  byId('state').classList.remove('stale')
  show(state, offer)
}

function showTrouble(error) {
  const what = error.status === undefined ? 'Cannot reach the notifier.' : `The notifier has no answer: ${error.message}`
  const shown = shownAt ? ` What is shown is from ${time(shownAt)}.` : ''
  setLink('lost', error.status === undefined ? 'cannot reach the notifier' : 'no answer')
  setBanner(`${what}${shown} Trying again.`)
  byId('state').classList.add('stale')
}

async function look() {
  const asked = token
  const began = performance.now()
  try {
    const state = await ask('state')
    if (asked === token) showAnswer(state)
  } catch (error) {
    if (asked !== token) return
    if (isForSignIn(error)) {
      signOut(problemOf(error))
      return
    }
    showTrouble(error)
  }
  if (asked === token) lookAgain(Math.max(EVERY_MS, PAUSE_PER_ANSWER * (performance.now() - began)))
}

// Nobody looks at a page that is hidden.
function lookAgain(wait = 0) {
  clearTimeout(timer)
  if (token && !document.hidden) timer = setTimeout(look, wait)
}
document.addEventListener('visibilitychange', () => lookAgain())

// ---------------------------------------------------------------- what to do

// Where the sessions of a provider go, in words.
const goals = (provider, providers) => providers
  .filter((each) => each.enabled && each.provider !== provider).map((each) => each.provider).join(' or ') ||
  'nowhere: no other provider is enabled'

const offers = {
  drain: ({ provider, sessions }) => ({
    title: `Drain ${provider}?`,
    text: `It takes no new sessions. ${plural(sessions, 'session')} on it ${sessions === 1 ? 'stays' : 'stay'}.`,
    done: () => `${provider} is drained.`,
  }),
  enable: ({ provider }) => ({
    title: `Enable ${provider}?`,
    text: 'It takes new sessions again. If it is being evacuated, that stops.',
    done: () => `${provider} is enabled.`,
  }),
  evacuate: ({ provider, sessions }, providers) => ({
    title: `Evacuate ${provider}?`,
    text: `It is drained, and ${plural(sessions, 'session')} on it ${sessions === 1 ? 'moves' : 'move'} to ` +
      `${goals(provider, providers)}. Everybody in a session moves together.`,
    done: (moving) => `${plural(moving, 'session')} of ${provider} ${moving === 1 ? 'is' : 'are'} being moved.`,
  }),
}

// Ask whether that is really meant, and do it.
async function offer(action, provider, providers) {
  const { title, text, done } = offers[action](provider, providers)
  const dialog = byId('confirm')
  setText(byId('confirm-title'), title)
  setText(byId('confirm-text'), text)
  setText(byId('confirm-yes'), title.slice(0, -1))
  dialog.returnValue = 'no'
  dialog.showModal()
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }))
  if (dialog.returnValue !== 'yes') return
  try {
    notice(done(await ask(action, { method: 'POST', body: JSON.stringify({ provider: provider.provider }) })))
  } catch (error) {
    notice(`Not done: ${error.status === undefined ? 'the notifier cannot be reached.' : error.message}`, true)
  }
  lookAgain()
}

let noticeTimer
function notice(text, wrong = false) {
  const element = byId('notice')
  setText(element, text)
  element.classList.toggle('wrong', wrong)
  clearTimeout(noticeTimer)
  noticeTimer = setTimeout(() => setText(element, ''), wrong ? 20000 : 8000)
}

// ---------------------------------------------------------------- signing in

function claimsOf(jwt) {
  try {
    const bytes = Uint8Array.from(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (each) => each.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return {}
  }
}

function signIn(jwt) {
  token = jwt
  sessionStorage.setItem(TOKEN, token)
  setText(byId('sign-in-problem'), '')
  setText(byId('who'), claimsOf(token).sub ?? '')
  for (const id of ['who', 'sign-out']) setHidden(byId(id), false)
  setLink('waiting', 'asking the notifier')
  look()
}

function signOut(problem = '') {
  clearTimeout(timer)
  token = undefined
  shownAt = undefined
  sessionStorage.removeItem(TOKEN)
  if (byId('confirm').open) byId('confirm').close('no')
  forget()
  setBanner('')
  setLink('waiting', 'not signed in')
  for (const id of ['who', 'sign-out', 'state']) setHidden(byId(id), true)
  setHidden(byId('sign-in'), false)
  setText(byId('sign-in-problem'), problem)
  byId('token').value = ''
  byId('token').focus()
}

byId('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault()
  const given = byId('token').value.trim()
  if (given) signIn(given)
})
byId('sign-out').addEventListener('click', () => signOut())

// A token in the address would stay in the history, and in what is copied.
function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (location.hash) history.replaceState(null, '', location.pathname + location.search)
  return given
}

function start() {
  const known = takeTokenFromAddress() ?? sessionStorage.getItem(TOKEN)
  if (known) signIn(known)
  else signOut()
}
window.addEventListener('hashchange', () => location.hash && start())
start()
