'use strict'
// Whether Rollcall can be reached and takes what is sent: known from the last answer.

const { pauseAfter } = require('./backoff')

const REMIND_AFTER_MS = 10 * 60_000

/** @typedef {'unproven' | 'ok' | 'failing' | 'blocked'} RouteState */

class Route {
  /** @param {(level: import('./log').Level, text: string) => void} log */
  constructor(log) {
    this.log = log
    /** @type {RouteState} */
    this.state = 'unproven'
    this.since = Date.now()
    this.failures = 0
    this.notBefore = 0
    /** @type {number | null} */
    this.status = null
    this.why = ''
    this.cure = ''
    /** @type {number | null} */
    this.deliveredAt = null
    this.toldAt = 0
  }

  /** How many may be sent at once. One is enough to find out whether it works. */
  room(/** @type {number} */ most, now = Date.now()) {
    if (this.state === 'ok') return most
    return now >= this.notBefore ? 1 : 0
  }

  note(/** @type {import('./verdict').Verdict} */ verdict, now = Date.now()) {
    const { kind } = verdict
    if (kind === 'delivered' || kind === 'refused') return this._works(verdict, now)
    this.failures = this.state === kindState(kind) || this.state === 'unproven' ? this.failures + 1 : 1
    this.notBefore = now + Math.max(pauseAfter(kind, this.failures), verdict.pauseMs)
    this._become(kindState(kind), verdict, now)
  }

  _works(/** @type {import('./verdict').Verdict} */ verdict, /** @type {number} */ now) {
    const was = this.state
    Object.assign(this, { failures: 0, notBefore: 0 })
    if (verdict.kind === 'delivered') this.deliveredAt = now
    if (was === 'failing' || was === 'blocked') {
      this.log('info', `Rollcall answers again after ${Math.round((now - this.since) / 1000)} s`)
    }
    if (was !== 'ok') Object.assign(this, { since: now, toldAt: 0 })
    Object.assign(this, { state: 'ok', status: verdict.status, why: '', cure: '' })
    // Heard on a path that is not the right one.
    if (verdict.kind === 'delivered' && verdict.cure) {
      this.cure = verdict.cure
      this._tell('critical', `this is the wrong path, ${verdict.cure}`, now)
    }
  }

  _become(
    /** @type {RouteState} */ state,
    /** @type {import('./verdict').Verdict} */ verdict,
    /** @type {number} */ now,
  ) {
    const isNews = this.state !== state || this.why !== verdict.why
    if (this.state !== state) this.since = now
    Object.assign(this, { state, status: verdict.status, why: verdict.why, cure: verdict.cure })
    const status = verdict.status === null ? '' : `${verdict.status}: `
    if (isNews) this.toldAt = 0
    if (state === 'blocked') {
      const cure = verdict.cure && verdict.cure !== verdict.why ? `. Cure: ${verdict.cure}` : ''
      this._tell('critical', `events do not arrive: ${status}${verdict.why}${cure}. They are kept`, now)
    } else {
      this._tell('warning', `events wait: ${status}${verdict.why}`, now)
    }
  }

  _tell(/** @type {import('./log').Level} */ level, /** @type {string} */ text, /** @type {number} */ now) {
    if (this.toldAt && now - this.toldAt < REMIND_AFTER_MS) return
    this.toldAt = now
    this.log(level, text)
  }
}

/** @returns {RouteState} */
function kindState(/** @type {'later' | 'blocked'} */ kind) {
  return kind === 'blocked' ? 'blocked' : 'failing'
}

module.exports = { Route }
