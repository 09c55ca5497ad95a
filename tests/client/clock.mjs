// Time that passes when a test says so: nothing is waited for, and what takes
// a minute is over at once.

const settled = setImmediate

export class Clock {
  now = 1000000
  #timers = new Map()
  #last = 0

  // From now on timers and clocks are this one's.
  install() {
    const at = (ms) => this.now + Math.max(1, ms || 0)
    globalThis.setTimeout = (callback, ms, ...args) => this.#add({ at: at(ms), run: () => callback(...args) })
    globalThis.setInterval = (callback, ms) => this.#add({ at: at(ms), every: ms, run: callback })
    globalThis.clearTimeout = globalThis.clearInterval = (id) => this.#timers.delete(id)
    AbortSignal.timeout = (ms) => {
      const late = new AbortController()
      setTimeout(() => late.abort(), ms)
      return late.signal
    }
    Date.now = () => this.now
    performance.now = () => this.now * 1.0000001 // no whole numbers
  }

  // Is there nothing left to come?
  get idle() {
    return this.#timers.size === 0
  }

  #add(timer) {
    this.#timers.set(++this.#last, timer)
    return this.#last
  }

  // What has been set going comes to rest.
  settle() {
    return new Promise((resolve) => settled(resolve))
  }

  async pass(ms) {
    const end = this.now + ms
    for (;;) {
      await this.settle()
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)
      if (!next) break
      const [id, timer] = next
      this.now = Math.max(this.now, timer.at)
      if (timer.every) timer.at += timer.every
      else this.#timers.delete(id)
      timer.run()
    }
    this.now = end
  }
}
