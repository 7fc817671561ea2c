'use strict'
// What the events' names say of each other: which one makes an older one of its session needless.

const LIFE = new Set([
  ...['message_received', 'message_sent', 'message_status_updated', 'message_delivered'],
  ...['message_read', 'typing_indicator', 'chat_state_updated'],
])
const PROGRESS = new Set(['qr_code_generated', 'session_authenticated'])
const LOSSES = new Set(['session_disconnected', 'session_reconnect_failed'])
const READY = 'session_ready'
const CHANGED = 'session_status_changed'

// Keys to somebody's WhatsApp: kept in memory only, and only for as long as they can be used.
const FLEETING = ['qr_code', 'pairing_code']
const FLEETING_MS = 60_000

// All that Rollcall reads of a message: that it came. Its content never gets here.
const EVIDENCE = ['workspace_id', 'session_id', 'message_id', 'timestamp']

/**
 * @typedef {object} Event
 * @property {number} sequence
 * @property {string} id
 * @property {string} event
 * @property {Record<string, any>} data
 * @property {number} at when it happened, in unix ms
 */

const isLife = (/** @type {string} */ name) => LIFE.has(name)

/** Whether `newer` says all that `older`, of the same session and not yet delivered, would say. */
function supersedes(/** @type {Event} */ newer, /** @type {Event} */ older) {
  if (isLife(newer.event)) return newer.event === older.event
  if (newer.event === READY) return isState(older.event)
  // Without a number: what ready says beside its state would be lost.
  if (newer.event === CHANGED) return isState(older.event) && older.event !== READY
  if (PROGRESS.has(newer.event)) return isProgress(older.event)
  if (LOSSES.has(newer.event)) return isProgress(older.event) || isSameLoss(newer, older)
  return false
}

const isState = (/** @type {string} */ name) => isProgress(name) || LOSSES.has(name)

/** All states but losses: a code on the screen does not say why the session was lost. */
const isProgress = (/** @type {string} */ name) =>
  PROGRESS.has(name) || name === READY || name === CHANGED

/** Another reason may say less: the browser that ends after a logout, for example. */
const isSameLoss = (/** @type {Event} */ one, /** @type {Event} */ other) =>
  one.event === other.event && one.data.reason === other.data.reason

/** What is left of it for the disk. */
function withoutFleeting(/** @type {Event} */ event) {
  if (!FLEETING.some((name) => name in event.data)) return event
  const data = { ...event.data }
  for (const name of FLEETING) delete data[name]
  return { ...event, data }
}

/** As it goes out now: without a code that has run out. */
function current(/** @type {Event} */ event, now = Date.now()) {
  return now - event.at < FLEETING_MS ? event : withoutFleeting(event)
}

function evidenceOnly(/** @type {Record<string, any>} */ data) {
  const found = EVIDENCE.filter((name) => ['string', 'number'].includes(typeof data[name]))
  return Object.fromEntries(found.map((name) => [name, data[name]]))
}

module.exports = { supersedes, withoutFleeting, current, evidenceOnly, isLife, FLEETING_MS }
