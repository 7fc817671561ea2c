'use strict'
// A client as whatsapp-web.js shows it: events, a browser, a page. What hangs never answers.

const { EventEmitter } = require('node:events')

const WHATSAPP = 'https://web.whatsapp.com/'

class FakeClient extends EventEmitter {
  constructor() {
    super()
    this.pupBrowser = null
    this.pupPage = null
    this.info = undefined
    this.calls = []
  }

  async initialize() {
    this.calls.push('initialize')
    const page = new EventEmitter()
    Object.assign(page, {
      address: WHATSAPP,
      closed: false,
      url: () => page.address,
      isClosed: () => page.closed,
      mainFrame: () => page,
    })
    const browser = new EventEmitter()
    Object.assign(browser, { hangs: false, version: () => this._answer(browser, 'Chrome/156') })
    Object.assign(page, { hangs: false, state: 'CONNECTED' })
    Object.assign(this, { pupBrowser: browser, pupPage: page })
  }

  getState() {
    return this._answer(this.pupPage, this.pupPage.state)
  }

  async destroy() {
    this.calls.push('destroy')
    this.pupPage.emit('close')
    this.pupBrowser.emit('disconnected')
  }

  async logout() {
    this.calls.push('logout')
    this.pupBrowser.emit('disconnected')
  }

  ready() {
    this.info = { wid: { user: '15550100001' }, platform: 'android' }
    this.emit('authenticated')
    this.emit('ready')
  }

  navigate(address) {
    this.pupPage.address = address
    this.pupPage.emit('framenavigated', this.pupPage)
  }

  _answer(part, value) {
    if (part.hangs) return new Promise(() => {})
    return part.throws ? Promise.reject(part.throws) : Promise.resolve(value)
  }
}

module.exports = { FakeClient, WHATSAPP }
