'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { Outbox, COMPACT_AFTER_LINES } = require('../lib/outbox')
const { lock } = require('../lib/lock')
const { directory } = require('./support/sending')

const event = (data = {}) => ({ id: 'x', event: 'session_error', data: { session_id: 'a', ...data }, at: 1 })

function open(t, file = path.join(directory(t), 'outbox.jsonl')) {
  const logged = []
  const outbox = new Outbox(file, (level, text) => logged.push([level, text]))
  return { outbox, file, logged, numbers: () => [...outbox.waiting.values()].map(({ data }) => data.n) }
}

test('what was put and not settled is there after a new start, in order', async (t) => {
  const { outbox, file } = open(t)
  const kept = [1, 2, 3].map((n) => outbox.put(event({ n })))
  outbox.settle(kept[1])
  await outbox.close()
  assert.deepEqual(open(t, file).numbers(), [1, 3])
})

test('numbers go on growing after a new start, and after the file was lost', async (t) => {
  const { outbox, file } = open(t)
  const first = outbox.put(event())
  outbox.settle(first)
  await outbox.close()
  const again = open(t, file).outbox
  const second = again.put(event())
  assert.ok(second.sequence > first.sequence)
  await again.close()
  fs.rmSync(file)
  assert.ok(open(t, file).outbox.put(event()).sequence > first.sequence)
})

test('a clock that was set back does not turn the order round', (t) => {
  const { outbox } = open(t)
  const first = outbox.put(event())
  t.mock.method(Date, 'now', () => 1_000)
  assert.equal(outbox.put(event()).sequence, first.sequence + 1)
})

test('a line that was cut off costs only itself', async (t) => {
  const { outbox, file } = open(t)
  outbox.put(event({ n: 1 }))
  await outbox.close()
  fs.appendFileSync(file, '{"put":{"sequence":99')
  const second = open(t, file)
  assert.deepEqual(second.numbers(), [1])
  assert.match(second.logged[0][1], /1 lines of the outbox were cut off/)
  second.outbox.put(event({ n: 2 }))
  await second.outbox.close()
  assert.deepEqual(open(t, file).numbers(), [1, 2])
})

test('the file stays small however much has gone through it', async (t) => {
  const { outbox, file } = open(t)
  outbox.put(event({ n: 'waits' }))
  for (let n = 0; n < 3 * COMPACT_AFTER_LINES; n += 1) outbox.settle(outbox.put(event({ n })))
  await outbox.close()
  assert.ok(fs.readFileSync(file, 'utf8').split('\n').length < 2 * COMPACT_AFTER_LINES)
  assert.deepEqual(open(t, file).numbers(), ['waits'])
})

test('nobody else may read the file, and no code stands in it', async (t) => {
  const { outbox, file } = open(t)
  outbox.put(event({ qr_code: 'data:image/png;base64,KEY', pairing_code: 'ABCD1234' }))
  await outbox.close()
  const again = open(t, file).outbox
  await again.close()
  assert.equal(fs.statSync(file).mode & 0o777, 0o600)
  assert.doesNotMatch(fs.readFileSync(file, 'utf8'), /KEY|ABCD1234/)
})

test('a disk that takes nothing is said once, and what was put can still be sent', async (t) => {
  const { outbox, logged, numbers } = open(t)
  t.mock.method(fs, 'writeSync', () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  })
  outbox.put(event({ n: 1 }))
  outbox.put(event({ n: 2 }))
  assert.deepEqual(numbers(), [1, 2])
  assert.equal(outbox.trouble, 'ENOSPC')
  assert.deepEqual(logged.map(([level]) => level), ['critical'])
})

test('a line of which the disk took half does not spoil the next', async (t) => {
  const { outbox, file, numbers } = open(t)
  const { writeSync } = fs
  const half = t.mock.method(fs, 'writeSync', (fd, text) => writeSync(fd, text, 0, 20))
  outbox.put(event({ n: 1 }))
  half.mock.restore()
  outbox.put(event({ n: 2 }))
  assert.deepEqual(numbers(), [1, 2])
  await outbox.close()
  assert.deepEqual(open(t, file).numbers(), [2])
})

test('a second process is refused while the first runs, and not after a kill -9', async (t) => {
  const file = path.join(directory(t), 'outbox.jsonl')
  const code = `require(${JSON.stringify(require.resolve('../lib/lock'))}).lock(${JSON.stringify(file)}); console.log('held'); setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['-e', code])
  t.after(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  assert.throws(() => lock(file), new RegExp(`process ${holder.pid} uses the outbox`))
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  lock(file)()
  assert.ok(!fs.existsSync(`${file}.lock`))
})

test('a lock whose process number went to another process, or to another host, holds nobody up', (t) => {
  const file = path.join(directory(t), 'outbox.jsonl')
  const holder = { pid: process.ppid, host: require('node:os').hostname(), born: 'another time' }
  for (const left of [holder, { ...holder, host: 'an old container' }]) {
    fs.writeFileSync(`${file}.lock`, JSON.stringify(left))
    lock(file)()
  }
})
