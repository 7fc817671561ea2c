'use strict'
// What the environment must say. Every problem is named at once, with its cure.

const path = require('node:path')

const DEFAULT_ENDPOINT = '/api/webhooks/webjs'

/**
 * @typedef {object} Config
 * @property {URL} webhookUrl where events go
 * @property {(path: string) => URL} backendUrl any other path of Rollcall's
 * @property {string} apiKey
 * @property {string} hmacSecret
 * @property {string} outboxPath
 * @property {string} instanceUrl '' when not set
 */

class ConfigError extends Error {
  /** @param {string[]} problems */
  constructor(problems) {
    super(`rollcall-sender cannot start:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * @param {Record<string, string | undefined>} env
 * @returns {Config}
 * @throws {ConfigError}
 */
function readConfig(env) {
  /** @type {string[]} */
  const problems = []
  const base = readBase(env.ROLLCALL_URL, problems)
  const endpoint = readEndpoint(env.WEBHOOK_ENDPOINT, problems)
  const apiKey = readSecret('API_KEY', env.API_KEY, problems)
  const hmacSecret = readSecret('HMAC_SECRET', env.HMAC_SECRET, problems)
  const outboxPath = readOutboxPath(env.OUTBOX_PATH, problems)
  const instanceUrl = readInstanceUrl(env.INSTANCE_URL, problems)
  if (base && endpoint && ends(base, endpoint)) {
    problems.push(
      `ROLLCALL_URL already ends in ${endpoint}: leave the path to WEBHOOK_ENDPOINT, and set ROLLCALL_URL to the address before it`,
    )
  }
  if (problems.length || !base) throw new ConfigError(problems)
  const backendUrl = (/** @type {string} */ to) => join(base, to)
  return {
    ...{ webhookUrl: backendUrl(endpoint), backendUrl },
    ...{ apiKey, hmacSecret, outboxPath, instanceUrl },
  }
}

/** A path prefix stays; a slash at its end makes no difference. */
function join(/** @type {URL} */ base, /** @type {string} */ to) {
  const joined = new URL(base)
  joined.pathname = base.pathname.replace(/\/+$/, '') + to
  return joined
}

function ends(/** @type {URL} */ base, /** @type {string} */ endpoint) {
  return base.pathname.replace(/\/+$/, '').endsWith(endpoint.replace(/\/+$/, ''))
}

/** @returns {URL | undefined} */
function readBase(/** @type {string | undefined} */ text, /** @type {string[]} */ problems) {
  const name = 'ROLLCALL_URL'
  const example = 'for example https://rollcall.example.com'
  if (!text) return void problems.push(`${name} is not set: the address of Rollcall, ${example}`)
  const url = parsed(text)
  if (!url) {
    return void problems.push(`${name} is no http:// or https:// address: set one, ${example}`)
  }
  if (url.username || url.password) {
    return void problems.push(`${name} holds a user name or password: remove it, events are signed`)
  }
  if (url.search || url.hash) {
    return void problems.push(`${name} has a ? or # part: remove it, ${example}`)
  }
  return url
}

function readEndpoint(
  /** @type {string | undefined} */ text,
  /** @type {string[]} */ problems,
  name = 'WEBHOOK_ENDPOINT',
) {
  if (!text) return DEFAULT_ENDPOINT
  if (/^[a-z]+:\/\//i.test(text)) {
    problems.push(`${name} is a whole address: set only its path, ${DEFAULT_ENDPOINT}`)
    return ''
  }
  if (!/^\/?[\w\-./~%]+$/.test(text)) {
    problems.push(`${name} is no path: set ${DEFAULT_ENDPOINT}, or leave it out`)
    return ''
  }
  return text.startsWith('/') ? text : `/${text}`
}

function readSecret(
  /** @type {string} */ name,
  /** @type {string | undefined} */ text,
  /** @type {string[]} */ problems,
) {
  const fits = `the same value that Rollcall has for this gateway`
  if (!text) problems.push(`${name} is not set: ${fits}`)
  else if (/^\s|\s$/.test(text)) problems.push(`${name} begins or ends with white space: remove it`)
  else if (/^(["']).*\1$/.test(text)) problems.push(`${name} is in quotes: remove them`)
  else if (name === 'API_KEY' && !/^[\x20-\x7e]+$/.test(text)) {
    problems.push(`${name} holds characters that no header takes: set ${fits}`)
  }
  return text ?? ''
}

function readOutboxPath(
  /** @type {string | undefined} */ text,
  /** @type {string[]} */ problems,
  name = 'OUTBOX_PATH',
) {
  const example = 'for example /var/lib/whatsapp/rollcall-outbox.jsonl'
  if (!text) {
    problems.push(`${name} is not set: a file on a disk that survives a restart, ${example}`)
  } else if (!path.isAbsolute(text) || /[/\\]$/.test(text)) {
    problems.push(`${name} must be the whole path of a file, ${example}`)
  }
  return text ?? ''
}

/** Only needed when several gateways share one secret: it tells them apart. */
function readInstanceUrl(
  /** @type {string | undefined} */ text,
  /** @type {string[]} */ problems,
) {
  if (!text) return ''
  const url = parsed(text)
  if (url) return text.replace(/\/+$/, '')
  problems.push('INSTANCE_URL is no http:// or https:// address: the one that Rollcall has for this gateway, or leave it out')
  return ''
}

function parsed(/** @type {string} */ text) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url && /^https?:$/.test(url.protocol) ? url : undefined
}

module.exports = { readConfig, ConfigError, DEFAULT_ENDPOINT }
