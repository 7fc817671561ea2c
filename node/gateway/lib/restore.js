'use strict'
// After a start: run what people want to run, two browsers at a time.

const AT_ONCE = 2
const ASK_AGAIN_MS = 15_000

/** @param {{rollcall: any, sessions: import('./sessions').Sessions, log: (level: any, text: string) => void}} parts */
async function restore({ rollcall, sessions, log }) {
  const wanted = await ask(rollcall, sessions, log)
  const queue = wanted.filter(({ session_id }) => !sessions.get(session_id))
  if (queue.length) log('info', `${queue.length} sessions are restored`)
  const take = async () => {
    for (let next = queue.shift(); next && !sessions.isClosed; next = queue.shift()) {
      try {
        await sessions.hold(next.session_id, next.workspace_id).start()
      } catch (error) {
        const { message } = /** @type {Error} */ (error)
        log('error', `${next.session_id} was not restored: ${message.split('\n')[0]}`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, take))
}

/** @returns {Promise<Array<{session_id: string, workspace_id: number}>>} */
async function ask(
  /** @type {any} */ rollcall,
  /** @type {import('./sessions').Sessions} */ sessions,
  /** @type {(level: any, text: string) => void} */ log,
) {
  let told = ''
  while (!sessions.isClosed) {
    try {
      return await rollcall.wantedSessions()
    } catch (error) {
      const { message } = /** @type {Error} */ (error)
      if (message !== told) log('critical', `nothing is restored yet: ${message}`)
      told = message
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS).unref())
  }
  return []
}

module.exports = { restore }
