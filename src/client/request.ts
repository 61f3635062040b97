/** One request of the control plane and its answer, as values. */

import type {HeaderBag} from '../wire/headers.ts'

export interface ClientRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** Begins with `/v1/`; already percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** JSON text, sent as it is. With neither: no body. */
  readonly body?: string
  readonly timeoutMs?: number
  /** The only node that may answer, by its public URL. Absent: any gateway. */
  readonly at?: string
  /** Attempts while the cluster says 503; 1 = none is repeated. Default: within the patience. */
  readonly attempts?: number
}

export interface ClientAnswer {
  readonly status: number
  readonly headers: HeaderBag
  readonly text: string
  /** The gateway that answered. */
  readonly endpoint: string
}
