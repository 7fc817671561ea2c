'use strict'

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} otherwise the error's text
 * @returns {Promise<T>}
 */
async function within(promise, ms, otherwise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), ms)
  })
  promise.catch(() => {}) // it may fail after the deadline, when nobody listens
  try {
    return await /** @type {Promise<T>} */ (Promise.race([promise, late]))
  } finally {
    clearTimeout(timer)
  }
}

module.exports = { within }
