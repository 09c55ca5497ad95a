// demo.json of the call page: who may call, and by what.  A person is a token;
// each tab takes one.
//
//   node scripts/demo-settings.mjs JWT_SECRET [JANUS_URL]  >DIR/demo.json
import { signToken } from './token.mjs'

const [secret, janus] = process.argv.slice(2)
const people = ['Alder', 'Aspen', 'Birch', 'Cedar', 'Clover', 'Fern', 'Hazel', 'Heather', 'Holly', 'Iris', 'Ivy',
  'Juniper', 'Laurel', 'Linden', 'Maple', 'Myrtle', 'Olive', 'Poppy', 'Rowan', 'Sage', 'Sorrel', 'Thyme', 'Willow', 'Yarrow']

console.log(JSON.stringify({
  keys: people.map((sub) => signToken(secret, { role: 'authenticated', sub })),
  providers: {
    ...(janus && { daily: { adapter: 'janus', url: janus } }),
    p2p: { adapter: 'p2p' },
  },
}))
