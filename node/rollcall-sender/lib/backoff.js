'use strict'

/** Pauses in ms: doubled each time up to `most`, each between a half and the whole of it. */
const PAUSES = {
  later: { first: 1_000, most: 30_000 },
  blocked: { first: 15_000, most: 60_000 },
}

/**
 * @param {'later' | 'blocked'} kind
 * @param {number} failures so many in a row, from 1
 */
function pauseAfter(kind, failures, random = Math.random) {
  const { first, most } = PAUSES[kind]
  const whole = Math.min(most, first * 2 ** Math.min(failures - 1, 20))
  return whole * (0.5 + random() / 2)
}

module.exports = { pauseAfter, PAUSES }
