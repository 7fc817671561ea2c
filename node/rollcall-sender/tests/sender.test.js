'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const { createSender, ConfigError } = require('..')
const { receiver, isSigned, SECRET } = require('./support/receiver')
const { pair, hurry } = require('./support/sending')

hurry()
const note = (n, session_id = 'a') => ['session_error', { workspace_id: 1, session_id, message: String(n) }]
const numbers = (rollcall, session_id = 'a') =>
  rollcall.events().filter(({ data }) => data.session_id === session_id).map(({ data }) => Number(data.message))
const upTo = (count) => Array.from({ length: count }, (_, n) => n)

test('the route is proven at the start', async (t) => {
  const { rollcall, sender } = await pair(t)
  assert.equal(sender.health().route.state, 'unproven')
  await rollcall.until(() => rollcall.received.length === 1)
  const [{ method, path, headers, body, ...test }] = rollcall.received
  assert.deepEqual([method, path, headers.connection], ['POST', '/api/webhooks/webjs', 'close'])
  assert.deepEqual(Object.keys(body), ['event', 'timestamp'])
  assert.ok(isSigned({ headers, ...test }))
  await rollcall.until(() => sender.health().ok)
})

test('an event carries the contract’s fields, and its id, its time and its number', async (t) => {
  const { rollcall, sender } = await pair(t)
  const before = Date.now()
  const { kept, eventId } = await sender.send('session_disconnected', { workspace_id: 1, session_id: 'a', reason: 'NAVIGATION' })
  assert.ok(kept)
  await rollcall.until(() => rollcall.events().length === 1)
  const [body] = rollcall.events()
  assert.deepEqual(body.data, { workspace_id: 1, session_id: 'a', reason: 'NAVIGATION' })
  assert.equal(body.event_id, eventId)
  assert.ok(Date.parse(body.timestamp) >= before && body.timestamp.endsWith('Z'))
  assert.ok(Number.isSafeInteger(body.sequence))
  assert.ok(isSigned(rollcall.received.at(-1)))
})

test('a path prefix, a slash at the end and the name localhost lead to the same place', async (t) => {
  const rollcall = await receiver()
  t.after(() => rollcall.close())
  const { sender } = await pair(t, { env: { ROLLCALL_URL: `http://localhost:${rollcall.port}/rollcall/` } })
  await sender.send(...note(1))
  await rollcall.until(() => rollcall.events().length === 1)
  assert.equal(rollcall.received.at(-1).path, '/rollcall/api/webhooks/webjs')
})

test('what comes while Rollcall is away arrives when it is back: in order, once, with the time it happened', async (t) => {
  const { rollcall, sender } = await pair(t, { env: { ROLLCALL_URL: 'http://127.0.0.1:1' } })
  for (const n of upTo(50)) await sender.send(...note(n, n % 2 ? 'a' : 'b'))
  await rollcall.until(() => sender.health().route.state === 'failing')
  assert.equal(sender.health().queue.waiting, 50)
  const back = Date.now()
  sender.config.webhookUrl.port = String(rollcall.port)
  await rollcall.until(() => sender.health().queue.waiting === 0)
  assert.deepEqual(numbers(rollcall, 'a'), upTo(50).filter((n) => n % 2))
  assert.deepEqual(numbers(rollcall, 'b'), upTo(50).filter((n) => !(n % 2)))
  const events = rollcall.events()
  assert.equal(new Set(events.map((one) => one.event_id)).size, 50)
  assert.ok(events.every((one) => Date.parse(one.timestamp) <= back))
  for (const session of ['a', 'b']) {
    const order = events.filter(({ data }) => data.session_id === session).map((one) => one.sequence)
    assert.deepEqual(order, order.toSorted((one, other) => one - other))
  }
})

for (const [what, reply] of [
  ['a 500', { status: 500 }],
  ['a 503 with a reason', { status: 503, body: { success: false, reason: 'not now' } }],
  ['a 429', { status: 429 }],
]) {
  test(`${what} is tried again until it is taken, signed anew, with the same id`, async (t) => {
    let failures = 5
    const ids = new Set()
    const { rollcall, sender } = await pair(t)
    await rollcall.until(() => sender.health().ok)
    rollcall.reply = ({ body }) => (ids.add(body.event_id), failures-- > 0 ? reply : {})
    const { eventId } = await sender.send(...note(1))
    await rollcall.until(() => rollcall.events().length === 1)
    assert.deepEqual([...ids], [eventId])
    await rollcall.until(() => sender.health().ok)
  })
}

test('Retry-After is obeyed', async (t) => {
  let isFirst = true
  const { rollcall, sender } = await pair(t)
  await rollcall.until(() => sender.health().ok)
  rollcall.reply = () => (isFirst ? ((isFirst = false), { status: 503, headers: { 'Retry-After': '1' } }) : {})
  const began = Date.now()
  await sender.send(...note(1))
  await rollcall.until(() => rollcall.events().length === 1)
  assert.ok(Date.now() - began >= 1000)
})

for (const [status, body, cure] of [
  [404, { success: false, reason: 'nothing is at /x; webhooks of the Node service belong to /api/webhooks/webjs' }, /belong to \/api\/webhooks\/webjs/],
  [404, '<h1>Not Found</h1>', /check ROLLCALL_URL and WEBHOOK_ENDPOINT/],
  [401, { success: false, reason: 'timestamp is 900 s off (ahead): check the gateway\'s clock' }, /check the gateway's clock/],
  [401, '', /check HMAC_SECRET/],
  [409, { success: false, reason: 'ambiguous' }, /set INSTANCE_URL/],
  [200, '<html>a page for everything</html>', /check ROLLCALL_URL/],
  [302, '', /set ROLLCALL_URL so that none is needed/],
]) {
  test(`${status} ${JSON.stringify(body).slice(0, 40)} is critical, names the cure, and loses nothing`, async (t) => {
    const { rollcall, sender, critical } = await pair(t, { reply: () => ({ status, body, headers: { Location: '/other' } }) })
    await rollcall.until(() => sender.health().route.state === 'blocked')
    for (const n of upTo(3)) await sender.send(...note(n))
    const { route, queue, ok } = sender.health()
    assert.deepEqual([ok, route.status, queue.waiting], [false, status, 3])
    assert.match(route.cure, cure)
    assert.equal(critical().length, 1, critical().join('\n'))
    assert.match(critical()[0], cure)
    rollcall.received.length = 0
    rollcall.reply = () => ({})
    await rollcall.until(() => sender.health().queue.waiting === 0)
    assert.deepEqual(numbers(rollcall), [0, 1, 2])
  })
}

test('a wrong path on which Rollcall hears all the same is critical, too', async (t) => {
  const { rollcall, sender, critical } = await pair(t, {
    reply: () => ({ body: { success: true, wrong_path: 'send to https://rollcall/api/webhooks/webjs' } }),
  })
  await rollcall.until(() => critical().length === 1)
  assert.match(critical()[0], /send to https:\/\/rollcall\/api\/webhooks\/webjs/)
  assert.equal(sender.health().ok, false)
})

test('an event that Rollcall cannot take holds up neither its session nor another', async (t) => {
  const { rollcall, sender, logged } = await pair(t)
  rollcall.reply = ({ body }) => (body.data?.message === '1' ? { status: 400, body: { success: false, reason: 'this webhook was kept but not understood' } } : {})
  for (const n of upTo(3)) await sender.send(...note(n))
  await rollcall.until(() => numbers(rollcall).length === 2)
  assert.deepEqual(numbers(rollcall), [0, 2])
  assert.equal(sender.health().counts.refused, 1)
  assert.ok(logged.some(([level, text]) => level === 'error' && text.includes('kept but not understood')))
})

test('an event that fails time and again holds up its own session only', async (t) => {
  const { rollcall, sender } = await pair(t)
  rollcall.reply = ({ body }) => (body.data?.session_id === 'sick' ? { status: 503 } : {})
  await sender.send(...note(0, 'sick'))
  for (const n of upTo(20)) await sender.send(...note(n))
  await rollcall.until(() => numbers(rollcall).length === 20)
  await rollcall.until(() => sender.health().queue.waiting === 1)
})

test('newer states take the place of older ones that wait', async (t) => {
  const { rollcall, sender } = await pair(t, { reply: () => ({ status: 503 }) })
  const say = (event, data) => sender.send(event, { workspace_id: 1, session_id: 'a', ...data })
  await say('session_ready')
  await say('session_disconnected', { reason: 'LOGOUT' })
  await say('session_disconnected', { reason: 'browser_crashed' })
  for (const n of upTo(5)) await say('qr_code_generated', { qr_count: n })
  await say('session_error', { message: 'stays' })
  rollcall.reply = () => ({})
  await rollcall.until(() => sender.health().queue.waiting === 0)
  assert.deepEqual(
    rollcall.events().map(({ event, data }) => data.reason ?? data.qr_count ?? event),
    ['LOGOUT', 'browser_crashed', 4, 'session_error'],
  )
  assert.equal(sender.health().counts.superseded, 5)
})

for (const [answers, becomes] of [
  [[{ status: 503 }, { status: 503 }], 'expired'],
  [[{}, {}], 'delivered'],
  [[{ status: 401 }, { status: 401 }, { status: 503 }, { status: 503 }], 'delivered'],
]) {
  test(`an event of yesterday is ${becomes} after ${answers.map(({ status }) => status ?? 200).join(', ')}`, async (t) => {
    const { rollcall, sender, start, outboxPath } = await pair(t)
    await rollcall.until(() => sender.health().ok)
    await sender.close()
    const at = Date.now() - 25 * 3_600_000
    const old = { sequence: 1, id: 'old', event: 'session_error', data: { session_id: 'a', message: '1' }, at }
    fs.appendFileSync(outboxPath, `${JSON.stringify({ put: old })}\n`)
    rollcall.reply = () => answers.shift() ?? {}
    const next = start()
    t.after(() => next.close())
    await rollcall.until(() => next.health().queue.waiting === 0)
    assert.equal(next.health().counts.expired, becomes === 'expired' ? 1 : 0)
    assert.deepEqual(numbers(rollcall), becomes === 'expired' ? [] : [1])
  })
}

test('a server that never answers is given up after the deadline, and nothing is lost', async (t) => {
  t.mock.method(AbortSignal, 'timeout', () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(new Error('late')), 50)
    return abort.signal
  })
  const { rollcall, sender } = await pair(t, { reply: () => ({ hangs: true }) })
  await sender.send(...note(1))
  await rollcall.until(() => sender.health().route.why.includes('no answer within'))
  rollcall.reply = () => ({})
  await rollcall.until(() => numbers(rollcall).length === 1)
})

for (const [event, data, why] of [
  ['session_error', {}, /session_id is missing/],
  ['session_error', { session_id: 'x'.repeat(256) }, /longer than 255/],
  ['session_error', { session_id: 'a', message: 'x'.repeat(300_000) }, /at most 200000/],
  ['session_error', { session_id: 'a', n: 1n }, /is no JSON/],
  ['', { session_id: 'a' }, /no name/],
  ['session_error', null, /session_id is missing/],
]) {
  test(`${event || 'nothing'} ${String(why)} is answered, not thrown`, async (t) => {
    const { sender, logged } = await pair(t)
    const answer = await sender.send(event, data)
    assert.equal(answer.kept, false)
    assert.match(answer.why, why)
    assert.ok(logged.some(([level]) => level === 'error'))
  })
}

test('the content of a message goes nowhere', async (t) => {
  const { rollcall, sender, outboxPath } = await pair(t)
  await sender.send('message_received', { workspace_id: 1, session_id: 'a', message: { body: 'private', media: 'x'.repeat(1e7) } })
  await rollcall.until(() => rollcall.events().length === 1)
  assert.deepEqual(rollcall.events()[0].data, { workspace_id: 1, session_id: 'a' })
  assert.doesNotMatch(fs.readFileSync(outboxPath, 'utf8'), /private/)
})

test('no secret and no code gets into a log or into health', async (t) => {
  const { rollcall, sender, logged } = await pair(t, { env: { API_KEY: 'the-api-key', HMAC_SECRET: 'the-hmac-secret' } })
  rollcall.reply = () => ({ status: 401 })
  await sender.send('qr_code_generated', { session_id: 'a', qr_code: 'the-code' })
  await rollcall.until(() => sender.health().route.state === 'blocked')
  assert.doesNotMatch(JSON.stringify([logged, sender.health()]), /the-api-key|the-hmac-secret|the-code/)
})

test('a logger that fails does not hold up what it logs', async (t) => {
  const { rollcall, settings, sender } = await pair(t)
  await sender.close()
  t.mock.method(process.stderr, 'write', () => true)
  const other = createSender({ env: settings, log: () => { throw new Error('broken') } })
  t.after(() => other.close())
  await other.send('session_error', {})
  await other.send(...note(7))
  await rollcall.until(() => numbers(rollcall).length === 1)
})

test('what could not be delivered before the end goes out after the next start', async (t) => {
  const { rollcall, sender, start } = await pair(t, { reply: () => ({ status: 503 }) })
  for (const n of upTo(3)) await sender.send(...note(n))
  assert.deepEqual(await sender.close(), { waiting: 3 })
  assert.equal((await sender.send(...note(9))).kept, false)
  rollcall.reply = () => ({})
  const next = start()
  t.after(() => next.close())
  await rollcall.until(() => numbers(rollcall).length === 3)
  assert.deepEqual(numbers(rollcall), [0, 1, 2])
})

test('closing waits for what is on its way', async (t) => {
  const { rollcall, sender } = await pair(t)
  await rollcall.until(() => sender.health().ok)
  for (const n of upTo(20)) void sender.send(...note(n))
  assert.deepEqual(await sender.close(), { waiting: 0 })
  assert.deepEqual(numbers(rollcall), upTo(20))
})

test('two senders on one outbox are refused', async (t) => {
  const { settings } = await pair(t)
  assert.throws(() => createSender({ env: settings }), (error) => error instanceof ConfigError && /uses the outbox/.test(error.message))
})

test('the sessions that should run are asked for with the key', async (t) => {
  const sessions = [{ id: 1, session_id: 'a', workspace_id: 1, phone_number: null, status: 'connected' }]
  const { rollcall, sender } = await pair(t)
  rollcall.reply = ({ method }) => ({ body: method === 'GET' ? { success: true, sessions, count: 1 } : { success: true } })
  assert.deepEqual(await sender.wantedSessions(), sessions)
  const asked = rollcall.received.find(({ method }) => method === 'GET')
  assert.deepEqual([asked.path, asked.headers['x-api-key']], ['/api/whatsapp/accounts/active', 'key'])
  rollcall.reply = () => ({ status: 401, body: { success: false, reason: 'this key is nobody’s' } })
  await assert.rejects(sender.wantedSessions(), /nobody’s \(check API_KEY\)/)
})
