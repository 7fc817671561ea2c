'use strict'
// A gateway's process that is killed: it sends the events that it is told to, on stdin, one a line.

const readline = require('node:readline')
const { createSender } = require('../..')

const sender = createSender()
readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { event, data } = JSON.parse(line)
  const sent = sender.send(event, data)
  process.stdout.write('put\n')
  await sent
})
process.stdout.write('ready\n')
