'use strict'
// Chromium processes of one profile, whoever started them: found in /proc, and ended.

const fs = require('node:fs')

const TERM_MS = 2_000
const KILL_MS = 2_000

/**
 * @typedef {{pid: number, isMain: boolean}} Found
 */

/**
 * @param {string} profile its whole path: session-1 is the beginning of session-10
 * @returns {Found[]}
 */
function processesOf(profile) {
  const own = `--user-data-dir=${profile}`
  const isEnd = (/** @type {string | undefined} */ sign) => !sign || sign === '\0' || sign === ' '
  const found = []
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    // The main process has its arguments one by one, its children have them in one string.
    const line = commandLine(name)
    const at = line.indexOf(own)
    if (at < 0 || !isEnd(line[at - 1]) || !isEnd(line[at + own.length]) || isZombie(name)) continue
    found.push({ pid: Number(name), isMain: !/[\0 ]--type=/.test(line) })
  }
  return found
}

/**
 * End what still runs on a profile: asked first, so that the login is written; then by force.
 *
 * @returns {Promise<number>} how many there were
 */
async function endProcessesOf(/** @type {string} */ profile) {
  const found = processesOf(profile)
  if (!found.length) return 0
  for (const { pid, isMain } of found) if (isMain) ask(pid)
  if (await areGone(profile, TERM_MS)) return found.length
  // The tree's group has the number of its main process; a stopped child survives its end.
  for (const { pid, isMain } of processesOf(profile)) if (isMain) kill(-pid)
  for (const { pid } of processesOf(profile)) kill(pid)
  if (!(await areGone(profile, KILL_MS))) throw new Error('a Chromium on this profile cannot be ended')
  return found.length
}

/** One that is stopped does not hear anything before it goes on. */
function ask(/** @type {number} */ pid) {
  signal(pid, 'SIGTERM')
  signal(pid, 'SIGCONT')
}

const kill = (/** @type {number} */ pid) => signal(pid, 'SIGKILL')

function signal(/** @type {number} */ pid, /** @type {NodeJS.Signals} */ name) {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (/** @type {any} */ (error).code !== 'ESRCH') throw error
  }
}

async function areGone(/** @type {string} */ profile, /** @type {number} */ withinMs) {
  const until = Date.now() + withinMs
  while (processesOf(profile).length) {
    if (Date.now() >= until) return false
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return true
}

/** '' where it has ended by now. */
function commandLine(/** @type {string} */ pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function isZombie(/** @type {string} */ pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat[stat.lastIndexOf(')') + 2] === 'Z'
  } catch {
    return true
  }
}

module.exports = { processesOf, endProcessesOf }
