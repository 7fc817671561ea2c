'use strict'
// What Rollcall is told about a client of whatsapp-web.js, in the words of the webhook contract.

/** Reasons of `session_disconnected` that the watch finds out by itself. */
const LOST = {
  BROWSER_CRASHED: 'browser_crashed', // the browser's process has ended
  BROWSER_UNRESPONSIVE: 'browser_unresponsive', // it runs and does not answer
  PAGE_CRASHED: 'page_crashed', // its renderer has ended
  PAGE_UNRESPONSIVE: 'page_unresponsive', // the browser answers, the page does not
  PAGE_CLOSED: 'page_closed',
  PAGE_LEFT: 'page_left', // it shows something else than WhatsApp
  STOPPED: 'stopped', // by this service: `destroy()` or `logout()`
}

// Found by waiting, and over when the page answers again.
const HANGS = new Set([LOST.BROWSER_UNRESPONSIVE, LOST.PAGE_UNRESPONSIVE])

/** States that a client passes through before it was ready once, and that are no loss then. */
const BEFORE_READY = new Set(['CONNECTED', 'OPENING', 'PAIRING', 'UNPAIRED', 'UNPAIRED_IDLE', 'UNLAUNCHED'])
const RECONNECTING = new Set(['OPENING', 'PAIRING'])

/**
 * What a WAState says of a session.
 *
 * @param {string} word
 * @param {boolean} wasReady
 * @returns {'connected' | 'reconnecting' | 'lost' | 'nothing'}
 */
function meaning(word, wasReady) {
  if (!wasReady && BEFORE_READY.has(word)) return 'nothing'
  if (word === 'CONNECTED') return 'connected'
  return RECONNECTING.has(word) ? 'reconnecting' : 'lost'
}

const isWhatsApp = (/** @type {string} */ address) =>
  URL.canParse(address) && new URL(address).hostname === 'web.whatsapp.com'

module.exports = { LOST, HANGS, meaning, isWhatsApp }
