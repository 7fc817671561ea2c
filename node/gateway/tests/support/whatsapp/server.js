'use strict'
// A stand-in for https://web.whatsapp.com, and a phone that can be told what to do.

const fs = require('node:fs')
const https = require('node:https')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { once } = require('node:events')

const PAGE = fs.readFileSync(path.join(__dirname, 'page.html'))

/** @param {string} directory for its certificate, and a Chromium that finds this server */
async function whatsapp(directory) {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(directory, name))
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=web.whatsapp.com'],
    ...['-keyout', key, '-out', cert],
  ], { stdio: 'ignore' })
  const phones = new Set()
  const self = { isBroken: false }
  const server = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (request, response) => {
    if (self.isBroken) return void request.socket.destroy()
    const { pathname } = new URL(request.url ?? '/', 'https://x')
    if (pathname === '/_phone') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write(':\n\n')
      phones.add(response)
      return void request.on('close', () => phones.delete(response))
    }
    if (pathname !== '/') return void response.writeHead(404).end()
    response.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'no-store' }).end(PAGE)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return Object.assign(self, {
    chromium: wrapper(directory, port),
    /** Every open page hears it: pair, logout, state. */
    tell(command, value = '') {
      for (const phone of phones) phone.write(`data: ${JSON.stringify({ command, value })}\n\n`)
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

/** The real Chromium, to which no other host exists. */
function wrapper(directory, port) {
  const file = path.join(directory, 'chromium.sh')
  const rules = `MAP web.whatsapp.com 127.0.0.1:${port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`
  fs.writeFileSync(file, `#!/bin/sh\nexec chromium --host-resolver-rules="${rules}" --ignore-certificate-errors "$@"\n`, { mode: 0o755 })
  return file
}

module.exports = { whatsapp }
