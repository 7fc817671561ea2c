'use strict'

const { createSender } = require('../rollcall-sender')
const { logToStderr } = require('../rollcall-sender/lib/log')
const { createApp } = require('./lib/app')
const { readConfig } = require('./lib/config')
const { restore } = require('./lib/restore')
const { Sessions } = require('./lib/sessions')
const { shutDownOn } = require('./lib/shutdown')

const log = logToStderr

/** A page that goes wrong may reject or throw anywhere in the library: no reason to end the others. */
process.on('unhandledRejection', (error) => log('error', `unhandled: ${text(error)}`))
process.on('uncaughtException', (error) => log('error', `uncaught: ${text(error)}`))

function text(/** @type {any} */ error) {
  return String(error?.message ?? error).split('\n')[0]
}

function main() {
  const config = readConfig(process.env)
  const rollcall = createSender({ env: config.senderEnv, log })
  const sessions = new Sessions({ config, rollcall, log })
  const server = createApp({ config, sessions, rollcall, log }).listen(config.port, config.host)
  const shutDown = shutDownOn({ server, sessions, rollcall, log })
  server.on('error', (error) => {
    log('critical', `cannot listen on ${config.host}:${config.port}: ${text(error)}`)
    process.exitCode = 1
    void shutDown()
  })
  server.on('listening', () => {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address())
    log('info', `gateway listens on http://${config.host}:${address.port}`)
    void restore({ rollcall, sessions, log })
  })
}

try {
  main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(2)
}
