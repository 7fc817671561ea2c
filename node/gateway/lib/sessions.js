'use strict'
// All sessions of this process, by id.

const { randomBytes } = require('node:crypto')
const { Session } = require('./session')

const ID = /^[-\w]{1,200}$/

class Sessions {
  /** @param {{config: any, rollcall: any, log: (level: any, text: string) => void}} parts */
  constructor(parts) {
    this.parts = parts
    /** @type {Map<string, Session>} */
    this.byId = new Map()
    this.isClosed = false
  }

  get(/** @type {string} */ id) {
    return this.byId.get(id)
  }

  list() {
    return [...this.byId.values()].map((session) => session.describe())
  }

  /**
   * The session of that id; a new one where there is none.
   *
   * @throws {RangeError} where it can be no id
   */
  hold(/** @type {unknown} */ id, /** @type {unknown} */ workspace) {
    const workspaceId = Number.isInteger(Number(workspace)) && workspace != null ? Number(workspace) : null
    const sessionId = id == null || id === '' ? newId(workspaceId) : String(id)
    if (!ID.test(sessionId)) throw new RangeError('session_id must be 1 to 200 letters, digits, - or _')
    if (this.isClosed) throw new Error('the gateway is shutting down')
    const held = this.byId.get(sessionId)
    if (held && !held.isEnded) return held
    const session = new Session({ sessionId, workspaceId: workspaceId ?? held?.workspaceId ?? null }, this.parts)
    // What the old one has begun ends first.
    if (held) session.flight = held.flight
    this.byId.set(sessionId, session)
    return session
  }

  async stop(/** @type {string} */ id) {
    const session = this.byId.get(id)
    await session?.stop()
    this._forget(session)
  }

  /** Of a session that is not held the login is deleted as well. */
  async unlink(/** @type {string} */ id, /** @type {unknown} */ workspace) {
    const session = this.byId.get(id) ?? this.hold(id, workspace)
    await session.unlink()
    this._forget(session)
  }

  async stopAll() {
    this.isClosed = true
    const all = [...this.byId.values()]
    const ends = await Promise.allSettled(all.map((session) => session.stop()))
    return { stopped: all.length, failed: ends.filter(({ status }) => status === 'rejected').length }
  }

  _forget(/** @type {Session | undefined} */ session) {
    if (session && this.byId.get(session.id) === session) this.byId.delete(session.id)
  }
}

function newId(/** @type {number | null} */ workspaceId) {
  const random = randomBytes(6).toString('base64url').replace(/[-_]/g, 'x')
  return `webjs_${workspaceId ?? 0}_${Math.floor(Date.now() / 1000)}_${random}`
}

module.exports = { Sessions }
