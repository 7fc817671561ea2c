'use strict'
// One process per outbox: two would send in two orders.

const fs = require('node:fs')
const os = require('node:os')

/**
 * Take `<path>.lock`, also from a process that has ended (kill -9 leaves it behind).
 *
 * @param {string} path
 * @returns {() => void} gives it back
 * @throws {Error} where a running process holds it
 */
function lock(path) {
  const file = `${path}.lock`
  const mine = JSON.stringify(self())
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (take(file, mine)) return () => release(file, mine)
    const holder = read(file)
    if (holder && runs(holder)) {
      throw new Error(
        `process ${holder.pid} uses the outbox ${path}: give each process an OUTBOX_PATH of its own`,
      )
    }
    fs.rmSync(file, { force: true })
  }
  throw new Error(`others take the lock ${file} again and again`)
}

/** Whole or not at all: a link, because a file that is only created is empty for a moment. */
function take(/** @type {string} */ file, /** @type {string} */ mine) {
  const written = `${file}.${process.pid}`
  fs.writeFileSync(written, mine, { mode: 0o600 })
  try {
    fs.linkSync(written, file)
    return true
  } catch (error) {
    if (/** @type {any} */ (error).code !== 'EEXIST') throw error
    return false
  } finally {
    fs.rmSync(written, { force: true })
  }
}

function release(/** @type {string} */ file, /** @type {string} */ mine) {
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === mine) fs.rmSync(file, { force: true })
}

function self() {
  return { pid: process.pid, host: os.hostname(), born: birth(process.pid) }
}

/** @returns {{pid: number, host: string, born: string} | undefined} */
function read(/** @type {string} */ file) {
  try {
    const held = JSON.parse(fs.readFileSync(file, 'utf8'))
    return Number.isInteger(held?.pid) && held.pid > 0 ? held : undefined
  } catch {
    return undefined // gone by now, or cut off: nobody's
  }
}

/** A container that was created anew has another host name, and no process of the old one lives. */
function runs(/** @type {{pid: number, host: string, born: string}} */ holder) {
  if (holder.host !== os.hostname()) return false
  // A second sender in this same process counts, too.
  if (holder.pid === process.pid) return holder.born === birth(process.pid)
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return /** @type {any} */ (error).code === 'EPERM'
  }
  // Its number may have gone to another process since.
  return birth(holder.pid) === holder.born
}

/** When a process began, in the kernel's ticks since boot; '' where that cannot be told. */
function birth(/** @type {number} */ pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return ''
  }
}

module.exports = { lock }
