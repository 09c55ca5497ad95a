// A score over time, in its bands.  The pointer, or the arrow keys, show values.

import { make, makeSvg, setAttributes, setHidden, setText } from './dom.js'
import { time, timeToMinute } from './format.js'

const WIDTH = 600
const HEIGHT = 132
const SHORTEST_MS = 5 * 60 * 1000
const LONGEST_MS = 3 * 3600 * 1000

export const bands = [['excellent', 80], ['good', 60], ['poor', 40], ['failed', 0]]
export const bandOf = (score) => bands.find(([, from]) => score >= from)[0]

const y = (score) => HEIGHT - score / 100 * HEIGHT

function drawBands() {
  let top = 100
  return bands.flatMap(([name, from]) => {
    const band = makeSvg('rect', { class: `band ${name}`, x: 0, y: y(top), width: WIDTH, height: y(from) - y(top) })
    top = from
    return [band, makeSvg('line', { class: 'edge', x1: 0, x2: WIDTH, y1: y(from), y2: y(from) })]
  })
}

// The names of the bands, at their upper edges.
function makeLegend() {
  const legend = make('div', 'legend')
  for (const [name, from] of bands) {
    const label = make('span', '', name)
    label.dataset.band = name
    label.style.bottom = `${from}%`
    legend.append(label)
  }
  return legend
}

// What the server remembers, minute by minute, and then what this page saw.
function join(history, seen) {
  const first = seen[0]?.[0] ?? Infinity
  return [...history.map(([at, score]) => [Date.parse(at), score]).filter(([at]) => at < first), ...seen]
}

// The point that is nearest to a moment.
function nearest(points, at) {
  let best = 0
  for (let i = 1; i < points.length; i++) {
    if (Math.abs(points[i][0] - at) < Math.abs(points[best][0] - at)) best = i
  }
  return best
}

export class Chart {
  constructor(name) {
    this.name = name
    this.seen = []
    this.points = []
    this.line = makeSvg('path', { class: 'line' })
    this.cursor = makeSvg('line', { class: 'cursor', y1: 0, y2: HEIGHT })
    this.svg = makeSvg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      ...drawBands(), this.line, this.cursor)
    this.now = make('span', 'spot')
    this.spot = make('span', 'spot chosen')
    this.value = make('output', 'value')
    this.from = make('span')
    this.to = make('span')
    this.plot = make('div', 'plot', this.svg, this.now, this.spot, this.value)
    this.element = make('div', 'chart', this.plot, makeLegend(), make('div', 'times', this.from, this.to))
    this.plot.tabIndex = 0
    this.plot.setAttribute('role', 'img')
    this.choose(undefined)
    this.listen()
  }

  listen() {
    this.plot.addEventListener('pointermove', (event) => {
      const box = this.plot.getBoundingClientRect()
      this.choose(this.start + (event.clientX - box.left) / box.width * (this.end - this.start))
    })
    for (const gone of ['pointerleave', 'blur']) this.plot.addEventListener(gone, () => this.choose(undefined))
    this.plot.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key]
      if (step === undefined || this.points.length === 0) return
      event.preventDefault()
      const last = this.points.length - 1
      const from = this.chosen === undefined ? last : nearest(this.points, this.chosen)
      this.choose(this.points[Math.min(last, Math.max(0, from + step))][0])
    })
  }

  // The score at this moment, and those of the minutes before.
  update(at, score, history) {
    if (this.seen.at(-1)?.[0] !== at) this.seen.push([at, score])
    while (this.seen[0][0] < at - LONGEST_MS) this.seen.shift()
    this.points = join(history, this.seen).filter(([when]) => when >= at - LONGEST_MS)
    this.end = at
    this.start = Math.min(at - SHORTEST_MS, this.points[0][0])
    this.draw(score)
    this.choose(this.chosen)
  }

  x(at) {
    return (at - this.start) / (this.end - this.start) * WIDTH
  }

  draw(score) {
    const places = this.points.map(([at, value]) => `${this.x(at).toFixed(1)},${y(value).toFixed(1)}`)
    const scores = this.points.map(([, value]) => value)

    this.line.setAttribute('d', `M${places.join('L')}`)
    this.place(this.now, this.end, score)
    setText(this.from, timeToMinute(this.start))
    setText(this.to, 'now')
    this.plot.setAttribute('aria-label', `Score of ${this.name} since ${timeToMinute(this.points[0][0])}: ` +
      `${Math.round(score)}, ${bandOf(score)}; lowest ${Math.round(Math.min(...scores))}, highest ${Math.round(Math.max(...scores))}`)
  }

  place(spot, at, score) {
    spot.style.left = `${this.x(at) / WIDTH * 100}%`
    spot.style.top = `${y(score) / HEIGHT * 100}%`
    spot.dataset.band = bandOf(score)
  }

  // Show the value at a moment; undefined: none.
  choose(at) {
    this.chosen = at
    const hidden = at === undefined || this.points.length === 0
    for (const each of [this.spot, this.value]) setHidden(each, hidden)
    this.cursor.style.display = hidden ? 'none' : ''
    if (hidden) return
    const [when, score] = this.points[nearest(this.points, at)]
    const x = this.x(when)
    setAttributes(this.cursor, { x1: x, x2: x })
    this.place(this.spot, when, score)
    setText(this.value, `${time(when)}  ${score.toFixed(1)}  ${bandOf(score)}`)
    this.value.classList.toggle('left', x > WIDTH / 2)
    this.value.style.left = `${x / WIDTH * 100}%`
  }
}
