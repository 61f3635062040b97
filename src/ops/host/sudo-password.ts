/**
 * One sudo password for many hosts: asked once, proven on one host before any other tries it. Hosts
 * may share an account, and a wrong password tried on all of them at once would lock it.
 */

import {AisError} from '../../base/errors.ts'

export interface SudoPassword {
  /**
   * The password; waits while the first host still tries it. @throws AisError when that one refused
   * it
   */
  get(): Promise<string>
  accepted(): void
  refused(): void
}

/** @param ask asks the person; called at most once */
export function sudoPassword(ask: () => Promise<string>): SudoPassword {
  const proof = Promise.withResolvers<void>()
  // Who waits for it hears of a refusal; nobody may be waiting.
  proof.promise.catch(() => undefined)
  let answer: Promise<string> | undefined
  return {
    get: async () => {
      if (answer === undefined) return (answer = ask())
      const password = await answer
      await proof.promise
      return password
    },
    accepted: () => proof.resolve(),
    refused: () =>
      proof.reject(
        new AisError({
          code: 'HOST_AUTH',
          message: 'another host refused the sudo password; it was not tried here',
        }),
      ),
  }
}
