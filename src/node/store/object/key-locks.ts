/**
 * One writer per key at a time, in order of arrival. A lock that is free costs no promise and no
 * turn of the event loop. Waiters are bounded by the requests in flight.
 */

export interface KeyLocks {
  /** Runs `task` when the key is free; it must call `release` exactly once. */
  readonly run: (key: string, task: (release: () => void) => void) => void
  /** Waits until all who hold or wait for a lock now have released it. */
  readonly drain: (done: () => void) => void
}

export function createKeyLocks(): KeyLocks {
  const held = new Map<string, ((release: () => void) => void)[]>()

  function start(key: string, task: (release: () => void) => void): void {
    task(() => {
      const waiting = held.get(key)
      const next = waiting?.shift()
      if (next === undefined) held.delete(key)
      else start(key, next)
    })
  }

  function run(key: string, task: (release: () => void) => void): void {
    const waiting = held.get(key)
    if (waiting !== undefined) {
      waiting.push(task)
      return
    }
    held.set(key, [])
    start(key, task)
  }

  return {
    run,
    drain: (done) => {
      const keys = [...held.keys()]
      let left = keys.length
      if (left === 0) return done()
      for (const key of keys) {
        run(key, (release) => {
          release()
          left -= 1
          if (left === 0) done()
        })
      }
    },
  }
}
