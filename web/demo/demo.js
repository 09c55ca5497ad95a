/**
 * demo.js: a call page on client/harthio.js.
 *
 * Two tabs of it with the same link are a call.  `?picture` takes a drawn
 * picture instead of the camera (`?picture=360`: of so many lines), `?join` joins
 * without being asked to.
 */

import { joinSession, p2p } from './client/harthio.js'
import { drawnPicture } from './picture.js'
import { linkTo, readSettings } from './settings.js'

const query = new URLSearchParams(location.search)
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id))
const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id))
const video = (/** @type {string} */ id) => /** @type {HTMLVideoElement} */ (document.getElementById(id))

const words = /** @type {Record<string, string>} */ ({
  joining: 'Joining',
  waiting: 'Nobody else is here yet',
  connecting: 'Connecting',
  connected: 'Connected',
  reconnecting: 'Reconnecting: one moment',
  ended: 'Not in the call',
})
const levels = /** @type {Record<string, [bars: string, words: string]>} */ ({
  excellent: ['4', 'Excellent'],
  good: ['3', 'Good'],
  fair: ['2', 'Fair'],
  poor: ['1', 'Poor'],
  lost: ['1', 'Very poor'],
})

const settings = await readSettings()
const joined = `demo-joined-${settings.call}`
const muted = { audio: false, video: false }
/** @type {import('./client/harthio.js').Session | undefined} */
let session
let unread = 0
let level = ''

for (const element of document.querySelectorAll('.my-name')) element.textContent = settings.name
input('link-text').value = linkTo(settings.call)

// ------------------------------------------------------------------ own picture

const media = await takeMedia()
video('my-video').srcObject = media
cover(byId('me'), settings.name, '')
if (media.getAudioTracks().length === 0) {
  byId('toggle-audio').setAttribute('disabled', '')
  label(byId('toggle-audio'), 'No mic')
}

async function takeMedia() {
  if (!query.has('picture')) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(
        { video: { width: { ideal: 1280 }, height: { ideal: 720 } }, audio: true })
      byId('me').classList.add('mirrored')
      return stream
    } catch {
      byId('media-hint').textContent = 'No camera? No matter: the others see a drawn picture.'
    }
  }
  return drawnPicture(settings.name, Number(query.get('picture')) || undefined)
}

/** @param {string[]} names */
function adapters(names) {
  return Promise.all(names.map(async (name) => {
    const { adapter, ...options } = settings.providers[name]
    if (adapter === 'p2p') return [name, p2p(options)]
    const module = await import(`./client/${adapter}.js`)
    return [name, module[adapter](options)]
  })).then(Object.fromEntries)
}

// ------------------------------------------------------------------ the call

async function join() {
  const { url, key, call } = settings
  sessionStorage.setItem(joined, 'yes')
  const supabase = globalThis.supabase.createClient(url, key, { accessToken: async () => key })
  session = joinSession({
    supabase, sessionId: call, media, providers: await adapters(Object.keys(settings.providers)),
  })
  globalThis.session = session // for the console
  session.setMuted(muted)
  tellOrientation()
  on('state', showState)
  on('participant', showParticipant)
  on('remote-stream', ({ peerId, stream }) => showStream(peerId, stream))
  on('quality', showQuality)
  on('chat', showMessage)
  on('ended', showEnd)
  showState({ state: session.state })
}

/**
 * @param {string} type
 * @param {(detail: any) => void} callback
 */
function on(type, callback) {
  session?.addEventListener(type, (event) => callback(/** @type {CustomEvent} */ (event).detail))
}

/** @param {{ state: string }} what */
function showState({ state }) {
  document.body.dataset.state = state
  byId('status-text').textContent = words[state]
  if (state === 'waiting' || state === 'joining') setView('waiting')
  else if (state !== 'ended') setView('call')
  byId('quality').hidden = state !== 'connected' || level === ''
  showNotice(state === 'reconnecting' ? 'The picture is on its way back. You can still chat.' : '')
}

/** @param {string} view */
function setView(view) {
  document.body.dataset.view = view
}

/** @param {string} text */
function showNotice(text) {
  byId('notice').hidden = text === ''
  byId('notice').textContent = text
}

/** @param {{ reason: string, error?: Error }} what */
function showEnd({ reason, error }) {
  const left = reason === 'left'
  byId('over-title').textContent = left ? 'You have left the call' : error ? 'This call cannot be joined' : 'The call has ended'
  byId('over-text').textContent = error?.message ?? (left ? 'The others can go on. You can come back.' : 'Everybody has left it, or it was ended.')
  byId('remotes').replaceChildren()
  showNotice('')
  toggleChat(false)
  setView('over')
}

// ------------------------------------------------------------------ the others

/** @param {string} peerId */
function tileOf(peerId) {
  return document.getElementById(`peer-${peerId}`)
}

/** @param {any} who */
function showParticipant({ change, peerId, participantId, audio, video: picture, there }) {
  if (change === 'left') tileOf(peerId)?.remove()
  else {
    const tile = tileOf(peerId) ?? newTile(peerId, participantId)
    tile.classList.toggle('silent', !audio)
    tile.classList.toggle('off', !picture)
    tile.classList.toggle('away', !there)
    cover(tile, participantId, picture ? 'The picture is coming' : 'No video now')
  }
  const { children, style } = byId('remotes')
  style.setProperty('--columns', String(Math.ceil(Math.sqrt(children.length))))
}

/**
 * @param {string} peerId
 * @param {string} name
 */
function newTile(peerId, name) {
  const tile = document.createElement('figure')
  const picture = Object.assign(document.createElement('video'), { autoplay: true, playsInline: true })
  picture.setAttribute('aria-label', `Picture of ${name}`)
  picture.addEventListener('playing', () => tile.classList.remove('coming'))
  tile.id = `peer-${peerId}`
  tile.className = 'coming'
  tile.append(picture,
    Object.assign(document.createElement('figcaption'), { textContent: name }),
    Object.assign(document.createElement('p'), { className: 'covered' }))
  byId('remotes').append(tile)
  return tile
}

/**
 * What is seen where there is no picture.
 *
 * @param {HTMLElement} tile
 * @param {string} name
 * @param {string} text
 */
function cover(tile, name, text) {
  const element = /** @type {HTMLElement} */ (tile.querySelector('.covered'))
  element.dataset.initial = name.slice(0, 1).toUpperCase()
  element.textContent = text
}

/**
 * @param {string} peerId
 * @param {MediaStream} stream
 */
function showStream(peerId, stream) {
  const picture = tileOf(peerId)?.querySelector('video')
  if (!picture) return
  picture.srcObject = stream
  // sound may have to wait for a click
  picture.play().catch(() => {
    picture.muted = true
    picture.play().catch(() => {})
    showNotice('Click anywhere to hear the others.')
    document.addEventListener('click', () => {
      picture.muted = false
      showNotice('')
    }, { once: true })
  })
}

/** @param {{ level?: string, rung: number }} what */
function showQuality({ level: newLevel, rung }) {
  level = newLevel ?? level
  if (!levels[level]) return
  const [bars, text] = levels[level]
  byId('quality').dataset.bars = bars
  byId('quality').hidden = document.body.dataset.state !== 'connected'
  byId('quality-text').textContent = `${text} connection${rung === 0 ? ', sound only' : rung < 720 ? `, ${rung} lines` : ''}`
}

// ------------------------------------------------------------------ chat

/** @param {any} message */
function showMessage({ text, participantId, at, own }) {
  const item = document.createElement('li')
  item.classList.toggle('own', own)
  const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  item.append(
    Object.assign(document.createElement('small'), { textContent: `${own ? 'You' : participantId}, ${time}` }),
    Object.assign(document.createElement('span'), { textContent: text }))
  byId('messages').append(item)
  item.scrollIntoView({ block: 'nearest' })
  if (byId('chat-panel').hidden) showUnread(unread + 1)
}

/** @param {number} count */
function showUnread(count) {
  unread = count
  byId('unread').hidden = count === 0
  byId('unread').textContent = String(count)
  byId('toggle-chat').setAttribute('aria-label', count === 0 ? 'Chat' : `Chat, ${count} unread`)
}

/** @param {boolean} open */
function toggleChat(open) {
  byId('chat-panel').hidden = !open
  byId('toggle-chat').setAttribute('aria-expanded', String(open))
  if (open) {
    showUnread(0)
    byId('chat-text').focus()
  }
}

// ------------------------------------------------------------------ buttons

/** @param {'audio' | 'video'} kind */
function toggleMuted(kind) {
  muted[kind] = !muted[kind]
  for (const track of media.getTracks()) if (track.kind === kind) track.enabled = !muted[kind]
  session?.setMuted(muted)
  const button = byId(`toggle-${kind}`)
  button.setAttribute('aria-pressed', String(muted[kind]))
  const names = { audio: ['Mute', 'Unmute'], video: ['Stop video', 'Start video'] }
  label(button, names[kind][Number(muted[kind])])
  byId('me').classList.toggle('off', muted.video)
}

/**
 * @param {HTMLElement} button
 * @param {string} text
 */
function label(button, text) {
  const element = button.querySelector('span') ?? button
  element.textContent = text
}

/** @param {HTMLElement} button */
async function copyLink(button) {
  const text = linkTo(settings.call)
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    input('link-text').select()
    document.execCommand('copy')
  }
  label(button, 'Copied')
  setTimeout(() => label(button, 'Copy link'), 2000)
}

function tellOrientation() {
  session?.setDeviceOrientation(innerHeight > innerWidth ? 'portrait' : 'landscape')
}

byId('join').addEventListener('click', join)
byId('again').addEventListener('click', join)
byId('leave').addEventListener('click', () => {
  sessionStorage.removeItem(joined)
  session?.leave()
})
byId('toggle-audio').addEventListener('click', () => toggleMuted('audio'))
byId('toggle-video').addEventListener('click', () => toggleMuted('video'))
byId('toggle-chat').addEventListener('click', () => toggleChat(byId('chat-panel').hidden))
byId('chat-close').addEventListener('click', () => {
  toggleChat(false)
  byId('toggle-chat').focus()
})
byId('chat-panel').addEventListener('keydown', ({ key }) => key === 'Escape' && byId('chat-close').click())
byId('copy').addEventListener('click', () => copyLink(byId('copy')))
byId('copy-link').addEventListener('click', () => copyLink(byId('copy-link')))
byId('chat-form').addEventListener('submit', (event) => {
  event.preventDefault()
  const text = input('chat-text').value.trim()
  if (text) session?.sendChat(text)
  input('chat-text').value = ''
})
addEventListener('resize', tellOrientation)

// who was in the call before a reload is in it again
if (query.has('join') || sessionStorage.getItem(joined)) join()
