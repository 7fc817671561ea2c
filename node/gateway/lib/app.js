'use strict'
// The REST contract of the Node service.

const { randomUUID, createHash, timingSafeEqual } = require('node:crypto')
const express = require('express')
const { within } = require('./deadline')

const BOOT_ID = randomUUID()
const SEND_MS = 15_000

/** @param {{config: any, sessions: import('./sessions').Sessions, rollcall: any, log: (level: any, text: string) => void}} parts */
function createApp({ config, sessions, rollcall, log }) {
  const app = express()
  app.disable('x-powered-by')
  app.get('/health', (_, response) => void response.json(health(sessions, rollcall)))
  app.use(express.json({ limit: '100kb' }))
  app.use(requireKey(config.apiKey))

  app.get('/api/sessions', (_, response) => {
    const list = sessions.list()
    response.json({ success: true, sessions: list, total: list.length, boot_id: BOOT_ID, uptime: process.uptime() })
  })
  const create = async (/** @type {any} */ request, /** @type {any} */ response) => {
    const { session_id, workspace_id } = request.body ?? {}
    const session = sessions.hold(session_id, workspace_id)
    await session.start()
    response.json({ success: true, session_id: session.id, status: session.status() })
  }
  app.post('/api/sessions', create)
  app.post('/api/sessions/create', create)
  const restart = async (/** @type {any} */ request, /** @type {any} */ response) => {
    const session = sessions.hold(request.params.id, request.body?.workspace_id)
    await session.restart()
    response.json({ success: true, session_id: session.id, status: session.status() })
  }
  for (const verb of ['reconnect', 'regenerate-qr', 'restore']) app.post(`/api/sessions/:id/${verb}`, restart)
  app.post('/api/sessions/:id/stop', async (request, response) => {
    const wasHeld = Boolean(sessions.get(request.params.id))
    await sessions.stop(request.params.id)
    response.json({ success: true, message: 'Session stopped, login kept', alreadyDisconnected: !wasHeld })
  })
  app.delete('/api/sessions/:id', async (request, response) => {
    const wasHeld = Boolean(sessions.get(request.params.id))
    await sessions.unlink(request.params.id, request.body?.workspace_id)
    response.json({ success: true, message: 'Session unlinked, login deleted', alreadyDisconnected: !wasHeld })
  })
  app.get('/api/sessions/:id/status', (request, response) => {
    const session = sessions.get(request.params.id)
    if (!session) return notFound(response)
    response.json({ ...session.describe(), last_activity: session.lastActivity })
  })
  app.post('/api/sessions/:id/pairing-code', async (request, response) => {
    const session = sessions.get(request.params.id)
    if (!session) return notFound(response)
    const phoneNumber = digits(request.body?.phone_number)
    if (!phoneNumber) return void response.status(400).json({ error: 'phone_number must have 7 to 15 digits' })
    if (session.status() !== 'qr_scanning') {
      return void response.status(409).json({ error: 'the session does not wait to be linked' })
    }
    response.json({ success: true, session_id: session.id, pairing_code: await session.pairingCode(phoneNumber) })
  })
  app.get('/api/messages/:id/validate', async (request, response) => {
    const session = sessions.get(request.params.id)
    if (!session) return notFound(response)
    await session.probe()
    const isHealthy = session.status() === 'connected'
    const recommendations = isHealthy ? [] : [session.trouble() || 'link the session first']
    response.json({ success: true, session_id: session.id, status: session.status(), can_send: isHealthy, is_healthy: isHealthy, recommendations })
  })
  app.post('/api/messages/send', async (request, response) => {
    const { session_id, recipient_phone, message } = request.body ?? {}
    const session = sessions.get(String(session_id))
    if (!session) return notFound(response)
    await session.probe()
    const trouble = session.trouble()
    if (trouble) return void response.status(500).json({ error: trouble })
    // Asked by Rollcall only to see whether the page lives: WhatsApp is not bothered with it.
    const recipient = digits(recipient_phone)
    if (!recipient) return void response.status(500).json({ error: 'recipient_phone must have 7 to 15 digits' })
    const sent = await within(session.client.sendMessage(`${recipient}@c.us`, String(message ?? '')), SEND_MS, 'Runtime.callFunctionOn timed out')
    response.json({ success: true, session_id: session.id, message_id: sent?.id?._serialized ?? null })
  })
  app.use((_, response) => void response.status(404).json({ error: 'nothing is here' }))
  app.use(answerError(log))
  return app
}

function health(/** @type {import('./sessions').Sessions} */ sessions, /** @type {any} */ rollcall) {
  const states = sessions.list().map(({ status }) => status)
  const connected = states.filter((status) => status === 'connected').length
  const { heapUsed, rss } = process.memoryUsage()
  const memory = { used: Math.round(heapUsed / 2 ** 20), total: Math.round(rss / 2 ** 20), unit: 'MB' }
  const webhooks = rollcall.health()
  return {
    status: 'healthy',
    uptime: process.uptime(),
    boot_id: BOOT_ID,
    sessions: { total: states.length, connected, disconnected: states.length - connected },
    webhooks: { ok: webhooks.ok, state: webhooks.route.state, waiting: webhooks.queue.waiting },
    memory,
    timestamp: new Date().toISOString(),
  }
}

/** In the header, in the query or in the body: callers differ. */
function requireKey(/** @type {string} */ key) {
  const hashed = (/** @type {string} */ text) => createHash('sha256').update(text).digest()
  const right = hashed(key)
  return (/** @type {any} */ request, /** @type {any} */ response, /** @type {() => void} */ next) => {
    const given = request.get('X-API-Key') ?? request.query.api_key ?? request.body?.api_key
    if (typeof given === 'string' && timingSafeEqual(hashed(given), right)) return next()
    response.status(401).json({ error: 'Invalid API key' })
  }
}

/** The first line only, and of a failed parse not even that: it may quote the body. */
function answerError(/** @type {(level: any, text: string) => void} */ log) {
  return (/** @type {any} */ error, /** @type {any} */ request, /** @type {any} */ response, /** @type {any} */ _next) => {
    const status = error instanceof RangeError ? 400 : (error.status ?? 500)
    const text = error.type ? 'the body is not a JSON object of at most 100 kB' : String(error.message).split('\n')[0].slice(0, 300)
    if (status >= 500) log('error', `${request.method} ${request.path}: ${text}`)
    response.status(status).json({ error: text })
  }
}

const notFound = (/** @type {any} */ response) => void response.status(404).json({ error: 'Session not found' })

function digits(/** @type {unknown} */ given) {
  const text = String(given ?? '').replace(/[+\s-]/g, '')
  return /^\d{7,15}$/.test(text) ? text : ''
}

module.exports = { createApp, BOOT_ID }
