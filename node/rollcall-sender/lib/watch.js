'use strict'
// Watches one client of whatsapp-web.js: what the library says, what its browser does, and what
// a probe finds when neither says anything.

const { look } = require('./probe')
const { tidy } = require('./text')
const { LOST, HANGS, meaning, isWhatsApp } = require('./words')

const ATTACH_EVERY_MS = 250
const EVIDENCE_EVERY_MS = 20_000
const ACKNOWLEDGED_BY_SERVER = 1 // whatsapp-web.js: -1 failed, 0 waiting, 1 at WhatsApp's server
const LOGOUT = 'LOGOUT'
const MISSES = 2 // a busy page misses one

/**
 * @typedef {object} WatchOptions
 * @property {string} sessionId
 * @property {number | string} [workspaceId]
 * @property {(code: string) => Promise<string> | string} [picture] a QR code as a PNG data URL;
 *   without it only that a code waits is sent
 * @property {(reason: string) => void} [lost] called after each loss was sent
 * @property {number} [probeEveryMs]
 * @property {number} [probeDeadlineMs]
 *
 * @typedef {object} Parts
 * @property {(event: string, data: Record<string, any>) => void} say
 * @property {(level: import('./log').Level, text: string) => void} log
 * @property {(watch: Watch) => void} began
 * @property {(watch: Watch) => void} ended
 */

class Watch {
  /**
   * @param {any} client
   * @param {WatchOptions} options
   * @param {Parts} parts
   */
  constructor(client, options, { say, log, began, ended }) {
    this.client = client
    this.options = { probeEveryMs: 15_000, probeDeadlineMs: 10_000, ...options }
    this.ids = { workspace_id: options.workspaceId, session_id: options.sessionId }
    this.log = log
    this.began = began
    this.ended = ended
    this._say = say
    /** @type {Array<() => void>} what ends with the client's browser */
    this._undo = []
    /** @type {Array<() => void>} what ends with the watch */
    this._unwrap = []
    this.wasReady = false
    /** Why it is lost; '' while it is not. */
    this.lost = ''
    this.word = 'starting'
    this.since = Date.now()
    this.misses = 0
    this.probedAt = 0
    this.probeMs = 0
    this.codes = 0
    this.evidenceAt = 0
    this.isProbing = false
    this.isPaused = true
    this._wrap()
    this._begin()
  }

  /** Say nothing more about this client. */
  stop() {
    for (const unwrap of this._unwrap.splice(0)) unwrap()
    this._pause()
  }

  state(now = Date.now()) {
    return {
      ...this.ids,
      ...{ state: this.word, reason: this.lost, since: new Date(this.since).toISOString() },
      probed_age_seconds: this.probedAt ? Math.round((now - this.probedAt) / 1000) : null,
      ...{ probe_ms: this.probeMs, missed_probes: this.misses },
    }
  }

  /** One at a time: a page that hangs would collect them. */
  async probe() {
    if (this.isProbing || this.isPaused || !this.client.pupBrowser) return
    this.isProbing = true
    const { pupBrowser } = this.client
    try {
      const deadlineMs = this.options.probeDeadlineMs
      const found = await look(this.client, { deadlineMs, asksPage: this.wasReady, isWhatsApp })
      // Started anew meanwhile: this was about a browser of the past.
      if (pupBrowser === this.client.pupBrowser && !this.isPaused) this._found(found)
    } catch (error) {
      this.log('error', `the probe of ${this.ids.session_id} failed: ${tidy(error)}`)
    } finally {
      this.isProbing = false
    }
  }

  _found(/** @type {import('./probe').Look} */ { found, state, ms }) {
    Object.assign(this, { probedAt: Date.now(), probeMs: ms })
    const isSilent = found === 'browser_silent' || found === 'page_silent'
    this.misses = isSilent ? this.misses + 1 : 0
    if (found === 'browser_gone') return this._lose(LOST.BROWSER_CRASHED)
    if (found === 'page_gone') return this._lose(LOST.PAGE_CLOSED)
    if (found === 'page_left') return this._lose(LOST.PAGE_LEFT)
    if (isSilent) {
      const hang = found === 'page_silent' ? LOST.PAGE_UNRESPONSIVE : LOST.BROWSER_UNRESPONSIVE
      if (this.misses >= MISSES) this._lose(hang)
      return
    }
    if (state) this._stateIs(state)
    else if (HANGS.has(this.lost) && !this.wasReady) this._become('starting', '')
  }

  // --- from one start of the client to its end ----------------------------------------------------
  /** Whoever ends a client on purpose does not want to hear that its browser has crashed. */
  _wrap() {
    this._before('destroy', () => this._ends(LOST.STOPPED))
    this._before('logout', () => this._isEnding(LOGOUT))
    this._before('initialize', () => this.isPaused && this._begin())
  }

  _begin() {
    Object.assign(this, { isPaused: false, wasReady: false, misses: 0, word: 'starting', lost: '' })
    this.since = Date.now()
    this._browser = this._page = undefined
    this._listen()
    this._every(ATTACH_EVERY_MS, () => this._attach())
    this._every(this.options.probeEveryMs, () => void this.probe())
    this._attach()
    this.began(this)
  }

  _isEnding(/** @type {string} */ reason) {
    if (!this.lost && this.word !== 'starting') this._lose(reason)
  }

  _ends(/** @type {string} */ reason) {
    this._isEnding(reason)
    this._pause()
  }

  _pause() {
    if (this.isPaused) return
    this.isPaused = true
    for (const undo of this._undo.splice(0)) undo()
    this.ended(this)
  }

  // --- what the library says ----------------------------------------------------------------------
  _listen() {
    const { client } = this
    this._on(client, 'qr', (code) => this._showCode(code))
    this._on(client, 'authenticated', () => this._authenticated())
    this._on(client, 'ready', () => this._ready())
    this._on(client, 'change_state', (word) => this._stateIs(tidy(word, 100)))
    this._on(client, 'disconnected', (reason) => this._disconnected(reason))
    this._on(client, 'auth_failure', (text) => {
      this._tell('session_error', { error: 'auth_failure', message: tidy(text, 200) })
    })
    // A page without a connection creates own messages too, and gives them 0 (waiting) or -1
    // (failed): only what came from WhatsApp proves that the session is alive.
    this._on(client, 'message_create', (message) => {
      if (!message?.fromMe) this._evidence('message_received')
    })
    this._on(client, 'message_ack', (_, ack) => {
      if (ack >= ACKNOWLEDGED_BY_SERVER) this._evidence('message_status_updated')
    })
  }

  async _showCode(/** @type {string} */ code) {
    this.codes += 1
    this.wasReady = false
    this._become('qr_scanning', '')
    const count = this.codes
    const said = { expires_in: 60, qr_count: count, is_regeneration: count > 1 }
    const picture = await this._picture(code)
    // A scan may have overtaken the picture.
    if (this.isPaused || this.word !== 'qr_scanning' || count !== this.codes) return
    this._tell('qr_code_generated', { ...(picture && { qr_code: picture }), ...said })
  }

  async _picture(/** @type {string} */ code) {
    try {
      return (await this.options.picture?.(code)) ?? ''
    } catch (error) {
      // Its text might quote the code.
      this.log('error', `no picture of the code of ${this.ids.session_id}: ${tidy(/** @type {Error} */ (error).name)}`)
      return ''
    }
  }

  /** After a navigation the library says this, and ready, twice. */
  _authenticated() {
    if (this.word === 'authenticated') return
    this._become('authenticated', '')
    this._tell('session_authenticated', { status: 'authenticated' })
  }

  _ready() {
    if (this.wasReady && this.word === 'connected') return
    this.wasReady = true
    this.misses = 0
    this._become('connected', '')
    const { info } = this.client
    this._tell('session_ready', {
      phone_number: info?.wid?.user ?? null,
      status: 'connected',
      platform: info?.platform ?? null,
    })
  }

  _disconnected(/** @type {unknown} */ reason) {
    const word = tidy(reason ?? '', 100) || 'unknown'
    this._lose(word)
    if (word === LOGOUT) this.wasReady = false
  }

  _stateIs(/** @type {string} */ word) {
    const means = meaning(word, this.wasReady)
    if (means === 'lost') return this._lose(word)
    const status = means === 'connected' ? 'connected' : 'authenticated'
    if (means === 'nothing' || this.word === status) return
    // What ended does not come back by a word of its old page.
    if (this.lost === LOST.BROWSER_CRASHED || this.lost === LOST.PAGE_CRASHED) return
    this._become(status, '')
    this._tell('session_status_changed', { status, reason: word })
  }

  /** The message itself is not looked at. */
  _evidence(/** @type {string} */ event) {
    if (Date.now() - this.evidenceAt < EVIDENCE_EVERY_MS) return
    this.evidenceAt = Date.now()
    this._tell(event, {})
  }

  // --- what its browser does ----------------------------------------------------------------------
  /** A client has no browser before `initialize()` has started one, and may get another later. */
  _attach() {
    const { pupBrowser, pupPage } = this.client
    if (pupBrowser && pupBrowser !== this._browser) {
      this._browser = pupBrowser
      this.misses = 0
      this._on(pupBrowser, 'disconnected', () => {
        if (pupBrowser !== this.client.pupBrowser) return
        if (this.lost === LOGOUT) this._pause()
        else this._lose(LOST.BROWSER_CRASHED)
      })
    }
    if (pupPage && pupPage !== this._page) {
      this._page = pupPage
      this._isOnWhatsApp = isWhatsApp(pupPage.url())
      const isCurrent = () => pupPage === this.client.pupPage
      this._on(pupPage, 'error', () => isCurrent() && this._lose(LOST.PAGE_CRASHED))
      this._on(pupPage, 'close', () => isCurrent() && this._lose(LOST.PAGE_CLOSED))
      this._on(pupPage, 'framenavigated', (frame) => {
        if (isCurrent() && frame === pupPage.mainFrame()) this._navigated(frame.url())
      })
    }
  }

  /** A page is empty before it first shows WhatsApp. */
  _navigated(/** @type {string} */ address) {
    if (isWhatsApp(address)) this._isOnWhatsApp = true
    else if (this._isOnWhatsApp) this._lose(LOST.PAGE_LEFT)
  }

  // --- saying it ----------------------------------------------------------------------------------
  /** The first reason stands: what follows a loss (its browser is closed, …) says less. */
  _lose(/** @type {string} */ reason) {
    const isCertainNow = HANGS.has(this.lost) && !HANGS.has(reason)
    if (this.isPaused || (this.lost && !isCertainNow)) return
    this._become('disconnected', reason)
    this._tell('session_disconnected', { reason })
    this.options.lost?.(reason)
  }

  _become(/** @type {string} */ word, /** @type {string} */ lost) {
    if (this.word !== word || this.lost !== lost) this.since = Date.now()
    Object.assign(this, { word, lost })
  }

  _tell(/** @type {string} */ event, /** @type {Record<string, any>} */ data) {
    this._say(event, { ...this.ids, ...data })
  }

  // --- listening and stopping ---------------------------------------------------------------------
  /** Nothing that goes wrong here reaches the library. */
  _on(/** @type {any} */ emitter, /** @type {string} */ name, /** @type {(...values: any[]) => unknown} */ heard) {
    const listener = async (/** @type {any[]} */ ...values) => {
      try {
        await heard(...values)
      } catch (error) {
        this.log('error', `${name} of ${this.ids.session_id} was not understood: ${tidy(error)}`)
      }
    }
    emitter.on(name, listener)
    this._undo.push(() => emitter.off(name, listener))
  }

  _before(/** @type {'destroy' | 'logout' | 'initialize'} */ name, /** @type {() => void} */ first) {
    const { client } = this
    const own = Object.hasOwn(client, name)
    const original = client[name]
    if (typeof original !== 'function') return
    const wrapped = (/** @type {any[]} */ ...given) => {
      first()
      return original.apply(client, given)
    }
    client[name] = wrapped
    this._unwrap.push(() => {
      if (client[name] !== wrapped) return
      if (own) client[name] = original
      else delete client[name]
    })
  }

  _every(/** @type {number} */ ms, /** @type {() => void} */ act) {
    const timer = setInterval(act, ms)
    timer.unref()
    this._undo.push(() => clearInterval(timer))
  }
}

module.exports = { Watch }
