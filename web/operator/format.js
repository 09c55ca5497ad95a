// Numbers and times, as people read them.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

const nothing = '–'
const unless = (format) => (value) => value === null || value === undefined ? nothing : format(value)

export const number = unless((value) => whole.format(value))
export const share = unless((value) => percent.format(value))
export const milliseconds = unless((value) => value >= 10000 ? `${(value / 1000).toFixed(1)} s` : `${whole.format(value)} ms`)
export const time = unless((value) => clock.format(new Date(value)))
export const timeToMinute = unless((value) => minute.format(new Date(value)))

// How long something has been so, in its largest unit.
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`
  return `${Math.floor(seconds / 86400)} d`
}

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`
