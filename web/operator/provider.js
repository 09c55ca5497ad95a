// One provider: its score, what it rests on, and what can be done to it.

import { Chart } from './chart.js'
import { make, setHidden, setText } from './dom.js'
import { duration, milliseconds, number, plural, share, time } from './format.js'

// What is known of it: [name, value, what that is].
function figures(provider) {
  const sessions = provider.max_sessions === null
    ? number(provider.sessions)
    : `${number(provider.sessions)} of ${number(provider.max_sessions)}`
  return [
    ['sessions', sessions],
    ['connected', provider.reports > 0 ? share(provider.success_rate) : '–', 'Reports of the last 24 hours that the connection stands'],
    ['connect p50', milliseconds(provider.connect_ms_p50), 'Median time to connect, in the last 24 hours'],
    ['connect p95', milliseconds(provider.connect_ms_p95), 'Of 100 connections, 95 took no longer in the last 24 hours'],
    ['good / bad', `${number(provider.successes)} / ${number(provider.failures)}`, 'Verdicts: sessions that connected, and that failed'],
    ['health check', provider.probe_ok === null ? 'none' : provider.probe_ok ? milliseconds(provider.probe_latency_ms) : 'failed'],
  ]
}

// Whether it takes sessions, in words, and how good that is.
function condition(provider, evacuation, now) {
  if (evacuation && !evacuation.finished_at) return ['being evacuated', 'poor']
  if (!provider.enabled) return ['drained: no new sessions', 'off']
  if (provider.breaker === 'open') {
    const left = provider.open_until ? ` for ${duration(Date.parse(provider.open_until) - now)}` : ''
    return [`breaker open${left}: ${provider.breaker_reason}`, 'failed']
  }
  if (provider.breaker === 'half-open') return [`on trial: ${provider.breaker_reason}`, 'poor']
  return ['takes sessions', 'excellent']
}

export class ProviderCard {
  // act(action, provider, providers): somebody wants to.
  constructor(provider, act) {
    this.name = provider.provider
    this.chart = new Chart(this.name)
    this.condition = make('span', 'condition')
    this.score = make('span', 'score')
    this.band = make('span', 'band-name')
    this.figures = make('dl', 'figures')
    for (const [name, , what] of figures(provider)) {
      const figure = make('div', '', make('dt', '', name), make('dd'))
      figure.title = what ?? ''
      this.figures.append(figure)
    }
    this.progress = make('progress')
    this.progress.setAttribute('aria-label', `Evacuation of ${this.name}`)
    this.progressText = make('span')
    this.evacuation = make('div', 'evacuation', this.progress, this.progressText)
    this.buttons = Object.fromEntries(['drain', 'enable', 'evacuate'].map((action) => {
      const button = make('button', 'quiet', action[0].toUpperCase() + action.slice(1))
      button.setAttribute('aria-label', `${action} ${this.name}`)
      button.addEventListener('click', () => act(action, this.provider, this.providers))
      return [action, button]
    }))
    const title = make('h2', '', make('bdi', '', this.name))
    this.element = make('article', 'card',
      make('div', 'head', make('div', '', title, this.condition), make('p', 'rating', this.score, this.band)),
      this.chart.element, this.figures, this.evacuation, make('div', 'buttons', ...Object.values(this.buttons)))
    this.element.dataset.provider = this.name
  }

  update(provider, { now, providers, evacuations }) {
    const evacuation = evacuations.find((each) => each.provider === provider.provider)
    const [text, quality] = condition(provider, evacuation, now)

    this.provider = provider
    this.providers = providers
    setText(this.condition, text)
    this.condition.dataset.band = quality
    setText(this.score, Math.round(provider.score))
    setText(this.band, provider.band)
    this.element.dataset.band = provider.band
    this.chart.update(now, provider.score, provider.score_history)
    figures(provider).forEach(([, value], i) => setText(this.figures.children[i].lastChild, value))
    this.showEvacuation(evacuation)
    setHidden(this.buttons.drain, !provider.enabled)
    setHidden(this.buttons.enable, provider.enabled)
    setHidden(this.buttons.evacuate, Boolean(evacuation && !evacuation.finished_at))
  }

  // Some move by themselves, and who leaves needs not be moved.
  showEvacuation(evacuation) {
    const running = Boolean(evacuation && !evacuation.finished_at)
    setHidden(this.evacuation, !evacuation || (!running && this.provider.enabled))
    setHidden(this.progress, !running)
    if (!evacuation) return
    const left = Math.min(this.provider.sessions, evacuation.sessions)
    const done = Math.max(evacuation.moved, evacuation.sessions - left)
    this.progress.max = Math.max(1, evacuation.sessions)
    this.progress.value = Math.min(done, evacuation.sessions)
    setText(this.progressText, running
      ? `${number(done)} of ${plural(evacuation.sessions, 'session')} moved`
      : `empty since ${time(evacuation.finished_at)}, when ${plural(evacuation.sessions, 'session')} had left`)
  }
}
