'use strict'
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { SingleFlight } = require('../lib/single_flight')

test('the same act, asked for twice at once, is done once', async () => {
  const flight = new SingleFlight()
  let count = 0
  const act = async () => (count += 1)
  assert.deepEqual(await Promise.all([flight.run('start', act), flight.run('start', act)]), [1, 1])
  assert.equal(await flight.run('start', act), 2)
})

test('another act waits for the first, also where that fails', async () => {
  const flight = new SingleFlight()
  const done = []
  const first = flight.run('start', async () => {
    await new Promise((resolve) => setImmediate(resolve))
    done.push('start')
    throw new Error('no browser')
  })
  const second = flight.run('stop', async () => done.push('stop'))
  await assert.rejects(first, /no browser/)
  await second
  assert.deepEqual(done, ['start', 'stop'])
  assert.equal(flight.isBusy, false)
})
