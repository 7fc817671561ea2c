'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { world, INDEX } = require('./support/gateway')

// No browser is started here; whatever runs will do.
const NO_BROWSER = '/bin/false'
const KEY = 'the-key'

test('only health is answered without the key, which may come in three places', async (t) => {
  const gateway = await (await world(t, { chromium: NO_BROWSER })).start()
  const list = (query = '', headers = {}) => gateway.call('GET', `/api/sessions${query}`, undefined, headers)
  assert.equal((await gateway.call('GET', '/health', undefined, {})).status, 'healthy')
  for (const answer of [await list(), await list('?api_key=no'), await list('', { 'X-API-Key': 'the-ke' })]) {
    assert.deepEqual(answer, { status: 401, error: 'Invalid API key' })
  }
  for (const answer of [await list(`?api_key=${KEY}`), await list('', { 'X-API-Key': KEY })]) {
    const { success, sessions, total, uptime, boot_id } = answer
    assert.deepEqual([success, sessions, total, typeof uptime, typeof boot_id], [true, [], 0, 'number', 'string'])
  }
  const stopped = await gateway.call('POST', '/api/sessions/nobody/stop', { api_key: KEY }, {})
  assert.equal(stopped.alreadyDisconnected, true)
})

test('a session that is not held is answered as the contract says', async (t) => {
  const gateway = await (await world(t, { chromium: NO_BROWSER })).start()
  const missing = { status: 404, error: 'Session not found' }
  assert.deepEqual(await gateway.call('GET', '/api/sessions/nobody/status'), missing)
  assert.deepEqual(await gateway.call('GET', '/api/messages/nobody/validate'), missing)
  assert.deepEqual(await gateway.call('POST', '/api/messages/send', { session_id: 'nobody' }), missing)
  assert.deepEqual(await gateway.call('POST', '/api/sessions/nobody/pairing-code', {}), missing)
  const gone = await gateway.call('DELETE', '/api/sessions/nobody', { workspace_id: 1 })
  assert.deepEqual([gone.status, gone.success, gone.alreadyDisconnected], [200, true, true])
})

test('bad input is answered, and the process lives on', async (t) => {
  const gateway = await (await world(t, { chromium: NO_BROWSER })).start()
  assert.equal((await gateway.call('POST', '/api/sessions', '{"half')).status, 400)
  assert.equal((await gateway.call('POST', '/api/sessions', { session_id: '../etc' })).status, 400)
  assert.equal((await gateway.call('POST', '/api/sessions', `{"x":"${'x'.repeat(200_000)}"}`)).status, 413)
  assert.equal((await gateway.call('GET', '/nothing')).status, 404)
  assert.equal((await gateway.call('GET', '/health')).status, 'healthy')
})

test('a browser that does not start is an answer, a state and an event', async (t) => {
  const { start, rollcall, events } = await world(t, { chromium: NO_BROWSER })
  const gateway = await start()
  const answer = await gateway.call('POST', '/api/sessions', { session_id: 's1', workspace_id: 1 })
  assert.equal(answer.status, 500)
  assert.ok(answer.error)
  const { sessions } = await gateway.call('GET', '/api/sessions')
  assert.equal(sessions[0].status, 'error')
  await rollcall.until(() => events('s1', 'session_error').length === 1)
  assert.doesNotMatch(gateway.log(), /the-key|s3cret/)
})

test('it says what is missing, and does not start', () => {
  for (const [env, words] of [
    [{}, /SESSIONS_PATH must be/],
    [{ SESSIONS_PATH: '/tmp/x', CHROMIUM_PATH: '/nowhere/chromium' }, /no Chromium was found/],
    [{ SESSIONS_PATH: '/tmp/x', CHROMIUM_PATH: NO_BROWSER }, /ROLLCALL_URL is not set[\s\S]*API_KEY is not set/],
    [{ PORT: 'x' }, /PORT must be/],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [INDEX], { env: { PATH: '', ...env }, encoding: 'utf8' })
    assert.equal(status, 2)
    assert.match(stderr, words)
  }
})

test('a port that is taken ends it with a word', async (t) => {
  const { start } = await world(t, { chromium: NO_BROWSER })
  const { address } = await start()
  await assert.rejects(
    start({ PORT: new URL(address).port, OUTBOX_PATH: `/tmp/rollcall-gateway-test-${process.pid}.jsonl` }),
    /cannot listen on 127\.0\.0\.1/,
  )
})
