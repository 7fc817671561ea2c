'use strict'

const { createSender } = require('./lib/sender')
const { ConfigError } = require('./lib/config')

module.exports = { createSender, ConfigError }
