'use strict'
// The sender: what a gateway's process holds one of.

const { randomUUID } = require('node:crypto')
const fs = require('node:fs')
const { dirname } = require('node:path')
const { readConfig, ConfigError } = require('./config')
const { Courier } = require('./courier')
const { current, evidenceOnly, isLife } = require('./events')
const { lock } = require('./lock')
const { logToStderr, safely } = require('./log')
const { Outbox } = require('./outbox')
const { request } = require('./request')
const { Route } = require('./route')
const { signedHeaders } = require('./signing')
const { tidy } = require('./text')
const { judge, unanswered } = require('./verdict')
const { Watch } = require('./watch')

const DEADLINE_MS = 10_000
const MOST_BYTES = 200_000
const MOST_ID_CHARACTERS = 255
const TEST = 'connection_test'
const TEST_LANE = '\0route'

/**
 * @typedef {object} Options
 * @property {Record<string, string | undefined>} [env]
 * @property {(level: import('./log').Level, text: string) => void} [log]
 */

/**
 * @param {Options} [options]
 * @throws {ConfigError} names every setting that is missing or malformed
 */
function createSender(options = {}) {
  return new Sender(readConfig(options.env ?? process.env), safely(options.log ?? logToStderr))
}

class Sender {
  /**
   * @param {import('./config').Config} config
   * @param {(level: import('./log').Level, text: string) => void} log
   */
  constructor(config, log) {
    this.config = config
    this.log = log
    const { unlock, outbox } = opened(config.outboxPath, log)
    this._unlock = unlock
    this._outbox = outbox
    this._route = new Route(log)
    this._courier = new Courier({
      carry: (event) => this._carry(event),
      settle: (event) => this._outbox.settle(event),
      route: this._route,
      log,
    })
    this._sent = 0
    this._isClosed = false
    /** @type {Promise<{waiting: number}> | undefined} */
    this._closing = undefined
    /** @type {Set<Watch>} */
    this._watches = new Set()
    this._proveRoute()
    for (const event of this._outbox.waiting.values()) this._courier.add(event)
  }

  /**
   * Keep an event and send it as soon as that can be done. Never throws or rejects. An event is safe
   * from the end of this process when the call returns, from a power cut when the promise resolves.
   *
   * @param {string} event a name of the webhook contract
   * @param {Record<string, any>} data with session_id, and workspace_id
   * @returns {Promise<{kept: boolean, eventId?: string, why?: string}>}
   */
  async send(event, data) {
    const why = this._problem(event, data)
    if (why) {
      this.log('error', `an event was not sent: ${why}`)
      return { kept: false, why }
    }
    const kept = this._outbox.put({
      id: randomUUID(),
      event,
      // A copy: what the caller changes later did not happen at this moment.
      data: isLife(event) ? evidenceOnly(data) : JSON.parse(JSON.stringify(data)),
      at: Date.now(),
    })
    this._sent += 1
    this._courier.add(kept)
    await this._outbox.synced()
    return { kept: !this._outbox.trouble, eventId: kept.id, ...(this._outbox.trouble && { why: this._outbox.trouble }) }
  }

  /**
   * Send what happens to a client of whatsapp-web.js, from now on until its `destroy()`.
   *
   * @param {any} client before or after `initialize()`
   * @param {import('./watch').WatchOptions} options
   * @returns {Watch}
   */
  watch(client, options) {
    return new Watch(client, options, {
      say: (event, data) => void this.send(event, data),
      log: this.log,
      began: (watch) => this._watches.add(watch),
      ended: (watch) => this._watches.delete(watch),
    })
  }

  /**
   * The sessions that people want to run here, to restore them after a start.
   *
   * @returns {Promise<Array<{id: number, session_id: string, workspace_id: number, phone_number: string | null, status: string}>>}
   * @throws {Error} whose text says why, and what to do
   */
  async wantedSessions() {
    const url = this.config.backendUrl('/api/whatsapp/accounts/active')
    const headers = { 'X-API-Key': this.config.apiKey, ...this._address() }
    const answer = await request(url, { method: 'GET', headers, deadlineMs: DEADLINE_MS })
    const verdict = judge(answer, { url, isLife: false })
    if (verdict.kind !== 'delivered') {
      const cure = verdict.status === 401 ? 'check API_KEY' : verdict.cure
      throw new Error(tidy(`Rollcall does not say which sessions to run: ${verdict.why}${cure ? ` (${cure})` : ''}`))
    }
    return JSON.parse(answer.text).sessions
  }

  /** Whether Rollcall can be reached, what waits, and the sessions that are watched. */
  health(now = Date.now()) {
    const { count, oldestAt } = this._courier.waiting()
    const { state, status, why, cure, since, deliveredAt } = this._route
    return {
      ok: state === 'ok' && !cure && !this._outbox.trouble,
      route: {
        ...{ state, status, why, cure, url: this.config.webhookUrl.href },
        since: new Date(since).toISOString(),
        last_delivered_at: deliveredAt && new Date(deliveredAt).toISOString(),
      },
      queue: {
        waiting: count,
        oldest_age_seconds: oldestAt === null ? null : Math.max(0, Math.round((now - oldestAt) / 1000)),
      },
      counts: { sent: this._sent, ...this._courier.counts },
      outbox: { ok: !this._outbox.trouble, why: this._outbox.trouble },
      sessions: [...this._watches].map((watch) => watch.state(now)),
    }
  }

  /**
   * Try to deliver what waits, then stop. What is left is sent after the next start.
   *
   * @returns {Promise<{waiting: number}>}
   */
  close({ withinMs = 3_000 } = {}) {
    this._closing ??= this._close(withinMs)
    return this._closing
  }

  async _close(/** @type {number} */ withinMs) {
    for (const watch of [...this._watches]) watch.stop()
    if (this._route.state === 'ok') await this._courier.idle(withinMs)
    this._isClosed = true
    await this._courier.close()
    await this._outbox.close()
    this._unlock()
    return { waiting: this._outbox.waiting.size }
  }

  /** Nothing of it is kept on disk: every start makes its own. */
  _proveRoute() {
    const event = { sequence: 0, id: '', event: TEST, data: {}, at: Date.now() }
    this._courier.add(event, TEST_LANE)
  }

  /** @returns {Promise<import('./verdict').Verdict>} */
  async _carry(/** @type {import('./events').Event} */ event) {
    const url = this.config.webhookUrl
    const body = Buffer.from(JSON.stringify(said(event)))
    try {
      const headers = signedHeaders(this.config, body)
      const answer = await request(url, { headers, body, deadlineMs: DEADLINE_MS })
      return judge(answer, { url, isLife: isLife(event.event) })
    } catch (error) {
      return unanswered(/** @type {Error} */ (error))
    }
  }

  _address() {
    return this.config.instanceUrl ? { 'X-Instance-Url': this.config.instanceUrl } : undefined
  }

  _problem(/** @type {unknown} */ event, /** @type {any} */ data) {
    if (this._isClosed) return 'the sender is closed'
    if (typeof event !== 'string' || !event) return 'it has no name'
    const id = data?.session_id
    if (typeof id !== 'string' || !id) return `${tidy(event, 100)} names no session: data.session_id is missing`
    if (id.length > MOST_ID_CHARACTERS) return `${tidy(event, 100)}: data.session_id is longer than ${MOST_ID_CHARACTERS} characters`
    if (isLife(event)) return ''
    try {
      const size = Buffer.byteLength(JSON.stringify(data))
      return size > MOST_BYTES ? `${tidy(event, 100)} has ${size} bytes, at most ${MOST_BYTES} are sent` : ''
    } catch (error) {
      return `${tidy(event, 100)} is no JSON: ${tidy(error)}`
    }
  }
}

/** The contract's fields, and beside them what tells repeats and order. */
function said(/** @type {import('./events').Event} */ event) {
  if (event.event === TEST) return { event: TEST, timestamp: Date.now() }
  const { id, sequence, at } = event
  return {
    event: event.event,
    event_id: id,
    sequence,
    timestamp: new Date(at).toISOString(),
    data: current(event).data,
  }
}

function opened(/** @type {string} */ path, /** @type {(level: import('./log').Level, text: string) => void} */ log) {
  let unlock = () => {}
  try {
    fs.mkdirSync(dirname(path), { recursive: true })
    unlock = lock(path)
    return { unlock, outbox: new Outbox(path, log) }
  } catch (error) {
    unlock()
    throw new ConfigError([`OUTBOX_PATH cannot be used: ${tidy(/** @type {Error} */ (error).message)}`])
  }
}

module.exports = { createSender, Sender }
