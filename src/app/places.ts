/** How much is open at once, for each of many. */
export interface Places {
  /** One more for `key`; undefined when it has as many as it may. Dispose it when it is over. */
  take(key: string): Disposable | undefined
}

export function createPlaces(max: number): Places {
  const taken = new Map<string, number>()
  const add = (key: string, change: number) => {
    const count = (taken.get(key) ?? 0) + change
    if (count > 0) taken.set(key, count)
    else taken.delete(key)
  }
  return {
    take(key) {
      if ((taken.get(key) ?? 0) >= max) return undefined
      add(key, 1)
      let held = true
      return {
        [Symbol.dispose]() {
          if (held) add(key, -1)
          held = false
        },
      }
    },
  }
}
