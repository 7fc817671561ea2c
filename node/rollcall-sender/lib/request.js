'use strict'
// One HTTP request with one deadline for all of it: no redirect, no kept connection, no retry.

const http = require('node:http')
const https = require('node:https')

const MOST_ANSWER_BYTES = 64 * 1024

/**
 * @typedef {{status: number, headers: import('node:http').IncomingHttpHeaders, text: string}} Answer
 */

/**
 * @param {URL} url
 * @param {{method?: string, headers: Record<string, string>, body?: Buffer, deadlineMs: number}} options
 * @returns {Promise<Answer>} rejects where there is no whole answer in time
 */
function request(url, { method = 'POST', headers, body, deadlineMs }) {
  const scheme = url.protocol === 'https:' ? https : http
  const length = body ? { 'Content-Length': String(body.length) } : {}
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(deadlineMs)
    const fail = (/** @type {Error} */ error) => {
      reject(signal.aborted ? new Error(`no answer within ${deadlineMs / 1000} s`) : error)
    }
    // `agent: false`: a connection of its own. A kept one that the server closes just then fails.
    const options = { method, agent: false, signal, headers: { ...headers, ...length } }
    const call = scheme.request(url, /** @type {any} */ (options), (answer) => {
      read(answer).then(resolve, fail)
    })
    call.on('error', fail)
    call.end(body)
  })
}

/** Read to its end, but keep only the beginning. */
async function read(/** @type {import('node:http').IncomingMessage} */ answer) {
  /** @type {Buffer[]} */
  const pieces = []
  let size = 0
  for await (const piece of answer) {
    if (size < MOST_ANSWER_BYTES) pieces.push(piece)
    size += piece.length
  }
  const text = Buffer.concat(pieces).subarray(0, MOST_ANSWER_BYTES).toString('utf8')
  return { status: answer.statusCode ?? 0, headers: answer.headers, text }
}

module.exports = { request }
