/**
 * What the runner asks of the worker inside the lab's network, and what that answers. Types only.
 */

export type WorkerOrder =
  | {
      readonly do: 'write'
      /** `host:port` of gateways, used in turn. */
      readonly gateways: readonly string[]
      readonly bucket: string
      /** Names are PREFIX/000000 and on. */
      readonly prefix: string
      readonly count: number
      readonly bytesMax: number
      /** File that gets a line for each acknowledged object, at once. */
      readonly journal: string
      readonly forMs: number
    }
  | {
      readonly do: 'verify'
      readonly gateways: readonly string[]
      readonly bucket: string
      readonly journal: string
      /** How long objects may be out of reach. */
      readonly forMs: number
      /** Compare the list, too; it is refused while a disk is away. */
      readonly list: boolean
    }
  | {readonly do: 'maps'; readonly gateways: readonly string[]}

/** One acknowledged object: what the cluster promised to keep. */
export interface Acknowledged {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

export interface Written {
  readonly acknowledged: number
  /** Tries that were not acknowledged. */
  readonly failures: number
}

/** Names of acknowledged objects that are not as they should be. */
export interface Verdict {
  readonly acknowledged: number
  readonly notFound: readonly string[]
  readonly outOfReach: readonly string[]
  readonly wrong: readonly string[]
  readonly unlisted: readonly string[]
}

/** One entry per gateway that answered. */
export type Maps = readonly {
  readonly uuid: string
  readonly version: number
  readonly nodes: readonly string[]
  readonly away: readonly string[]
}[]
