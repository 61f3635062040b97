/** Room for a number of things at a time, first come, first served; the number may change. */

export interface Room {
  /** Resolves when there is room; the result gives it back, once. */
  readonly enter: () => Promise<() => void>
  readonly inside: () => number
}

/** @param most asked each time that somebody might enter */
export function createRoom(most: () => number): Room {
  let inside = 0
  const waiting: (() => void)[] = []

  function admit(): void {
    while (inside < most()) {
      const next = waiting.shift()
      if (next === undefined) return
      inside += 1
      next()
    }
  }

  return {
    enter: () =>
      new Promise((resolve) => {
        waiting.push(() => {
          let left = false
          resolve(() => {
            if (left) return
            left = true
            inside -= 1
            admit()
          })
        })
        admit()
      }),
    inside: () => inside,
  }
}

/** Runs all; the first error is thrown when every one that began has ended. */
export async function eachInRoom<T>(
  room: Room,
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<void> {
  const running: Promise<void>[] = []
  let isFailing = false
  for (const item of items) {
    const leave = await room.enter()
    if (isFailing) {
      leave()
      break
    }
    const one = run(item).finally(leave)
    one.catch(() => {
      isFailing = true
    })
    running.push(one)
  }
  await Promise.allSettled(running)
  await Promise.all(running)
}
