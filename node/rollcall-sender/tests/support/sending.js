'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { createSender } = require('../..')
const { receiver, SECRET } = require('./receiver')
const { PAUSES } = require('../../lib/backoff')

/** Pauses of milliseconds: what is tested is that they are kept, not how long they are. */
function hurry() {
  for (const pause of Object.values(PAUSES)) Object.assign(pause, { first: 10, most: 40 })
}

function directory(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-sender-'))
  t.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

/** A receiver and a sender to it; both end with the test. */
async function pair(t, { env = {}, reply } = {}) {
  const rollcall = await receiver()
  if (reply) rollcall.reply = reply
  const outboxPath = path.join(directory(t), 'outbox.jsonl')
  const logged = []
  const settings = {
    ...{ ROLLCALL_URL: rollcall.url, API_KEY: 'key', HMAC_SECRET: SECRET, OUTBOX_PATH: outboxPath },
    ...env,
  }
  const start = () => createSender({ env: settings, log: (level, text) => logged.push([level, text]) })
  const sender = start()
  t.after(async () => {
    await sender.close({ withinMs: 0 })
    await rollcall.close()
  })
  const critical = () => logged.filter(([level]) => level === 'critical').map(([, text]) => text)
  return { rollcall, sender, start, outboxPath, logged, critical, settings }
}

module.exports = { pair, directory, hurry }
