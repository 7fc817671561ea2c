'use strict'

const { tidy } = require('./text')

/** @typedef {'info' | 'warning' | 'error' | 'critical'} Level */

/** One line to stderr. No secret, code or body is ever given to it. */
function logToStderr(/** @type {Level} */ level, /** @type {string} */ text) {
  process.stderr.write(`${new Date().toISOString()} ${level.toUpperCase()} rollcall: ${text}\n`)
}

/** A logger that cannot break what it reports on. */
function safely(/** @type {(level: Level, text: string) => void} */ log) {
  return (/** @type {Level} */ level, /** @type {string} */ text) => {
    try {
      log(level, tidy(text, 1000))
    } catch (error) {
      logToStderr('error', `the logger failed: ${tidy(error)}`)
      logToStderr(level, tidy(text, 1000))
    }
  }
}

module.exports = { logToStderr, safely }
