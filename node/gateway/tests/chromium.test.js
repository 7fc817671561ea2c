'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { processesOf, endProcessesOf } = require('../lib/chromium')

const PROFILE = `/nowhere/${process.pid}/session-1`

/** A process with a Chromium's arguments; like one it leads a group of its own. */
async function one(t, words, { isDeaf = false } = {}) {
  const code = `${isDeaf ? "process.on('SIGTERM', () => {});" : ''} console.log('up'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-e', code, '--', ...words], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const end = once(child, 'exit')
  return { pid: child.pid, child, end }
}

test('the processes of a profile are found, its children too, and of no other', async (t) => {
  const main = await one(t, ['--headless', `--user-data-dir=${PROFILE}`, 'about:blank'])
  const child = await one(t, [`chrome --type=renderer --user-data-dir=${PROFILE} --lang=en`])
  await one(t, [`--user-data-dir=${PROFILE}0`])
  await one(t, [`--other-dir=${PROFILE}`])
  const found = processesOf(PROFILE).sort((a, b) => Number(b.isMain) - Number(a.isMain))
  assert.equal(found.length, 2)
  assert.deepEqual(found.map(({ pid }) => pid), [main.pid, child.pid])
})

test('a left-over is asked to end', async (t) => {
  const { end } = await one(t, [`--user-data-dir=${PROFILE}`])
  assert.equal(await endProcessesOf(PROFILE), 1)
  assert.deepEqual(await end, [null, 'SIGTERM'])
})

for (const [how, prepare] of [
  ['does not listen', { isDeaf: true }],
  ['is stopped', {}],
]) {
  test(`a left-over that ${how} is ended by force`, async (t) => {
    const { child, end } = await one(t, [`--user-data-dir=${PROFILE}`], prepare)
    if (how === 'is stopped') child.kill('SIGSTOP')
    await endProcessesOf(PROFILE)
    assert.deepEqual(processesOf(PROFILE), [])
    await end
  })
}

test('nothing is nobody’s', async () => {
  assert.equal(await endProcessesOf(PROFILE), 0)
})
