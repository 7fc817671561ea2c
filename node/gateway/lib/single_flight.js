'use strict'

/** One act at a time; a second call of the same name shares the first one's outcome. */
class SingleFlight {
  constructor() {
    /** @type {Array<{name: string, done: Promise<any>}>} */
    this.flights = []
  }

  get isBusy() {
    return this.flights.length > 0
  }

  /** What is under way. */
  get current() {
    return this.flights[0]
  }

  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  run(name, act) {
    const last = this.flights.at(-1)
    if (last?.name === name) return last.done
    const before = last ? last.done.catch(() => {}) : Promise.resolve()
    const flight = { name, done: before.then(act) }
    this.flights.push(flight)
    const over = () => void this.flights.splice(this.flights.indexOf(flight), 1)
    flight.done.then(over, over)
    return flight.done
  }
}

module.exports = { SingleFlight }
