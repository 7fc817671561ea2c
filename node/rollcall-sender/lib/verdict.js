'use strict'
// What an answer, or none, means for an event.

const { tidy } = require('./text')

const LONGEST_PAUSE_MS = 5 * 60_000

/**
 * delivered: it is done. refused: this event can never be taken. blocked: nothing is taken until a
 * person changes a setting. later: Rollcall cannot take it now.
 *
 * @typedef {object} Verdict
 * @property {'delivered' | 'refused' | 'blocked' | 'later'} kind
 * @property {number | null} status HTTP status; null where there was no answer
 * @property {string} why
 * @property {string} cure '' where nothing needs to be done
 * @property {number} pauseMs at least so long before the next attempt
 */

/**
 * @param {import('./request').Answer} answer
 * @param {{url: URL, isLife: boolean}} sent
 * @returns {Verdict}
 */
function judge(answer, { url, isLife }) {
  const { status } = answer
  const said = parsed(answer.text)
  const reason = typeof said?.reason === 'string' ? tidy(said.reason) : ''
  if (status >= 200 && status < 300) {
    // Some servers answer 200 to everything. A message's answer may come from a backend behind.
    return said?.success === true || isLife
      ? verdict('delivered', status, '', misrouted(said))
      : verdict('blocked', status, 'something answers there, but it is not Rollcall', misplaced(url))
  }
  const why = reason || `HTTP ${status}`
  const pauseMs = pause(answer.headers['retry-after'])
  if (status >= 300 && status < 400) return verdict('blocked', status, ...redirected(answer, url))
  if (status === 401 || status === 403) {
    return verdict('blocked', status, why, reason || 'check HMAC_SECRET: Rollcall must have the same one for this gateway')
  }
  if (status === 404 || status === 405) return verdict('blocked', status, why, reason || misplaced(url))
  if (status === 409) {
    return verdict('blocked', status, why, 'set INSTANCE_URL to the address that Rollcall has for this gateway, or give it a secret of its own')
  }
  if (status >= 500 || status === 429 || status === 408) {
    return { ...verdict('later', status, why, ''), pauseMs }
  }
  return verdict('refused', status, why, '')
}

/** @returns {Verdict} */
function unanswered(/** @type {Error & {code?: string}} */ error) {
  const said = error.message || error.code || String(error)
  return verdict('later', null, `no answer: ${tidy(said)}`, 'is Rollcall running, and is ROLLCALL_URL right?')
}

/**
 * @param {Verdict['kind']} kind
 * @param {number | null} status
 * @param {string} why
 * @param {string} cure
 * @returns {Verdict}
 */
function verdict(kind, status, why, cure) {
  return { kind, status, why, cure, pauseMs: 0 }
}

function misplaced(/** @type {URL} */ url) {
  return `check ROLLCALL_URL and WEBHOOK_ENDPOINT: together they make ${url.origin}${url.pathname}`
}

/** Heard on a path that is not the right one: Rollcall's answer names that one. */
function misrouted(/** @type {any} */ said) {
  return typeof said?.wrong_path === 'string' ? `WEBHOOK_ENDPOINT: ${tidy(said.wrong_path)}` : ''
}

/** @returns {[string, string]} */
function redirected(/** @type {import('./request').Answer} */ answer, /** @type {URL} */ url) {
  const to = answer.headers.location ?? ''
  if (!URL.canParse(to, url.href)) return [`HTTP ${answer.status} to nowhere`, misplaced(url)]
  const { origin, pathname } = new URL(to, url.href)
  return [
    `redirected to ${tidy(origin + pathname)}`,
    'a redirect is not followed: set ROLLCALL_URL so that none is needed',
  ]
}

function pause(/** @type {string | undefined} */ retryAfter) {
  const seconds = Number(retryAfter)
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : 0
}

/** @returns {any} */
function parsed(/** @type {string} */ text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

module.exports = { judge, unanswered }
