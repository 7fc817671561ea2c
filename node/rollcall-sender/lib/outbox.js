'use strict'
// Events on disk until they are settled: lines of JSON, only ever appended, compacted by rewriting.
//
//   {"put": {event}}     it waits
//   {"done": sequence}   it needs no more sending
//   {"last": sequence}   numbers up to here are taken

const fs = require('node:fs')
const path = require('node:path')
const { promisify } = require('node:util')
const { withoutFleeting } = require('./events')

const fdatasync = promisify(fs.fdatasync)
const COMPACT_AFTER_LINES = 1000

/** @typedef {import('./events').Event} Event */

class Outbox {
  /**
   * @param {string} file
   * @param {(level: import('./log').Level, text: string) => void} log
   */
  constructor(file, log) {
    this.file = file
    this.log = log
    /** @type {Map<number, Event>} by sequence, in order */
    this.waiting = new Map()
    this.last = 0
    this.lines = 0
    this.unreadable = 0
    /** Why the disk takes nothing; '' while it does. */
    this.trouble = ''
    this.isTorn = false
    this.isDirty = false
    /** @type {Promise<void> | null} */
    this.syncing = null
    this._read()
    this.fd = this._compacted()
  }

  /**
   * Keep an event. It survives the end of this process as soon as this returns, and a power cut once
   * `synced()` resolves.
   *
   * @param {Omit<Event, 'sequence'>} event
   * @returns {Event}
   */
  put(event) {
    // By the clock, so that numbers go on growing even where the file was lost.
    this.last = Math.max(this.last + 1, Date.now() * 1000)
    const kept = { sequence: this.last, ...event }
    this.waiting.set(kept.sequence, kept)
    this._write({ put: withoutFleeting(kept) })
    return kept
  }

  settle(/** @type {Event} */ event) {
    if (!this.waiting.delete(event.sequence)) return
    this._write({ done: event.sequence })
    if (this.lines > COMPACT_AFTER_LINES && this.lines > 4 * this.waiting.size) this._compact()
  }

  /** Resolves when all that was written before is on the disk; never rejects. */
  async synced() {
    while (this.isDirty || this.syncing) {
      this.syncing ??= this._sync().finally(() => (this.syncing = null))
      await this.syncing
    }
  }

  async close() {
    await this.synced()
    fs.closeSync(this.fd)
  }

  async _sync() {
    this.isDirty = false
    try {
      await fdatasync(this.fd)
    } catch (error) {
      this._fail(error)
    }
  }

  /** An event that the disk does not take is still sent from memory. */
  _write(/** @type {object} */ line) {
    const text = Buffer.from(`${this.isTorn ? '\n' : ''}${JSON.stringify(line)}\n`)
    try {
      this.isTorn = true
      const written = fs.writeSync(this.fd, text)
      if (written < text.length) throw new Error('the disk is full')
      this.isTorn = false
      this.isDirty = true
      this.lines += 1
      this.trouble = ''
    } catch (error) {
      this._fail(error)
    }
  }

  _fail(/** @type {any} */ error) {
    const why = error.code ?? error.message
    if (!this.trouble) {
      this.log('critical', `the outbox cannot be written (${why}): what waits is lost if this process ends`)
    }
    this.trouble = why
  }

  _read() {
    if (!fs.existsSync(this.file)) return
    const lines = fs.readFileSync(this.file, 'utf8').split('\n')
    for (const line of lines) if (line) this._take(line)
    if (this.unreadable) {
      this.log('warning', `${this.unreadable} lines of the outbox were cut off when the process ended`)
    }
  }

  _take(/** @type {string} */ line) {
    /** @type {any} */
    let said
    try {
      said = JSON.parse(line)
    } catch {
      this.unreadable += 1
      return
    }
    const sequence = said?.put?.sequence ?? said?.done ?? said?.last
    if (!Number.isSafeInteger(sequence)) {
      this.unreadable += 1
      return
    }
    if (said.put) this.waiting.set(sequence, said.put)
    else if (said.done) this.waiting.delete(sequence)
    this.last = Math.max(this.last, sequence)
  }

  /** What waits, and nothing else; in place at once or not at all. */
  _compacted() {
    const next = `${this.file}.new`
    const lines = [{ last: this.last }, ...[...this.waiting.values()].map((event) => ({ put: withoutFleeting(event) }))]
    const fd = fs.openSync(next, 'w', 0o600)
    try {
      fs.writeFileSync(fd, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      fs.fsyncSync(fd)
      fs.renameSync(next, this.file)
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
    syncDirectory(path.dirname(this.file))
    this.lines = lines.length
    return fd
  }

  _compact() {
    const old = this.fd
    try {
      this.fd = this._compacted()
      this.isTorn = false
    } catch (error) {
      return this._fail(error)
    }
    // A sync of the old file may be under way.
    Promise.resolve(this.syncing).then(() => fs.closeSync(old))
  }
}

/** A rename is on disk when its directory is. */
function syncDirectory(/** @type {string} */ directory) {
  const fd = fs.openSync(directory, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

module.exports = { Outbox, COMPACT_AFTER_LINES }
