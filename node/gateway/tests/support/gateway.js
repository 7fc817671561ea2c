'use strict'
// The gateway as a process, a stand-in for Rollcall, and one for WhatsApp.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn, execFileSync } = require('node:child_process')
const { once } = require('node:events')
const { receiver, SECRET } = require('../../../rollcall-sender/tests/support/receiver')
const { processesOf, endProcessesOf } = require('../../lib/chromium')
const { whatsapp } = require('./whatsapp/server')

const INDEX = path.join(__dirname, '..', '..', 'index.js')

/** Why no browser can be tested here; '' where one can. */
function whyNot() {
  for (const program of ['chromium', 'openssl']) {
    try {
      execFileSync('which', [program], { stdio: 'ignore' })
    } catch {
      return `${program} is not installed: apt-get install ${program}`
    }
  }
  return ''
}

async function world(t, { chromium = '' } = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-gateway-'))
  const sessionsPath = path.join(directory, 'sessions')
  fs.mkdirSync(sessionsPath)
  const rollcall = await receiver()
  const web = chromium ? { chromium, close: async () => {} } : await whatsapp(directory)
  const wanted = []
  rollcall.reply = ({ method }) => ({ body: method === 'GET' ? { success: true, sessions: wanted, count: wanted.length } : { success: true } })
  const profile = (id) => path.join(sessionsPath, `session-${id}`)
  const running = new Set()
  t.after(async () => {
    for (const gateway of running) await gateway.kill()
    for (const name of fs.readdirSync(sessionsPath)) await endProcessesOf(path.join(sessionsPath, name))
    await Promise.all([rollcall.close(), web.close()])
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 4 })
  })
  const start = async (more = {}) => {
    const env = {
      ...{ PATH: process.env.PATH, HOME: directory, PORT: '0', SESSIONS_PATH: sessionsPath },
      ...{ ROLLCALL_URL: rollcall.url, API_KEY: 'the-key', HMAC_SECRET: SECRET },
      ...{ CHROMIUM_PATH: web.chromium, PROBE_EVERY_MS: '1000', PROBE_DEADLINE_MS: '1000', ...more },
    }
    const gateway = await started(env)
    running.add(gateway)
    return gateway
  }
  const events = (id, name) =>
    rollcall.events().filter(({ event, data }) => data?.session_id === id && (!name || event === name))
  const main = (id) => processesOf(profile(id)).find(({ isMain }) => isMain)?.pid
  return { directory, rollcall, web, wanted, start, events, main, processes: (id) => processesOf(profile(id)) }
}

async function started(env) {
  const child = spawn(process.execPath, [INDEX], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const exit = once(child, 'exit')
  let log = ''
  const address = await new Promise((resolve, reject) => {
    child.stderr.on('data', (piece) => {
      log += piece
      const found = log.match(/listens on (http:\S+)/)
      if (found) resolve(found[1])
    })
    exit.then(() => reject(new Error(log)))
  })
  const call = async (method, to, body, headers = { 'X-API-Key': 'the-key' }) => {
    const answer = await fetch(address + to, {
      method,
      headers: { ...headers, ...(body && { 'Content-Type': 'application/json' }) },
      ...(body && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: answer.status, ...(await answer.json()) }
  }
  return {
    ...{ call, child, exit, address },
    log: () => log,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exit
    },
  }
}

module.exports = { world, whyNot, INDEX }
