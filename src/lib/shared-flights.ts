/**
 * One answer for all who ask the same at once. Nobody gets an answer that was begun before they asked:
 * who comes while one is under way shares the next. So a key has one under way at a time, and however
 * many ask, two begin in the time of one.
 */
export class SharedFlights {
  readonly #boarding = new Map<string, Promise<unknown>>()
  readonly #underWay = new Map<string, Promise<unknown>>()

  share<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#boarding.get(key)
    if (known) return known as Promise<T>
    const flight: Promise<T> = this.#fly(key, ask, () => flight)
    this.#boarding.set(key, flight)
    return flight
  }

  async #fly<T>(key: string, ask: () => Promise<T>, own: () => Promise<T>): Promise<T> {
    await this.#underWay.get(key)?.catch(() => {})
    // All whom one event has woken come within this turn of the event loop.
    await new Promise(setImmediate)
    const flight = own()
    this.#boarding.delete(key)
    this.#underWay.set(key, flight)
    try {
      return await ask()
    } finally {
      if (this.#underWay.get(key) === flight) this.#underWay.delete(key)
    }
  }
}
