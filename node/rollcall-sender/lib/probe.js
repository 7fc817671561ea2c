'use strict'
// One look at a live client: is its browser there, does its page answer, what does it show.

/**
 * @typedef {'alive' | 'browser_gone' | 'browser_silent' | 'page_gone' | 'page_silent' | 'page_left'} Found
 * @typedef {{found: Found, state?: string, ms: number}} Look
 */

const SILENT = Symbol('no answer in time')

/**
 * Ask the browser's process first, then the page for its state; both cost WhatsApp nothing.
 *
 * @param {any} client
 * @param {{deadlineMs: number, asksPage: boolean, isWhatsApp: (address: string) => boolean}} options
 * @returns {Promise<Look>}
 */
async function look(client, { deadlineMs, asksPage, isWhatsApp }) {
  const began = performance.now()
  const at = (/** @type {Found} */ found, /** @type {string} */ state = '') => ({
    ...{ found, ms: Math.round((performance.now() - began) * 10) / 10 },
    ...(state && { state }),
  })
  const browser = await answerOf(() => client.pupBrowser.version(), deadlineMs)
  if (browser === SILENT) return at('browser_silent')
  if (browser instanceof Error) return at('browser_gone')
  if (!asksPage) return at('alive')
  const page = await answerOf(() => client.getState(), deadlineMs)
  if (page === SILENT) return at('page_silent')
  if (!(page instanceof Error)) return at('alive', typeof page === 'string' ? page : '')
  // A page in the middle of a reload throws, too: only what is certain counts.
  if (client.pupPage.isClosed()) return at('page_gone')
  const address = client.pupPage.url()
  return at(address && !isWhatsApp(address) ? 'page_left' : 'alive')
}

/** @returns {Promise<any>} an Error that it threw, or SILENT */
async function answerOf(/** @type {() => Promise<any>} */ ask, /** @type {number} */ deadlineMs) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const silence = new Promise((resolve) => {
    timer = setTimeout(resolve, deadlineMs, SILENT)
    timer.unref()
  })
  const answer = Promise.resolve().then(ask).catch(asError)
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer))
}

const asError = (/** @type {unknown} */ thrown) =>
  thrown instanceof Error ? thrown : new Error(String(thrown))

module.exports = { look }
