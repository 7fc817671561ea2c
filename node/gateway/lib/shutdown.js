'use strict'
// SIGTERM and SIGINT: no new call, every browser ended, the outbox written, within 10 s.

const WHOLE_MS = 9_500
const DELIVER_MS = 1_000

/** @param {{server: import('node:http').Server, sessions: import('./sessions').Sessions, rollcall: any, log: (level: any, text: string) => void}} parts */
function shutDownOn({ server, sessions, rollcall, log }) {
  /** @type {Promise<void> | undefined} */
  let ending
  const shutDown = () => (ending ??= end())
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) {
    process.on(signal, () => {
      log('info', `${signal}: shutting down`)
      void shutDown()
    })
  }
  async function end() {
    const began = Date.now()
    setTimeout(() => {
      log('critical', 'not everything ended in time')
      process.exit(1)
    }, WHOLE_MS).unref()
    server.close()
    const { stopped, failed } = await sessions.stopAll()
    const { waiting } = await rollcall.close({ withinMs: DELIVER_MS })
    server.closeAllConnections()
    const left = waiting ? `; ${waiting} events wait for the next start` : ''
    log('info', `${stopped - failed} of ${stopped} sessions stopped in ${Date.now() - began} ms${left}`)
    process.exit(process.exitCode ?? (failed ? 1 : 0))
  }
  return shutDown
}

module.exports = { shutDownOn }
