'use strict'
// Carries events: in order within a session, sessions side by side, until each is settled.

const { pauseAfter } = require('./backoff')
const { supersedes } = require('./events')

const MOST_AT_ONCE = 4
const GIVE_UP_AFTER_MS = 24 * 60 * 60_000
const LONGEST_WAIT_MS = 60_000

/** @typedef {import('./events').Event} Event */
/** @typedef {{events: Event[], isBusy: boolean, failures: number, notBefore: number}} Lane */

class Courier {
  /**
   * @param {object} parts
   * @param {(event: Event) => Promise<import('./verdict').Verdict>} parts.carry never rejects
   * @param {(event: Event) => void} parts.settle forgets an event, whatever became of it
   * @param {import('./route').Route} parts.route
   * @param {(level: import('./log').Level, text: string) => void} parts.log
   */
  constructor({ carry, settle, route, log }) {
    this.carry = carry
    this.settle = settle
    this.route = route
    this.log = log
    /** @type {Map<string, Lane>} */
    this.lanes = new Map()
    this.busy = 0
    this.counts = { delivered: 0, superseded: 0, refused: 0, expired: 0, attempts: 0 }
    this.isClosed = false
    /** @type {NodeJS.Timeout | undefined} */
    this.timer = undefined
    /** Events that met a setting to mend: they are not given up for their age. */
    this.held = new WeakSet()
    /** @type {Set<() => void>} */
    this.listeners = new Set()
  }

  add(/** @type {Event} */ event, laneName = String(event.data.session_id)) {
    const lane = this.lanes.get(laneName) ?? { events: [], isBusy: false, failures: 0, notBefore: 0 }
    this.lanes.set(laneName, lane)
    lane.events.push(event)
    this._prune(lane, event)
    if (this.route.state === 'blocked') this.held.add(event)
    this._pump()
  }

  /** So many wait; and the oldest since when, in unix ms. */
  waiting() {
    let [count, oldest] = [0, Infinity]
    for (const { events } of this.lanes.values()) {
      for (const event of events) {
        if (!event.sequence) continue // the test of the route
        count += 1
        oldest = Math.min(oldest, event.at)
      }
    }
    return { count, oldestAt: count ? oldest : null }
  }

  /** Resolves when nothing waits, or after `withinMs`; true when nothing waits. */
  async idle(/** @type {number} */ withinMs) {
    const until = Date.now() + withinMs
    while (this.lanes.size && Date.now() < until) await this._change(until - Date.now())
    return this.lanes.size === 0
  }

  /** Begin nothing more, and wait for what is under way. */
  async close() {
    this.isClosed = true
    clearTimeout(this.timer)
    while (this.busy) await this._change(LONGEST_WAIT_MS)
  }

  _pump() {
    if (this.isClosed) return
    const now = Date.now()
    for (const [name, lane] of this.lanes) {
      if (this.busy >= this.route.room(MOST_AT_ONCE, now)) break
      if (!lane.isBusy && now >= lane.notBefore) void this._send(name, lane)
    }
    this._wakeLater(now)
  }

  async _send(/** @type {string} */ name, /** @type {Lane} */ lane) {
    const event = lane.events[0]
    lane.isBusy = true
    this.busy += 1
    this.counts.attempts += 1
    const verdict = await this.carry(event)
    lane.isBusy = false
    this.busy -= 1
    this.route.note(verdict)
    if (verdict.kind === 'delivered' || verdict.kind === 'refused') {
      this._settled(lane, event, verdict.kind)
      Object.assign(lane, { failures: 0, notBefore: 0 })
      if (verdict.kind === 'refused') this.log('error', `Rollcall refused ${event.event} for good: ${verdict.status} ${verdict.why}`)
    } else {
      this._failed(lane, verdict)
    }
    // To the end of the row, so that an event that cannot be taken is in nobody else's way.
    this.lanes.delete(name)
    if (lane.events.length) this.lanes.set(name, lane)
    for (const listener of [...this.listeners]) listener()
    this._pump()
  }

  _failed(/** @type {Lane} */ lane, /** @type {import('./verdict').Verdict} */ verdict) {
    if (verdict.kind === 'blocked') {
      for (const { events } of this.lanes.values()) for (const event of events) this.held.add(event)
    } else {
      lane.failures += 1
      // Without an answer it is the route that fails, and its own pause is enough.
      if (verdict.status !== null) lane.notBefore = Date.now() + pauseAfter('later', lane.failures)
      this._giveUpOld()
    }
    // It was under way when newer ones came.
    for (const newer of lane.events.slice(1)) if (lane.events.includes(newer)) this._prune(lane, newer)
  }

  _giveUpOld(now = Date.now()) {
    for (const [name, lane] of this.lanes) {
      const isOld = (/** @type {Event} */ event) =>
        event.sequence > 0 && now - event.at > GIVE_UP_AFTER_MS && !this.held.has(event)
      for (const event of lane.events.filter(isOld)) {
        if (lane.isBusy && event === lane.events[0]) continue
        this._settled(lane, event, 'expired')
        this.log('error', `${event.event} was given up after 24 h`)
      }
      if (!lane.events.length) this.lanes.delete(name)
    }
  }

  /** Drop what `newer` makes needless, but not what is under way. */
  _prune(/** @type {Lane} */ lane, /** @type {Event} */ newer) {
    const underWay = lane.isBusy ? lane.events[0] : undefined
    const before = lane.events.slice(0, lane.events.indexOf(newer))
    for (const older of before) {
      if (older !== underWay && supersedes(newer, older)) this._settled(lane, older, 'superseded')
    }
  }

  _settled(
    /** @type {Lane} */ lane,
    /** @type {Event} */ event,
    /** @type {'delivered' | 'superseded' | 'refused' | 'expired'} */ how,
  ) {
    lane.events = lane.events.filter((other) => other !== event)
    if (!event.sequence) return // the test of the route
    this.counts[how] += 1
    this.settle(event)
  }

  _wakeLater(/** @type {number} */ now) {
    clearTimeout(this.timer)
    const idle = [...this.lanes.values()].filter((lane) => !lane.isBusy)
    if (!idle.length) return
    // While the route fails, what is under way will call again.
    if (this.route.state !== 'ok' && this.busy) return
    const soonest = Math.min(...idle.map((lane) => lane.notBefore))
    const at = Math.max(soonest, this.route.notBefore)
    if (at <= now) return // there is no room: what is under way will call again
    this.timer = setTimeout(() => this._pump(), Math.min(at - now + 1, LONGEST_WAIT_MS))
    this.timer.unref()
  }

  _change(/** @type {number} */ withinMs) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = setTimeout(done, Math.max(withinMs, 0))
        const { listeners } = this
        listeners.add(done)
        function done() {
          clearTimeout(timer)
          listeners.delete(done)
          resolve()
        }
      })
    )
  }
}

module.exports = { Courier, GIVE_UP_AFTER_MS, MOST_AT_ONCE }
