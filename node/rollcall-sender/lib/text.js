'use strict'

/** One line that a log may hold. */
function tidy(/** @type {unknown} */ text, limit = 300) {
  const line = String(text).replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').trim()
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line
}

module.exports = { tidy }
