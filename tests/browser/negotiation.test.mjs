// Does the adapter for peer-to-peer find its way, whatever is said when?  The
// ends of a call are in one page, whose time stands still unless a test says.

import test, { afterEach } from 'node:test'
import assert from 'node:assert/strict'
import { eventually, framesGrow, openPeerConnections, startFiles } from './harness.mjs'
import { openEnds } from './ends.mjs'

const files = await startFiles()
const page = await openEnds(files)

// the lower of two peerIds is polite
const [polite, impolite] = ['a', 'b']

const open = (peerId, options) => page.evaluate(([peerId, options]) => void openEnd(peerId, options), [peerId, options])
const told = (peerId) => page.evaluate((peerId) => endOf(peerId)?.told ?? [], peerId)
const said = (what, from) => page.evaluate(([what, from]) => said.filter((message) =>
  message.data[what] && (!from || message.from === from)).map(({ data }) => data), [what, from])
const descriptions = async (type, from) => (await said('description', from)).filter(({ description }) => description.type === type)
const statesOf = (peerId) => page.evaluate((peerId) => statesOf(peerId), peerId)
const connected = (...ids) => eventually(`${ids} are connected`, async () =>
  (await Promise.all(ids.map(statesOf))).every((states) => states.length === ids.length - 1 && states.every((state) => state === 'connected')))
const hold = (what, from) => page.evaluate(([what, from]) => {
  holds = (message) => Boolean(message.data[what]) && (!from || message.from === from)
}, [what, from])
const letThrough = () => page.evaluate(() => letThrough())
const lose = () => page.evaluate(() => {
  forgetHeld()
  letThrough()
})
const pass = (ms) => page.clock.runFor(ms)

// What happens to the connections of these ends; the i-th one of each.
const restart = (...ids) => page.evaluate((ids) => ids.forEach((id) => connectionOf(id).restartIce()), ids)
const flicker = (peerId, ...states) => page.evaluate(([peerId, states]) => {
  for (const state of states) flicker(connectionOf(peerId), state)
}, [peerId, states])
const pretend = (peerId, state) => page.evaluate(([peerId, state]) => pretend(connectionOf(peerId), state), [peerId, state])

const ufrags = () => page.evaluate(() => [ufragOf('a'), ufragOf('b')])
const restarted = (before) => eventually('ICE has restarted at both', async () =>
  (await ufrags()).every((ufrag, i) => ufrag !== before[i]))
const stable = () => eventually('all is settled', () => page.evaluate(() =>
  ['a', 'b'].every((id) => connectionOf(id).signalingState === 'stable')))

// Resolves when the end has dealt with all that was said to it.
async function hasHeard(peerId, from) {
  const before = (await said('hello', peerId)).length
  await page.evaluate(([peerId, from]) => endOf(peerId).receivers.forEach((receive) =>
    receive({ hello: true, participantId: `person ${from}`, link: said.filter((each) => each.from === from).at(-1).data.link }, from)), [peerId, from])
  await eventually('an answer', async () => (await said('hello', peerId)).length > before)
}

async function openBoth(options) {
  await Promise.all([open(polite, options), open(impolite, options)])
  await connected(polite, impolite)
}

afterEach(async () => {
  await page.evaluate(() => closeEnds())
  await eventually('everything is freed', async () => await openPeerConnections(page) === 0)
  const before = await page.evaluate(() => said.length)
  await pass(60000)
  assert.equal(await page.evaluate(() => said.length), before, 'who has left says nothing')
  assert.deepEqual(page.problems, [])
})

test('the impolite one makes the only offer, and each greets and answers once', async () => {
  await openBoth()
  await framesGrow(page)
  assert.deepEqual([(await descriptions('offer', polite)).length, (await descriptions('offer', impolite)).length], [0, 1])
  assert.ok((await said('hello')).length <= 4)
  await eventually('all candidates', () => page.evaluate(() =>
    ['a', 'b'].every((id) => connectionOf(id).iceGatheringState === 'complete')))
  assert.ok(await page.evaluate(() => said.every(({ data }) => data.hello || data.description || data.candidate)))
  assert.deepEqual(await told(polite), ['connected'])
  assert.deepEqual(await page.evaluate(() => {
    const { participant, stream } = endOf('a').streams.b
    return [participant, stream.getTracks().map(({ kind }) => kind).sort()]
  }), ['person b', ['audio', 'video']])
})

test('a greeting that is lost is said until it is heard', async () => {
  await hold('hello')
  await Promise.all([open(polite), open(impolite)])
  for (const count of [1, 2, 3]) {
    await eventually('greetings', async () => (await said('hello')).length === 2 * count)
    if (count < 3) await pass(2500)
  }
  await lose()
  await pass(2500)
  await connected(polite, impolite)
})

test('whose greetings are all lost is found by what he says next', async () => {
  await hold('hello', impolite)
  await openBoth()
})

test('a link that leads to nothing is made anew', async () => {
  await hold('description')
  await Promise.all([open(polite), open(impolite)])
  await eventually('an offer', async () => (await descriptions('offer')).length === 1)
  await lose()
  await pass(7900)
  assert.equal((await descriptions('offer')).length, 1)
  await hold('hello')
  await pass(100)
  assert.deepEqual([await statesOf(polite), await statesOf(impolite)], [[], []])
  await letThrough()
  await connected(polite, impolite)
  assert.deepEqual(await page.evaluate(() => ['a', 'b'].map((id) => connectionOf(id).getSenders().filter(({ track }) => track).length)), [2, 2])
})

for (const [what, how, method] of [
  ['does not finish, as of a connection that is closed', () => new Promise(() => {}), 'setRemoteDescription'],
  ['refuses', () => Promise.reject(new Error('no')), 'setLocalDescription'],
]) {
  test(`what a browser ${what}, holds up nothing`, async () => {
    await page.evaluate(([how, method]) => {
      window.refused = false
      const really = RTCPeerConnection.prototype[method]
      RTCPeerConnection.prototype[method] = () => {
        refused = true
        RTCPeerConnection.prototype[method] = really
        return eval(how)()
      }
    }, [String(how), method])
    await Promise.all([open(polite), open(impolite)])
    await eventually('a refusal', () => page.evaluate(() => refused))
    await pass(8000)
    await connected(polite, impolite)
  })
}

test('what comes late for an old link does no harm', async () => {
  await page.evaluate(() => {
    let first = true
    holds = ({ data }) => data.description && first && !(first = false)
  })
  await Promise.all([open(polite), open(impolite)])
  await eventually('an offer', async () => (await descriptions('offer')).length === 1)
  await pass(8000)
  await connected(polite, impolite)
  const before = await said('description')
  await letThrough()
  await hasHeard(polite, impolite)
  assert.deepEqual(await said('description'), before)
  await stable()
})

test('without camera and microphone one sees the other, and nothing more is agreed on', async () => {
  for (const blind of [polite, impolite]) {
    await open(blind, { tracks: null })
    await open(blind === polite ? impolite : polite)
    await connected(polite, impolite)
    await framesGrow(page)
    await stable()
    assert.deepEqual(await page.evaluate(() => ['a', 'b'].map((id) => connectionOf(id).getTransceivers().length)), [2, 2])
    assert.equal((await descriptions('offer')).length, 1)
    await page.evaluate(() => closeEnds())
  }
  await openBoth({ tracks: null })
})

test('a rung is applied to what is sent, also if it comes early', async () => {
  const encodings = () => page.evaluate(() => ['a', 'b'].flatMap((id) => connectionOf(id).getSenders()
    .filter(({ track }) => track.kind === 'video')
    .map((sender) => sender.getParameters().encodings[0]).map(({ maxFramerate, scaleResolutionDownBy }) => [maxFramerate, scaleResolutionDownBy])))
  const setRung = (rung) => page.evaluate((rung) => ['a', 'b'].forEach((id) => endOf(id).call.setRung(rung)), rung)
  await openBoth({ rung: 240 })
  await eventually('240 lines', async () => (await encodings()).every(([fps, scale]) => fps === 15 && scale === 2))
  await setRung(720)
  await eventually('all lines', async () => (await encodings()).every(([fps, scale]) => fps === 30 && scale === 1))
})

test('an interruption that ends by itself restarts nothing', async () => {
  await openBoth()
  await flicker(polite, 'disconnected', 'disconnected', 'connected')
  await pass(20000)
  assert.equal((await descriptions('offer')).length, 1)
})

test('one that lasts restarts ICE, and that is enough', async () => {
  await openBoth()
  const before = await ufrags()
  const hellos = (await said('hello')).length
  await flicker(polite, 'disconnected')
  await pass(2000)
  await restarted(before)
  await flicker(polite, 'connected')
  await pass(20000)
  assert.equal((await said('hello')).length, hellos)
  assert.deepEqual(await told(polite), ['connected'])
})

test('a restart that does not help is the end, once', async () => {
  await openBoth()
  await hold('description')
  await pretend(polite, 'disconnected')
  await pass(2000)
  await eventually('an offer', async () => (await descriptions('offer', polite)).length === 1)
  await pass(7900)
  assert.deepEqual(await told(polite), ['connected'])
  await pass(100)
  assert.deepEqual(await told(polite), ['connected', { reason: 'ice-failed', detail: { peers: [impolite] } }])
  assert.deepEqual(await statesOf(polite), [])
})

test('what has failed is restarted at once, but once in a row', async () => {
  await openBoth()
  for (const again of [1, 2]) {
    const before = await ufrags()
    await flicker(polite, 'failed')
    await restarted(before)
    await stable()
    await flicker(polite, 'connected')
    assert.equal((await descriptions('offer', polite)).length, again)
  }
  await hold('description')
  await pretend(polite, 'failed')
  assert.deepEqual(await told(polite), ['connected'])
  await pretend(polite, 'failed')
  assert.deepEqual(await told(polite), ['connected', { reason: 'ice-failed', detail: { peers: [impolite] } }])
})

test('with a third one there, the link that failed is made anew', async () => {
  const everybody = ['a', 'b', 'c']
  await Promise.all(everybody.map((id) => open(id)))
  await connected(...everybody)
  const old = (await descriptions('offer')).map(({ link }) => link)
  await hold('description')
  await page.evaluate(() => {
    window.failing = connectionOf('a')
    for (const state of ['failed', 'failed']) pretend(failing, state)
  })
  await eventually('a new one', () => page.evaluate(() => endOf('a').call.connections().length === 2 && connectionOf('a') !== failing))
  await page.evaluate(() => {
    const before = said.length
    flicker(connectionOf('a'), 'failed')
    if (said.length !== before) throw new Error('the new one may be restarted too')
  })
  await letThrough()
  await eventually('another link', async () => (await descriptions('offer')).some(({ link, yours }) =>
    !old.includes(link) || yours > Math.max(...old)))
  await connected(...everybody)
  for (const id of everybody) assert.deepEqual(await told(id), ['connected'])
  assert.ok(await page.evaluate(() => endOf('a').call.connections().every((connection) =>
    connection.getSenders().filter(({ track }) => track).length === 2)), 'all is sent again')
})

test('when both restart at once both are restarted', async () => {
  await openBoth()
  const before = await ufrags()
  await hold('description')
  await restart(polite, impolite)
  await eventually('two offers', async () => (await descriptions('offer')).length === 3)
  await letThrough()
  await restarted(before)
  await stable()
  assert.deepEqual([(await descriptions('answer', polite)).length, (await descriptions('answer', impolite)).length], [2, 0])
  await framesGrow(page)
})

test('an offer right behind an answer is taken after it', async () => {
  await openBoth()
  await hold('description', polite)
  await restart(impolite)
  await eventually('an answer', async () => (await descriptions('answer', polite)).length === 2)
  const before = await ufrags()
  await restart(polite)
  await eventually('an offer', async () => (await descriptions('offer', polite)).length === 1)
  await letThrough()
  await restarted(before)
  await stable()
})

test('an offer that comes while one is being made gives way, and later ones do not', async () => {
  await openBoth()
  await hold('description')
  await restart(polite)
  await eventually('an offer', async () => (await descriptions('offer', polite)).length === 1)
  await page.evaluate(() => {
    const connection = connectionOf('b')
    connection.setLocalDescription = (...description) => {
      delete connection.setLocalDescription
      letThrough()
      return connection.setLocalDescription(...description)
    }
  })
  await restart(impolite)
  await eventually('an answer', async () => (await descriptions('answer')).length === 2)
  assert.equal((await descriptions('answer', polite)).length, 2)
  await stable()
  const before = await ufrags()
  await restart(polite)
  await restarted(before)
  await stable()
  assert.deepEqual([(await descriptions('answer', polite)).length, (await descriptions('answer', impolite)).length], [2, 1])
})

test('who greets before presence tells of him stays; who is gone is gone once', async () => {
  await open(impolite)
  await open(polite, { unlisted: true })
  await connected(polite, impolite)
  await open('c')
  await connected(polite, impolite, 'c')
  await page.evaluate(() => {
    listed('a')
    endGone('a')
    listed('c')
  })
  await connected(impolite, 'c')
  assert.deepEqual(await told(impolite), ['connected', { gone: polite }])
})

test('who has left hears nothing more', async () => {
  await openBoth()
  await page.evaluate(() => {
    const { receivers, watchers, aborter, call } = endOf('a')
    receivers.forEach((receive) => receive({ hello: true, link: 1e6 }, 'b'))
    receivers.forEach((receive) => receive({ hello: true, link: 1e6 }, 'c'))
    aborter.abort()
    window.listening = receivers.size + watchers.size
    call.close()
  })
  assert.equal(await page.evaluate(() => listening), 0)
  await page.evaluate(() => endOf('b').call.close())
  await eventually('everything is freed', async () => await openPeerConnections(page) === 0)
})

test('what is no message is passed over', async () => {
  await openBoth()
  const hellos = (await said('hello', polite)).length
  await page.evaluate(() => endOf('a').receivers.forEach((receive) => {
    for (const data of [null, 5, 'hello', {}, { hello: true }, { hello: true, link: '1e9' }, { hello: true, link: 0 }]) receive(data, 'b')
  }))
  await hasHeard(polite, impolite)
  assert.equal((await said('hello', polite)).length, hellos + 1)
  assert.deepEqual(await told(polite), ['connected'])
  assert.deepEqual(await statesOf(polite), ['connected'])
})

test('STUN and TURN are those of the options, or are asked for', async () => {
  const iceServers = [{ urls: ['turn:127.0.0.1:9'], username: 'u', credential: 'c' }]
  await open(polite, { iceServers, iceTransportPolicy: 'relay' })
  await page.evaluate((iceServers) => openEnd('b', { iceServers: async () => iceServers }), iceServers)
  const configurations = () => page.evaluate(() => ['a', 'b'].map((id) => {
    const { iceServers, iceTransportPolicy } = connectionOf(id).getConfiguration()
    return { iceServers, iceTransportPolicy }
  }))
  assert.deepEqual(await eventually('two connections', configurations),
    [{ iceServers, iceTransportPolicy: 'relay' }, { iceServers, iceTransportPolicy: 'all' }])
})

test('servers that cannot be had are told in a word', async () => {
  await page.evaluate(() => openEnd('a', { iceServers: () => { throw new Error('no TURN today') } }))
  await eventually('a failure', async () => (await told(polite)).length > 0)
  assert.deepEqual(await told(polite), [{ reason: 'unreachable', detail: { message: 'Error: no TURN today' } }])
})

test('who leaves before it has begun says nothing', async () => {
  await open(impolite)
  await page.evaluate(async () => {
    await openEnd('a', { aborted: true })
    const waiting = new Promise((resolve) => { window.serve = resolve })
    const { call } = await openEnd('c', { iceServers: () => waiting })
    const { call: other } = await openEnd('d', { iceServers: () => waiting.then(() => { throw new Error('late') }) })
    call.close()
    other.close()
    serve([])
  })
  await eventually('he has greeted', async () => (await said('hello', impolite)).length === 3)
  assert.deepEqual([...await said('hello', 'a'), ...await said('hello', 'c'), ...await told('d')], [])
})
