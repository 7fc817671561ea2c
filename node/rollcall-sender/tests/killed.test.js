'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const { spawn } = require('node:child_process')
const readline = require('node:readline')
const { receiver, SECRET } = require('./support/receiver')
const { directory } = require('./support/sending')

const PROCESS = path.join(__dirname, 'support', 'process.js')

/** `written`: it has put so many events. Killed with the test. */
async function gateway(t, url, outboxPath) {
  const env = { ...process.env, ROLLCALL_URL: url, API_KEY: 'key', HMAC_SECRET: SECRET, OUTBOX_PATH: outboxPath }
  const child = spawn(process.execPath, [PROCESS], { env, stdio: ['pipe', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const written = async (count) => {
    while (count-- > 0) assert.equal((await lines.next()).value, 'put')
  }
  assert.equal((await lines.next()).value, 'ready')
  const say = (n, session) => {
    const data = { workspace_id: 1, session_id: session, message: String(n) }
    child.stdin.write(`${JSON.stringify({ event: 'session_error', data })}\n`)
  }
  const kill = async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  return { say, written, kill }
}

test('500 events, five kills, Rollcall away in between: all arrive, in order per session, once', async (t) => {
  const rollcall = await receiver()
  t.after(() => rollcall.close())
  const outboxPath = path.join(directory(t), 'outbox.jsonl')
  const { url } = rollcall
  const sessions = ['a', 'b', 'c', 'd', 'e']
  let n = 0
  for (let life = 0; life < 5; life += 1) {
    rollcall.reply = () => (life % 2 ? { status: 503 } : {})
    const one = await gateway(t, url, outboxPath)
    for (let count = 0; count < 100; count += 1) one.say(n, sessions[n++ % 5])
    await one.written(100)
    await one.kill()
  }
  rollcall.reply = () => ({})
  await gateway(t, url, outboxPath)
  const ids = () => new Set(rollcall.events().map((one) => one.event_id))
  await rollcall.until(() => ids().size === 500, 30_000)

  const seen = new Set()
  const effects = rollcall.events().filter(({ event_id }) => !seen.has(event_id) && seen.add(event_id))
  for (const [index, session] of sessions.entries()) {
    const arrived = effects.filter(({ data }) => data.session_id === session).map(({ data }) => Number(data.message))
    assert.deepEqual(arrived, Array.from({ length: 100 }, (_, at) => 5 * at + index))
  }
  // Only what was on its way when the process was killed comes again, and with the same id.
  assert.ok(rollcall.events().length - 500 <= 5 * 4)
})
