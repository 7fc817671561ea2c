'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { readConfig, ConfigError } = require('../lib/config')

const GOOD = {
  ROLLCALL_URL: 'https://rollcall.example.com',
  API_KEY: 'key',
  HMAC_SECRET: 'secret',
  OUTBOX_PATH: '/var/lib/whatsapp/outbox.jsonl',
}

const urlOf = (more) => readConfig({ ...GOOD, ...more }).webhookUrl.href
const problemsOf = (more) => {
  try {
    readConfig({ ...GOOD, ...more })
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems
  }
  return []
}

test('events go to the contract’s path when none is set', () => {
  assert.equal(urlOf({}), 'https://rollcall.example.com/api/webhooks/webjs')
})

for (const [address, endpoint, url] of [
  ['https://example.com/', undefined, 'https://example.com/api/webhooks/webjs'],
  ['https://example.com/rollcall', undefined, 'https://example.com/rollcall/api/webhooks/webjs'],
  ['https://example.com/rollcall/', '/api/webhooks/webjs', 'https://example.com/rollcall/api/webhooks/webjs'],
  ['http://localhost:8000', 'api/webhooks/webjs', 'http://localhost:8000/api/webhooks/webjs'],
  ['http://127.0.0.1:8000', '/api/webhooks/webjs/own-token', 'http://127.0.0.1:8000/api/webhooks/webjs/own-token'],
]) {
  test(`${address} and ${endpoint} make ${url}`, () => {
    assert.equal(urlOf({ ROLLCALL_URL: address, WEBHOOK_ENDPOINT: endpoint }), url)
  })
}

for (const name of ['ROLLCALL_URL', 'API_KEY', 'HMAC_SECRET', 'OUTBOX_PATH']) {
  for (const value of [undefined, '']) {
    test(`it does not start without ${name} (${value}), and says so`, () => {
      const problems = problemsOf({ [name]: value })
      assert.equal(problems.length, 1)
      assert.match(problems[0], new RegExp(`^${name} is not set: `))
    })
  }
}

for (const [name, value, words] of [
  ['ROLLCALL_URL', 'rollcall.example.com', /no http/],
  ['ROLLCALL_URL', 'localhost:8000', /no http/],
  ['ROLLCALL_URL', 'https://me:pw@example.com', /user name or password/],
  ['ROLLCALL_URL', 'https://example.com/?a=1', /\? or # part/],
  ['ROLLCALL_URL', 'https://example.com/api/webhooks/webjs', /already ends in/],
  ['ROLLCALL_URL', 'https://example.com/api/webhooks/webjs/', /already ends in/],
  ['WEBHOOK_ENDPOINT', 'https://example.com/api/webhooks/webjs', /whole address/],
  ['WEBHOOK_ENDPOINT', '/api/webhooks/webjs?x=1', /no path/],
  ['HMAC_SECRET', 'secret\n', /white space/],
  ['HMAC_SECRET', '"secret"', /in quotes/],
  ['API_KEY', 'kéy', /no header/],
  ['OUTBOX_PATH', 'outbox.jsonl', /whole path/],
  ['OUTBOX_PATH', '/var/lib/whatsapp/', /whole path/],
  ['INSTANCE_URL', 'node-1', /INSTANCE_URL/],
]) {
  test(`${name}=${JSON.stringify(value)} is refused with a sentence that does not hold a secret`, () => {
    const problems = problemsOf({ [name]: value })
    assert.equal(problems.length, 1)
    assert.match(problems[0], words)
    if (/KEY|SECRET/.test(name)) assert.ok(!problems[0].includes(value))
  })
}

test('all that is wrong is said at once', () => {
  assert.equal(problemsOf({ ROLLCALL_URL: '', API_KEY: '', OUTBOX_PATH: 'x' }).length, 3)
})
