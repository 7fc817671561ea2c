'use strict'
// A stand-in for Rollcall: it keeps what it is sent, and answers as the test says.

const http = require('node:http')
const { once } = require('node:events')
const { createHmac } = require('node:crypto')

const SECRET = 's3cret'

/** @typedef {{status?: number, body?: unknown, headers?: object, hangs?: boolean}} Reply */

async function receiver(/** @type {number} */ port = 0, host = '127.0.0.1') {
  /** @type {any[]} */
  const received = []
  let waiting = []
  const self = {
    received,
    /** @type {(request: any) => Reply} */
    reply: () => ({}),
    events: () => received.filter((one) => one.body.event !== 'connection_test').map((one) => one.body),
    async until(condition, ms = 15_000) {
      const end = Date.now() + ms
      while (!condition()) {
        if (Date.now() > end) throw new Error(`not within ${ms} ms; received ${JSON.stringify(received.map((one) => one.body)).slice(0, 2000)}`)
        await new Promise((resolve) => {
          const timer = setTimeout(resolve, 50)
          waiting.push(() => (clearTimeout(timer), resolve()))
        })
      }
    },
    url: '',
    port: 0,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  const server = http.createServer(async (request, response) => {
    const pieces = []
    for await (const piece of request) pieces.push(piece)
    const raw = Buffer.concat(pieces)
    const one = { method: request.method, path: request.url, headers: request.headers, raw, body: raw.length ? JSON.parse(raw) : {} }
    const { status = 200, body = { success: true }, headers = {}, hangs } = self.reply(one)
    if (status === 200 && !hangs) received.push(one)
    if (!hangs) {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    for (const wake of waiting.splice(0)) wake()
  })
  server.listen(port, host)
  await once(server, 'listening')
  self.port = server.address().port
  self.url = `http://127.0.0.1:${self.port}`
  return self
}

const isSigned = ({ headers, raw }) =>
  headers['x-hmac-signature'] ===
  createHmac('sha256', SECRET).update(headers['x-timestamp']).update(raw).digest('hex')

module.exports = { receiver, isSigned, SECRET }
