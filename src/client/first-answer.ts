/**
 * A question that changes nothing goes to the first gateway; when that one is silent for a while
 * the next is asked, too, and the first answer counts. So a gateway that is dead, frozen or cut off
 * costs a reader a moment and never an error, as long as another one lives.
 */

import {formatDuration} from '../base/units.ts'
import type {Failure} from './failures.ts'
import {nobodyAnswers, Unreachable} from './failures.ts'
import type {ClientAnswer, ClientRequest} from './request.ts'

/** Asks one gateway. Rejects with Unreachable when another may be asked. */
export type AskOne = (endpoint: string, signal: AbortSignal) => Promise<ClientAnswer>

export interface FirstOptions {
  readonly request: ClientRequest
  /** How long a silent gateway keeps the next one from being asked. */
  readonly hedgeMs: number
  /** How long all of it may take. */
  readonly limitMs: number
}

/** @throws AisError when no gateway answers in time */
export function firstAnswer(
  endpoints: readonly string[],
  {request, hedgeMs, limitMs}: FirstOptions,
  askOne: AskOne,
): Promise<ClientAnswer> {
  return new Promise((resolve, reject) => {
    const over = new AbortController()
    const failures: Failure[] = []
    let next = 0
    let hedge: NodeJS.Timeout | undefined
    const end = (settle: () => void): void => {
      clearTimeout(hedge)
      clearTimeout(limit)
      settle()
      over.abort()
    }
    const giveUp = (): void => {
      const asked = endpoints.slice(0, next)
      const silent = asked.filter((one) => !failures.some(({endpoint}) => endpoint === one))
      const all = [...failures, ...silent.map((endpoint) => silence(endpoint, limitMs))]
      end(() => reject(nobodyAnswers(request, all)))
    }
    const limit = setTimeout(giveUp, limitMs)
    const askNext = (): void => {
      clearTimeout(hedge)
      const endpoint = endpoints[next++]
      if (endpoint === undefined) return
      if (next < endpoints.length) hedge = setTimeout(askNext, hedgeMs)
      askOne(endpoint, over.signal).then(
        (answer) => end(() => resolve(answer)),
        (error: Error) => {
          if (over.signal.aborted) return
          if (!(error instanceof Unreachable)) return end(() => reject(error))
          failures.push({endpoint, error})
          if (failures.length === endpoints.length) return giveUp()
          askNext()
        },
      )
    }
    askNext()
  })
}

function silence(endpoint: string, limitMs: number): Failure {
  const message = `no answer within ${formatDuration(limitMs)}`
  return {endpoint, error: new Unreachable(message, {sent: true, silent: true})}
}
