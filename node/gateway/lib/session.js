'use strict'
// One session: its client, its browser's start and end, and its own retries.

const fs = require('node:fs')
const QRCode = require('qrcode')
const { LOST, HANGS } = require('../../rollcall-sender/lib/words')
const { endProcessesOf } = require('./chromium')
const { createClient, profileOf } = require('./client')
const { within } = require('./deadline')
const { SingleFlight } = require('./single_flight')

const START_MS = 60_000
const DESTROY_MS = 4_000
const STABLE_MS = 60_000
const RETRY_AFTER_MS = [500, 5_000, 10_000, 20_000, 40_000]
const OURS_TO_MEND = new Set([
  ...[LOST.BROWSER_CRASHED, LOST.BROWSER_UNRESPONSIVE, LOST.PAGE_CRASHED],
  ...[LOST.PAGE_UNRESPONSIVE, LOST.PAGE_CLOSED, LOST.PAGE_LEFT],
])

class Session {
  /**
   * @param {{sessionId: string, workspaceId: number | null}} ids
   * @param {{config: any, rollcall: any, log: (level: any, text: string) => void}} parts
   */
  constructor({ sessionId, workspaceId }, { config, rollcall, log }) {
    this.id = sessionId
    this.workspaceId = workspaceId
    this.config = config
    this.rollcall = rollcall
    this.log = log
    this.profile = profileOf(config.sessionsPath, sessionId)
    this.flight = new SingleFlight()
    /** @type {any} */
    this.client = null
    /** @type {any} */
    this.watch = null
    /** @type {string | null} */
    this.connectedAt = null
    /** @type {string | null} */
    this.phoneNumber = null
    this.lastActivity = new Date().toISOString()
    this.error = ''
    this.retries = 0
    this.readyAt = Infinity
    /** @type {NodeJS.Timeout | undefined} */
    this.retryTimer = undefined
    this.isEnded = false
  }

  /** Resolves when its browser is up and shows a code or knows its login. */
  start() {
    return this.flight.run('start', async () => {
      if (this._runs()) return
      await this._end()
      await this._start()
    })
  }

  /** The login is kept. */
  restart() {
    return this.flight.run('restart', async () => {
      await this._end()
      await this._start()
    })
  }

  /** The login is kept. */
  stop() {
    this._isOver()
    void this._interrupt()
    return this.flight.run('stop', () => this._end())
  }

  /** The phone's list of linked devices is told, where that can be; the login is deleted. */
  unlink() {
    this._isOver()
    void this._interrupt()
    return this.flight.run('unlink', async () => {
      if (this.client && this.status() === 'connected') {
        await within(this.client.logout(), DESTROY_MS, 'WhatsApp was not told in time').catch((error) => {
          this.log('warning', `${this.id} could not be unlinked at WhatsApp: ${error.message}`)
        })
      }
      await this._end()
      await fs.promises.rm(this.profile, { recursive: true, force: true, maxRetries: 4 })
    })
  }

  async pairingCode(/** @type {string} */ phoneNumber) {
    if (this.status() !== 'qr_scanning') throw new Error('the session does not wait to be linked')
    return within(this.client.requestPairingCode(phoneNumber), 15_000, 'WhatsApp gave no code in time')
  }

  /** Ask its browser and its page now. */
  async probe() {
    await this.watch?.probe()
  }

  /** In the words of the contract. */
  status() {
    if (this.error) return 'error'
    const word = this.watch?.state().state ?? 'disconnected'
    return word === 'starting' ? 'initializing' : word
  }

  describe() {
    const { reason = '', probed_age_seconds = null } = this.watch?.state() ?? {}
    return {
      session_id: this.id,
      workspace_id: this.workspaceId,
      status: this.status(),
      phone_number: this.phoneNumber,
      connected_at: this.connectedAt,
      ...{ reason: this.error || reason, probed_age_seconds },
    }
  }

  _runs() {
    return this.client !== null && !this.error && !this.watch?.state().reason
  }

  async _start() {
    if (this.isEnded) throw new Error('the session was stopped')
    Object.assign(this, { error: '', connectedAt: null, phoneNumber: null })
    const client = createClient(this.config, this.id)
    this.client = client
    this.watch = this.rollcall.watch(client, {
      ...{ sessionId: this.id, workspaceId: this.workspaceId },
      picture: (/** @type {string} */ code) => QRCode.toDataURL(code),
      lost: (/** @type {string} */ reason) => this._lost(reason),
      ...{ probeEveryMs: this.config.probeEveryMs, probeDeadlineMs: this.config.probeDeadlineMs },
    })
    this._remember(client)
    try {
      await within(client.initialize(), START_MS, `WhatsApp was not reached within ${START_MS / 1000} s`)
    } catch (error) {
      const { message } = /** @type {Error} */ (error)
      await this._end()
      if (this.isEnded) throw new Error('the session was stopped')
      this.error = message.split('\n')[0].slice(0, 200)
      void this.rollcall.send('session_error', {
        ...{ workspace_id: this.workspaceId, session_id: this.id },
        ...{ error: 'start_failed', message: this.error },
      })
      throw error
    }
  }

  _remember(/** @type {any} */ client) {
    client.on('ready', () => {
      this.readyAt = Date.now()
      this.connectedAt = new Date().toISOString()
      this.phoneNumber = client.info?.wid?.user ?? null
    })
    client.on('message_create', () => (this.lastActivity = new Date().toISOString()))
  }

  /** Nothing runs on the profile afterwards, whatever the library thinks. */
  async _end() {
    clearTimeout(this.retryTimer)
    const { client, watch } = this
    Object.assign(this, { client: null })
    if (client) {
      // Two at once would turn the first one's end into a kill: only this calls it.
      await within(client.destroy(), DESTROY_MS, 'it did not end in time').catch((/** @type {Error} */ error) => {
        this.log('warning', `the browser of ${this.id} is ended by force: ${error.message}`)
      })
      watch?.stop()
    }
    await this._endLeftOver()
  }

  async _endLeftOver() {
    const count = await endProcessesOf(this.profile)
    if (count) this.log('info', `${count} processes of Chromium were left over on ${this.id} and are ended`)
  }

  /** A start may take a minute: whoever stops does not wait for it. Without its browser it fails. */
  async _interrupt() {
    const started = this.flight.current
    if (!started || !/^(re)?start$/.test(started.name)) return
    if (this.status() === 'initializing') this.watch?.stop() // its browser does not crash: we end it
    while (this.flight.current === started) {
      await endProcessesOf(this.profile).catch((error) => this.log('error', `${this.id}: ${error.message}`))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  _isOver() {
    this.isEnded = true
    clearTimeout(this.retryTimer)
  }

  /** What the browser lost, a new one cures; what WhatsApp says is for people to judge. */
  _lost(/** @type {string} */ reason) {
    if (!OURS_TO_MEND.has(reason) || this.isEnded || this.flight.isBusy) return
    if (Date.now() - this.readyAt > STABLE_MS) this.retries = 0
    this._retryLater(reason)
  }

  _retryLater(/** @type {string} */ reason) {
    clearTimeout(this.retryTimer)
    const pause = RETRY_AFTER_MS[this.retries]
    if (pause === undefined) return this._giveUp()
    this.retries += 1
    this.retryTimer = setTimeout(() => {
      this.restart().catch((error) => {
        this.log('error', `${this.id} was not restarted after ${reason}: ${error.message.split('\n')[0]}`)
        if (!this.isEnded) this._retryLater(reason)
      })
    }, pause)
  }

  _giveUp() {
    void this.rollcall.send('session_reconnect_failed', {
      ...{ workspace_id: this.workspaceId, session_id: this.id, status: 'failed' },
      ...{ max_retries: RETRY_AFTER_MS.length, timestamp: new Date().toISOString() },
    })
  }

  /** As sending meets it: '' while there is a live page. */
  trouble() {
    const reason = this.watch?.state().reason
    if (!this.client || this.error) return 'Session closed'
    if (!reason) return ''
    return HANGS.has(reason) ? `Runtime.callFunctionOn timed out (${reason})` : `Session closed (${reason})`
  }
}

module.exports = { Session }
