/**
 * A question that changes nothing goes to the first gateway; when that one is silent for a while
 * the next is asked, too, and the first answer counts. So a gateway that is dead, frozen or cut off
 * costs a reader a moment and never an error, as long as another one lives.
 */

import type {Failure} from './failures.ts'
import {nobodyAnswers, Unreachable} from './failures.ts'
import type {ClientAnswer, ClientRequest} from './request.ts'

/** Asks one gateway. Rejects with Unreachable when another may be asked. */
export type AskOne = (endpoint: string, signal: AbortSignal) => Promise<ClientAnswer>

/** @throws AisError when no gateway answers */
export function firstAnswer(
  endpoints: readonly string[],
  {request, hedgeMs}: {readonly request: ClientRequest; readonly hedgeMs: number},
  askOne: AskOne,
): Promise<ClientAnswer> {
  return new Promise((resolve, reject) => {
    const over = new AbortController()
    const failures: Failure[] = []
    let next = 0
    let timer: NodeJS.Timeout | undefined
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      settle()
      over.abort()
    }
    const askNext = (): void => {
      clearTimeout(timer)
      const endpoint = endpoints[next++]
      if (endpoint === undefined) return
      if (next < endpoints.length) timer = setTimeout(askNext, hedgeMs)
      askOne(endpoint, over.signal).then(
        (answer) => end(() => resolve(answer)),
        (error: Error) => {
          if (over.signal.aborted) return
          if (!(error instanceof Unreachable)) return end(() => reject(error))
          failures.push({endpoint, error})
          if (failures.length < endpoints.length) return askNext()
          end(() => reject(nobodyAnswers(request, failures)))
        },
      )
    }
    askNext()
  })
}
