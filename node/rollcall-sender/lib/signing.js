'use strict'
// The headers that Rollcall knows a gateway by.

const { createHmac } = require('node:crypto')

/** Lower-case hex HMAC-SHA256 over the timestamp and the raw body, with nothing between them. */
function signature(
  /** @type {string} */ secret,
  /** @type {string} */ timestamp,
  /** @type {Buffer | string} */ body,
) {
  return createHmac('sha256', secret).update(timestamp).update(body).digest('hex')
}

/**
 * Signed anew for every attempt: Rollcall accepts a timestamp for 300 s only. The API key stays at
 * home, so that a wrong address never sees it.
 *
 * @param {import('./config').Config} config
 * @param {Buffer} body
 */
function signedHeaders(config, body, now = Date.now()) {
  const timestamp = String(Math.floor(now / 1000))
  return {
    'Content-Type': 'application/json',
    'User-Agent': 'rollcall-sender/1.0',
    'X-Timestamp': timestamp,
    'X-HMAC-Signature': signature(config.hmacSecret, timestamp, body),
    ...(config.instanceUrl ? { 'X-Instance-Url': config.instanceUrl } : {}),
  }
}

module.exports = { signature, signedHeaders }
