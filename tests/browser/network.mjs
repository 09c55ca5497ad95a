// What can happen to packets in the namespace of tests/browser/run.  All of it
// goes over loopback; signalling is TCP, media is UDP, and that of Janus has
// ports of its own.  Each of these is undone when the file is done.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { atEnd } from './ending.mjs'
import { eventually } from '../notifier/harness.mjs'

const run = promisify(execFile)
const JANUS_PORTS = '20000-20999'

async function nft(...lines) {
  await run('nft', [lines.join('; ')])
}

// Drops what matches until the function that it returns is called.
async function dropping(name, ...matches) {
  const table = `inet harthio_${name}`
  await nft(`add table ${table}`, `delete table ${table}`, `add table ${table}`,
    `add chain ${table} input { type filter hook input priority 0; policy accept; }`,
    ...matches.map((match) => `add rule ${table} input ${match} drop`))
  const undo = () => nft(`add table ${table}`, `delete table ${table}`)
  atEnd(undo)
  return undo
}

// No page reaches another one: all UDP but that of Janus is dropped.
export const blockPeerToPeer = () =>
  dropping('peers', `udp dport != ${JANUS_PORTS} udp sport != ${JANUS_PORTS}`)

// Signalling of Janus works, its media does not, but for what these pages have now.
export async function blockJanusMedia(...spared) {
  const ports = (await Promise.all(spared.map(mediaPorts))).flat().join(', ')
  const but = (end) => ports ? `udp ${end} != { ${ports} }` : ''
  return dropping('janus', `udp dport ${JANUS_PORTS} ${but('sport')}`, `udp sport ${JANUS_PORTS} ${but('dport')}`)
}

// The ports from which a page sends media now.
const mediaPorts = (page) => page.evaluate(async () => {
  const ports = new Set()
  for (const connection of openPeerConnections()) {
    for (const stat of (await connection.getStats()).values()) {
      if (stat.type === 'local-candidate' && stat.protocol === 'udp' && stat.port) ports.add(stat.port)
    }
  }
  return [...ports]
})

// The network of one page is gone: what it fetches fails, its sockets hear
// nothing, its media stops.  Returns what brings it back.
export async function networkOff(page) {
  const ports = (await mediaPorts(page)).join(', ')
  const cdp = await page.context().newCDPSession(page)
  const conditions = (offline) => cdp.send('Network.emulateNetworkConditions',
    { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 })
  await cdp.send('Network.enable')
  await conditions(true)
  await eventually('nothing can be fetched', () => page.evaluate(() =>
    fetch(location.href, { cache: 'no-store' }).then(() => false, () => true)))
  const unblock = ports && await dropping('offline', `udp sport { ${ports} }`, `udp dport { ${ports} }`)
  return async () => {
    if (unblock) await unblock()
    await conditions(false)
    await cdp.detach()
  }
}

// Media gets so many kbit/s: all of it, or only what a page sends now.
// Returns what ends that.
export async function throttle(kbit, page) {
  const ports = page && await mediaPorts(page)
  const tc = (...args) => run('tc', args)
  const undo = () => tc('qdisc', 'del', 'dev', 'lo', 'root').catch(() => {})
  await undo()
  await tc('qdisc', 'add', 'dev', 'lo', 'root', 'handle', '1:', 'htb')
  await tc('class', 'add', 'dev', 'lo', 'parent', '1:', 'classid', '1:2', 'htb',
    'rate', `${kbit}kbit`, 'burst', '4kb', 'quantum', '1500')
  await tc('qdisc', 'add', 'dev', 'lo', 'parent', '1:2', 'pfifo', 'limit', '30')
  for (const port of ports ?? [undefined]) {
    await tc('filter', 'add', 'dev', 'lo', 'parent', '1:', 'protocol', 'ip', 'u32',
      'match', 'ip', 'protocol', '17', '0xff',
      ...(port ? ['match', 'ip', 'sport', String(port), '0xffff'] : []), 'flowid', '1:2')
  }
  atEnd(undo)
  return undo
}
