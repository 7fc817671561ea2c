'use strict'
// With the real Chromium and whatsapp-web.js, on a page of ours.
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { world, whyNot } = require('./support/gateway')

const skip = whyNot() || false
const PATIENCE_MS = 40_000

async function linked(t) {
  const all = await world(t)
  const gateway = await all.start()
  const about = { session_id: 's1', workspace_id: 1, account_id: 7 }
  const created = await gateway.call('POST', '/api/sessions', about)
  assert.deepEqual(created, { success: true, session_id: 's1', status: 'qr_scanning' })
  all.web.tell('pair')
  const until = (condition) => all.rollcall.until(condition, PATIENCE_MS)
  const ready = (count) => until(() => all.events('s1', 'session_ready').length === count)
  const reasons = () => all.events('s1', 'session_disconnected').map(({ data }) => data.reason)
  await ready(1)
  return { ...all, gateway, about, ready, reasons, until }
}

test('from nothing to a linked number, by one browser however often it is asked for', { skip }, async (t) => {
  const { start, rollcall, web, events, processes } = await world(t)
  const gateway = await start()
  const about = { session_id: 's1', workspace_id: 1 }
  const answers = await Promise.all([1, 2, 3].map(() => gateway.call('POST', '/api/sessions/create', about)))
  for (const { success, session_id } of answers) assert.deepEqual([success, session_id], [true, 's1'])
  assert.equal(processes('s1').filter(({ isMain }) => isMain).length, 1)
  await rollcall.until(() => events('s1', 'qr_code_generated').length === 1, PATIENCE_MS)
  assert.match(events('s1', 'qr_code_generated')[0].data.qr_code, /^data:image\/png;base64,/)
  const { pairing_code } = await gateway.call('POST', '/api/sessions/s1/pairing-code', { phone_number: '+1 555 010-0001' })
  assert.equal(pairing_code, 'ABCD1234')
  web.tell('pair')
  await rollcall.until(() => events('s1', 'session_ready').length === 1, PATIENCE_MS)
  assert.equal(events('s1', 'session_ready')[0].data.phone_number, '15550100001')
  const { sessions } = await gateway.call('GET', '/api/sessions')
  assert.deepEqual([sessions[0].status, sessions[0].phone_number], ['connected', '15550100001'])
  assert.equal((await gateway.call('POST', '/api/sessions', about)).success, true)
  assert.equal(processes('s1').filter(({ isMain }) => isMain).length, 1)
  assert.doesNotMatch(gateway.log(), /the-key|s3cret|ABCD1234|2@/)
})

test('a killed Chromium is said at once, and is back without anybody', { skip }, async (t) => {
  const { gateway, main, ready, reasons, events } = await linked(t)
  process.kill(main('s1'), 'SIGKILL')
  await ready(2)
  assert.deepEqual(reasons(), ['browser_crashed'])
  assert.equal(events('s1', 'qr_code_generated').length, 1)
  const probe = { session_id: 's1', recipient_phone: '0', message: 'x', type: 'text' }
  const met = await gateway.call('POST', '/api/messages/send', probe)
  assert.equal(met.status, 500)
  assert.match(met.error, /recipient_phone/)
})

test('a stopped Chromium is unresponsive, is ended, and is back without anybody', { skip }, async (t) => {
  const { main, ready, reasons } = await linked(t)
  const old = main('s1')
  process.kill(old, 'SIGSTOP')
  await ready(2)
  assert.equal(reasons()[0], 'browser_unresponsive')
  assert.notEqual(main('s1'), old)
})

test('of two sessions one is killed, and the other does not blink', { skip }, async (t) => {
  const { gateway, web, main, events, ready, until } = await linked(t)
  await gateway.call('POST', '/api/sessions', { session_id: 's10', workspace_id: 1 })
  web.tell('pair')
  await until(() => events('s10', 'session_ready').length === 1)
  process.kill(main('s1'), 'SIGKILL')
  await ready(2)
  assert.deepEqual(events('s10', 'session_disconnected'), [])
  assert.equal((await gateway.call('GET', '/api/sessions/s10/status')).status, 'connected')
})

test('a killed gateway restores what is wanted, over a Chromium that was left over', { skip }, async (t) => {
  const { gateway, main, wanted, start, ready, events } = await linked(t)
  const old = main('s1')
  process.kill(old, 'SIGSTOP') // otherwise it would end with the gateway
  await gateway.kill()
  assert.equal(main('s1'), old)
  wanted.push({ session_id: 's1', workspace_id: 1 })
  await start()
  await ready(2)
  assert.notEqual(main('s1'), old)
  assert.equal(events('s1', 'qr_code_generated').length, 1)
})

test('what another client took over is not fought for', { skip }, async (t) => {
  const { web, gateway, until, reasons } = await linked(t)
  web.tell('state', 'CONFLICT')
  await until(() => reasons().length === 1)
  assert.deepEqual(reasons(), ['CONFLICT'])
  const { sessions } = await gateway.call('GET', '/api/sessions')
  assert.deepEqual([sessions[0].status, sessions[0].reason], ['disconnected', 'CONFLICT'])
})

test('a logout on the phone is told, and a new code can be scanned', { skip }, async (t) => {
  const { web, until, ready, reasons, events } = await linked(t)
  web.tell('logout')
  await until(() => events('s1', 'qr_code_generated').length === 2)
  assert.deepEqual(reasons(), ['LOGOUT'])
  web.tell('pair')
  await ready(2)
})

test('stopping keeps the login, deleting does not', { skip }, async (t) => {
  const { gateway, about, ready, processes, events, until } = await linked(t)
  assert.equal((await gateway.call('POST', '/api/sessions/s1/stop', {})).success, true)
  assert.deepEqual(processes('s1'), [])
  await gateway.call('POST', '/api/sessions', about)
  await ready(2)
  assert.equal((await gateway.call('DELETE', '/api/sessions/s1', {})).success, true)
  assert.equal((await gateway.call('GET', '/api/sessions')).total, 0)
  await gateway.call('POST', '/api/sessions', about)
  await until(() => events('s1', 'qr_code_generated').length === 2)
})

test('a start that fails leaves no Chromium', { skip }, async (t) => {
  const { start, web, processes } = await world(t)
  web.isBroken = true
  const gateway = await start()
  const answer = await gateway.call('POST', '/api/sessions', { session_id: 's1', workspace_id: 1 })
  assert.equal(answer.status, 500)
  assert.match(answer.error, /net::ERR/)
  assert.deepEqual(processes('s1'), [])
})

test('SIGTERM ends all within 10 s and says so, also what is starting or hangs', { skip }, async (t) => {
  const { gateway, main, processes, until } = await linked(t)
  const starting = gateway.call('POST', '/api/sessions', { session_id: 's2', workspace_id: 1 }).catch(() => {})
  await until(() => main('s2'))
  process.kill(main('s1'), 'SIGSTOP')
  const began = Date.now()
  gateway.child.kill('SIGTERM')
  assert.deepEqual(await gateway.exit, [0, null])
  assert.ok(Date.now() - began < 10_000)
  assert.deepEqual([...processes('s1'), ...processes('s2')], [])
  assert.match(gateway.log(), /2 of 2 sessions stopped in \d+ ms/)
  await starting
})
