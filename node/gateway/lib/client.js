'use strict'
// A client of whatsapp-web.js on a profile of its own.

const path = require('node:path')
const { Client, LocalAuth } = require('whatsapp-web.js')

/** Told of a logout, LocalAuth deletes the profile below the running Chromium: a code that is
 * scanned afterwards is lost at the next start. The page has forgotten its login by itself. */
class KeepProfile extends LocalAuth {
  async logout() {}
}

const profileOf = (/** @type {string} */ sessionsPath, /** @type {string} */ sessionId) =>
  path.join(sessionsPath, `session-${sessionId}`)

function createClient(
  /** @type {{sessionsPath: string, chromium: string}} */ config,
  /** @type {string} */ sessionId,
) {
  return new Client({
    authStrategy: new KeepProfile({ clientId: sessionId, dataPath: config.sessionsPath }),
    webVersionCache: { type: 'none' },
    puppeteer: {
      headless: true,
      executablePath: config.chromium,
      // With a pipe Chromium ends with this process, even when that is killed.
      pipe: true,
      protocolTimeout: 30_000,
      ...{ handleSIGTERM: false, handleSIGINT: false, handleSIGHUP: false },
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-gpu',
        // A hidden page of Chromium's own takes 85 MB.
        '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup',
      ],
    },
  })
}

module.exports = { createClient, profileOf }
