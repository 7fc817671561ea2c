'use strict'

const fs = require('node:fs')
const path = require('node:path')

const CHROMIUMS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/**
 * @param {Record<string, string | undefined>} env
 * @throws {Error} says what is missing, and what to do
 */
function readConfig(env) {
  const port = Number(env.PORT || 3001)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('PORT must be a number from 0 to 65535')
  if (!env.SESSIONS_PATH || !path.isAbsolute(env.SESSIONS_PATH)) {
    throw new Error('SESSIONS_PATH must be the whole path of a folder for the logins, for example /var/lib/whatsapp/sessions')
  }
  const chromium = env.CHROMIUM_PATH || onPath(env.PATH ?? '')
  if (!chromium || !fs.existsSync(chromium)) {
    throw new Error('no Chromium was found: apt-get install chromium, or set CHROMIUM_PATH')
  }
  const host = env.HOST || '127.0.0.1' // another one has to be asked for
  return {
    ...{ port, host, chromium, sessionsPath: path.normalize(env.SESSIONS_PATH), apiKey: env.API_KEY ?? '' },
    probeEveryMs: Number(env.PROBE_EVERY_MS || 15_000),
    probeDeadlineMs: Number(env.PROBE_DEADLINE_MS || 10_000),
    /** Checked by the sender, API_KEY included. */
    senderEnv: {
      ...env,
      OUTBOX_PATH: env.OUTBOX_PATH || path.join(env.SESSIONS_PATH, 'rollcall-outbox.jsonl'),
    },
  }
}

function onPath(/** @type {string} */ folders) {
  const files = CHROMIUMS.flatMap((name) => folders.split(':').map((folder) => path.join(folder, name)))
  return files.find((file) => fs.existsSync(file))
}

module.exports = { readConfig }
