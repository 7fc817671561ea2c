'use strict'
const { after, test } = require('node:test')
const assert = require('node:assert/strict')
const { Watch } = require('../lib/watch')
const { FakeClient, WHATSAPP } = require('./support/client')

const EVER = 2 ** 30 // the tests probe by hand
// Timers of the library keep no process alive: here something must.
const hold = setInterval(() => {}, 1_000)
after(() => clearInterval(hold))

async function watched(t, { options = {}, isReady = true } = {}) {
  const client = new FakeClient()
  const said = []
  const logged = []
  const active = new Set()
  const watch = new Watch(
    client,
    { sessionId: 'a', workspaceId: 1, probeEveryMs: EVER, probeDeadlineMs: 20, ...options },
    {
      say: (event, { workspace_id, session_id, ...data }) => {
        assert.deepEqual([workspace_id, session_id], [1, 'a'])
        said.push([event, data])
      },
      log: (level, text) => logged.push([level, text]),
      began: (one) => active.add(one),
      ended: (one) => active.delete(one),
    },
  )
  t.after(() => watch.stop())
  const start = async () => {
    await client.initialize()
    watch._attach() // as its timer does
  }
  await start()
  if (isReady) client.ready()
  const news = () => said.splice(0)
  if (isReady) news()
  return { client, watch, news, logged, start, active }
}

const lost = (reason) => [['session_disconnected', { reason }]]
const back = [['session_status_changed', { status: 'connected', reason: 'CONNECTED' }]]
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('from the code to the number', async (t) => {
  const { client, news } = await watched(t, { isReady: false, options: { picture: async (code) => `data:${code}` } })
  client.emit('qr', '2@one')
  await settled()
  client.emit('qr', '2@two')
  await settled()
  client.ready()
  assert.deepEqual(news(), [
    ['qr_code_generated', { qr_code: 'data:2@one', expires_in: 60, qr_count: 1, is_regeneration: false }],
    ['qr_code_generated', { qr_code: 'data:2@two', expires_in: 60, qr_count: 2, is_regeneration: true }],
    ['session_authenticated', { status: 'authenticated' }],
    ['session_ready', { phone_number: '15550100001', status: 'connected', platform: 'android' }],
  ])
})

test('what the library says twice after a navigation is sent once', async (t) => {
  const { client, news } = await watched(t)
  for (const event of ['authenticated', 'authenticated', 'ready', 'ready']) client.emit(event)
  assert.deepEqual(news().map(([event]) => event), ['session_authenticated', 'session_ready'])
})

test('a picture that cannot be drawn costs the picture only, and its code is logged nowhere', async (t) => {
  const picture = () => Promise.reject(new Error('2@secret is too long'))
  const { client, news, logged } = await watched(t, { isReady: false, options: { picture } })
  client.emit('qr', '2@secret')
  await settled()
  assert.deepEqual(news(), [['qr_code_generated', { expires_in: 60, qr_count: 1, is_regeneration: false }]])
  assert.equal(logged.length, 1)
  assert.doesNotMatch(JSON.stringify(logged), /2@secret/)
})

test('a picture that comes after the scan is not sent', async (t) => {
  let draw
  const picture = () => new Promise((resolve) => (draw = resolve))
  const { client, news } = await watched(t, { isReady: false, options: { picture } })
  client.emit('qr', '2@one')
  client.ready()
  draw('data:late')
  await settled()
  assert.deepEqual(news().map(([event]) => event), ['session_authenticated', 'session_ready'])
})

for (const [fault, reason, happen] of [
  ['the browser is killed', 'browser_crashed', ({ pupBrowser }) => pupBrowser.emit('disconnected')],
  ['the page crashes', 'page_crashed', ({ pupPage }) => pupPage.emit('error', new Error('Page crashed!'))],
  ['the tab is closed', 'page_closed', ({ pupPage }) => pupPage.emit('close')],
  ['the page goes elsewhere', 'page_left', (client) => client.navigate('about:blank')],
  ['the page shows a network error', 'page_left', (client) => client.navigate('chrome-error://chromewebdata/')],
  ['the phone unlinks it', 'LOGOUT', (client) => client.emit('disconnected', 'LOGOUT')],
  ['another client takes over', 'CONFLICT', (client) => client.emit('change_state', 'CONFLICT')],
  ['WhatsApp is not reached', 'TIMEOUT', (client) => client.emit('change_state', 'TIMEOUT')],
  ['the number is banned', 'TOS_BLOCK', (client) => client.emit('change_state', 'TOS_BLOCK')],
  ['a word nobody knows comes', 'NEW_WORD', (client) => client.emit('change_state', 'NEW_WORD')],
]) {
  test(`${fault}: ${reason}, at once and once`, async (t) => {
    const { client, watch, news } = await watched(t)
    happen(client)
    happen(client)
    assert.deepEqual(news(), lost(reason))
    assert.equal(watch.state().state, 'disconnected')
    assert.equal(watch.state().reason, reason)
  })
}

test('what follows a loss does not hide its reason', async (t) => {
  const { client, news } = await watched(t)
  client.emit('change_state', 'CONFLICT')
  client.emit('disconnected', 'CONFLICT')
  client.pupPage.emit('close')
  await client.destroy()
  assert.deepEqual(news(), lost('CONFLICT'))
})

test('after a logout the new code is sent, and nothing is claimed lost before it was linked', async (t) => {
  const { client, news } = await watched(t)
  client.emit('disconnected', 'LOGOUT')
  client.emit('change_state', 'UNPAIRED')
  client.emit('qr', '2@new')
  await settled()
  assert.deepEqual(news().map(([event]) => event), ['session_disconnected', 'qr_code_generated'])
})

test('TIMEOUT and back is told both times', async (t) => {
  const { client, news } = await watched(t)
  client.emit('change_state', 'TIMEOUT')
  client.emit('change_state', 'OPENING')
  client.emit('change_state', 'CONNECTED')
  assert.deepEqual(news(), [
    ...lost('TIMEOUT'),
    ['session_status_changed', { status: 'authenticated', reason: 'OPENING' }],
    ...back,
  ])
})

test('on the way to the first connection no state is a loss', async (t) => {
  const { client, news } = await watched(t, { isReady: false })
  for (const word of ['UNLAUNCHED', 'OPENING', 'UNPAIRED', 'PAIRING', 'CONNECTED']) client.emit('change_state', word)
  assert.deepEqual(news(), [])
})

for (const [part, reason] of [['pupBrowser', 'browser_unresponsive'], ['pupPage', 'page_unresponsive']]) {
  test(`a ${part} that hangs is ${reason} at the second probe, and connected when it answers`, async (t) => {
    const { client, watch, news } = await watched(t)
    client[part].hangs = true
    await watch.probe()
    assert.deepEqual(news(), [])
    await watch.probe()
    await watch.probe()
    assert.deepEqual(news(), lost(reason))
    client[part].hangs = false
    await watch.probe()
    assert.deepEqual(news(), back)
  })
}

test('a page that is busy for one probe is not lost', async (t) => {
  const { client, watch, news } = await watched(t)
  for (const hangs of [true, false, true, false]) {
    client.pupPage.hangs = hangs
    await watch.probe()
  }
  assert.deepEqual(news(), [])
})

test('a hung browser that is then killed has crashed', async (t) => {
  const { client, watch, news } = await watched(t)
  client.pupBrowser.hangs = true
  await watch.probe()
  await watch.probe()
  client.pupBrowser.emit('disconnected')
  assert.deepEqual(news(), [...lost('browser_unresponsive'), ...lost('browser_crashed')])
})

for (const [what, change, reason] of [
  ['a browser that throws', ({ pupBrowser }) => (pupBrowser.throws = new Error('Session closed')), 'browser_crashed'],
  ['a closed page', ({ pupPage }) => Object.assign(pupPage, { closed: true, throws: new Error('Target closed') }), 'page_closed'],
  ['another page', ({ pupPage }) => Object.assign(pupPage, { address: 'about:blank', throws: new Error('window.require is not a function') }), 'page_left'],
  ['a lost connection', ({ pupPage }) => (pupPage.state = 'TIMEOUT'), 'TIMEOUT'],
]) {
  test(`a probe finds ${what} that nothing has announced`, async (t) => {
    const { client, watch, news } = await watched(t)
    change(client)
    await watch.probe()
    assert.deepEqual(news(), lost(reason))
  })
}

test('a page in the middle of a reload is not lost', async (t) => {
  const { client, watch, news } = await watched(t)
  client.pupPage.throws = new Error('Execution context was destroyed')
  await watch.probe()
  client.navigate(WHATSAPP)
  assert.deepEqual(news(), [])
})

test('probes do not overlap', async (t) => {
  const { client, watch } = await watched(t)
  let asked = 0
  client.pupBrowser.version = () => ((asked += 1), new Promise(() => {}))
  await Promise.all([watch.probe(), watch.probe(), watch.probe()])
  assert.equal(asked, 1)
})

test('whoever destroys a client hears that it was stopped, and nothing of crashes', async (t) => {
  const { client, watch, news, active } = await watched(t)
  await client.destroy()
  await watch.probe()
  assert.deepEqual(news(), lost('stopped'))
  assert.deepEqual([client.calls, active.size], [['initialize', 'destroy'], 0])
})

test('whoever logs a client out hears that it is logged out', async (t) => {
  const { client, news, active } = await watched(t)
  await client.logout()
  assert.deepEqual(news(), lost('LOGOUT'))
  assert.equal(active.size, 0)
})

test('the same client, started again, is watched again, and its old browser is forgotten', async (t) => {
  const { client, news, start, active } = await watched(t)
  const old = client.pupBrowser
  await client.destroy()
  await start()
  client.ready()
  news()
  old.emit('disconnected')
  assert.deepEqual(news(), [])
  client.pupBrowser.emit('disconnected')
  assert.deepEqual(news(), lost('browser_crashed'))
  assert.equal(active.size, 1)
})

test('a client that is started anew without an end is watched on its new browser', async (t) => {
  const { client, news, start } = await watched(t)
  client.pupBrowser.emit('disconnected')
  await start()
  client.ready()
  news()
  client.pupPage.emit('error', new Error('Page crashed!'))
  assert.deepEqual(news(), lost('page_crashed'))
})

test('messages are signs of life, now and then, without a word of theirs', async (t) => {
  const { client, news } = await watched(t)
  for (let n = 0; n < 5; n += 1) client.emit('message_create', { body: 'private', fromMe: false })
  client.emit('message_ack', { body: 'private' }, 2)
  assert.deepEqual(news(), [['message_received', {}]])
})

test('what a page without a connection says of its own messages is no sign of life', async (t) => {
  const { client, news } = await watched(t)
  client.emit('message_create', { body: 'private', fromMe: true })
  for (const ack of [-1, 0]) client.emit('message_ack', { body: 'private' }, ack)
  assert.deepEqual(news(), [])
  client.emit('message_ack', { body: 'private' }, 1)
  assert.deepEqual(news(), [['message_status_updated', {}]])
})

test('stop leaves the client as it was', async (t) => {
  const { client, watch, news } = await watched(t)
  watch.stop()
  client.pupBrowser.emit('disconnected')
  assert.deepEqual(news(), [])
  assert.equal(client.destroy, FakeClient.prototype.destroy)
  for (const emitter of [client, client.pupBrowser, client.pupPage]) assert.deepEqual(emitter.eventNames(), [])
})

test('state says what is known and how old it is', async (t) => {
  const { watch } = await watched(t)
  assert.equal(watch.state().probed_age_seconds, null)
  await watch.probe()
  const { session_id, state, reason, probed_age_seconds, missed_probes } = watch.state(watch.probedAt + 5_000)
  assert.deepEqual([session_id, state, reason, probed_age_seconds, missed_probes], ['a', 'connected', '', 5, 0])
})
