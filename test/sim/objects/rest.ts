/**
 * When code has come to rest: no promise to settle, no `setImmediate` due, no store being opened.
 * Knows of immediates because it counts them while a world runs; promises and ticks are through
 * when an immediate of its own is.
 */

export interface Rest {
  /** Something was given to code that may go on by itself. */
  readonly stir: () => void
  readonly isStirred: () => boolean
  /** Real work that takes its own time, such as loading WebAssembly: virtual time waits for it. */
  readonly await: (work: Promise<unknown>) => void
  readonly settle: () => Promise<void>
  /** Gives `setImmediate` back. */
  readonly end: () => void
}

type Immediate = typeof setImmediate

export function createRest(): Rest {
  const original = globalThis.setImmediate
  let open = 0
  let stirred = false
  let works: Promise<unknown>[] = []

  const counted = (act: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    open++
    stirred = true
    return original(() => {
      open--
      act(...args)
    })
  }
  globalThis.setImmediate = Object.assign(counted, {
    __promisify__: original.__promisify__,
  }) as Immediate

  const turn = (): Promise<void> => new Promise((resolve) => void original(resolve))

  return {
    stir: () => {
      stirred = true
    },
    isStirred: () => stirred,
    await: (work) => {
      stirred = true
      works.push(work)
    },
    settle: async () => {
      do {
        const waiting = works
        works = []
        await Promise.allSettled(waiting)
        await turn()
      } while (open > 0 || works.length > 0)
      stirred = false
    },
    end: () => {
      globalThis.setImmediate = original
    },
  }
}
