'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { supersedes, withoutFleeting, current, evidenceOnly } = require('../lib/events')

const event = (name, data = {}) => ({ sequence: 1, id: 'x', event: name, data, at: 1_000 })
const lost = (reason) => event('session_disconnected', { reason })

for (const [newer, older, whether] of [
  [event('session_ready'), lost('NAVIGATION'), true],
  [event('session_ready'), event('qr_code_generated'), true],
  [event('session_ready'), event('session_ready'), true],
  [lost('browser_crashed'), event('session_ready'), true],
  [lost('browser_crashed'), lost('browser_crashed'), true],
  [lost('browser_crashed'), lost('LOGOUT'), false],
  [event('qr_code_generated'), event('qr_code_generated'), true],
  [event('qr_code_generated'), lost('LOGOUT'), false],
  [event('session_authenticated'), event('qr_code_generated'), true],
  [event('session_status_changed'), lost('page_unresponsive'), true],
  [event('session_status_changed'), event('session_ready'), false],
  [event('message_received'), event('message_received'), true],
  [event('message_received'), event('session_ready'), false],
  [event('session_ready'), event('message_received'), false],
  [event('session_error'), event('session_error'), false],
  [event('session_ready'), event('session_error'), false],
  [event('something_new'), event('something_new'), false],
]) {
  const [one, other] = [newer, older].map(({ event: name, data }) => `${name} ${data.reason ?? ''}`.trim())
  test(`${one} ${whether ? 'makes' : 'does not make'} an earlier ${other} needless`, () => {
    assert.equal(supersedes(newer, older), whether)
  })
}

test('codes are left out on disk, and after a minute', () => {
  const code = event('qr_code_generated', { session_id: 'a', qr_code: 'data:', pairing_code: '1' })
  assert.deepEqual(withoutFleeting(code).data, { session_id: 'a' })
  assert.equal(current(code, code.at + 59_000).data.qr_code, 'data:')
  assert.deepEqual(current(code, code.at + 60_000).data, { session_id: 'a' })
})

test('of a message only remains that it came', () => {
  const data = { workspace_id: 1, session_id: 'a', message_id: 'm', message: { body: 'hello' }, timestamp: 5, body: 'x' }
  assert.deepEqual(evidenceOnly(data), { workspace_id: 1, session_id: 'a', message_id: 'm', timestamp: 5 })
})
