#!/usr/bin/env bash
# Baileys closes with 408 when nobody scanned its QR codes, and with 408 when its server is silent.
# The first needs a person, the second only a reconnect; the code that handlers are told to switch on
# is the same, and DisconnectReason[408] names both "timedOut". What differs is a sentence, and
# whether a code was shown. A supervisor that reconnects on 408 shows QR codes to nobody for ever.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{}' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund baileys@7.0.0-rc14 ws@8.18.3

cat >look.mjs <<'END'
import { readFileSync } from 'node:fs'
import { makeWASocket, DisconnectReason, initAuthCreds } from 'baileys'
import { WebSocketServer } from 'ws'

const { version } = JSON.parse(readFileSync('node_modules/baileys/package.json', 'utf8'))
console.log(`baileys ${version}`)

// A server that takes connections and says nothing: WhatsApp itself is not called.
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
await new Promise((resolve) => server.once('listening', resolve))
const waWebSocketUrl = `ws://127.0.0.1:${server.address().port}`
const nothing = () => {}
const logger = { level: 'silent', trace: nothing, debug: nothing, info: nothing, warn: nothing }
Object.assign(logger, { error: nothing, fatal: nothing, child: () => logger })

/** How a new socket closes; `opened` may play WhatsApp's part. */
function closing(options, opened = nothing) {
  const auth = { creds: initAuthCreds(), keys: { get: async () => ({}), set: async () => {} } }
  const socket = makeWASocket({ auth, logger, waWebSocketUrl, version: [2, 3000, 1], ...options })
  let codes = 0
  socket.ws.on('open', () => opened(socket))
  return new Promise((resolve) => {
    socket.ev.on('connection.update', ({ qr, connection, lastDisconnect }) => {
      if (qr) codes += 1
      if (connection !== 'close') return
      const { message, output } = lastDisconnect.error
      resolve({ codes, status: output.statusCode, message })
    })
  })
}

// WhatsApp hands out references, one for each QR code.
const reference = { tag: 'ref', attrs: {}, content: Buffer.from('made-up') }
const pairing = {
  tag: 'iq',
  attrs: { id: '1' },
  content: [{ tag: 'pair-device', attrs: {}, content: [reference, reference] }],
}
const unscanned = await closing({ connectTimeoutMs: 30_000, qrTimeout: 200 }, (socket) =>
  socket.ws.emit('CB:iq,type:set,pair-device', pairing),
)
const silent = await closing({ connectTimeoutMs: 1000 })
server.close()

console.log('nobody scanned:       ', unscanned, DisconnectReason[unscanned.status])
console.log('the server is silent: ', silent, DisconnectReason[silent.status])
const { timedOut, connectionLost } = DisconnectReason
console.log('DisconnectReason:     ', { timedOut, connectionLost })

const isSame =
  [unscanned.status, silent.status, timedOut, connectionLost].every((code) => code === 408) &&
  DisconnectReason[408] === 'timedOut' && unscanned.codes === 2 && silent.codes === 0
console.log(isSame
  ? 'Seen again. Remember whether a code was shown since the last login: a 408 after one is a person\'s.'
  : 'The behaviour has changed.')
process.exit(isSame ? 0 : 1)
END
node look.mjs
