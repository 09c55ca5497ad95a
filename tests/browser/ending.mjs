// What a test file started is ended when the file is done, wherever in it that
// was; the last thing first.

import { after } from 'node:test'

const ends = []

export const atEnd = (end) => ends.push(end)

after(async () => {
  for (const end of ends.reverse()) await end()
})
