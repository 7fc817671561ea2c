'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { signature, signedHeaders } = require('../lib/signing')

test('the contract’s example is signed as it says', () => {
  const body =
    '{"event":"session_disconnected","data":{"workspace_id":1,"session_id":"webjs_1_1763264512_KUfMjqya","reason":"NAVIGATION"}}'
  assert.equal(
    signature('s3cret', '1763264512', body),
    '44ff093bea3aa5c201d481939246ae2a20a057e67472b541a8c3bab4674b497e',
  )
})

test('the key does not go along', () => {
  const headers = signedHeaders({ apiKey: 'the-key', hmacSecret: 's', instanceUrl: 'http://n:3001' }, Buffer.from('{}'))
  assert.ok(!JSON.stringify(headers).includes('the-key'))
  assert.equal(headers['X-Instance-Url'], 'http://n:3001')
})
