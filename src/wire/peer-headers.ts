/**
 * Headers of an authenticated request between nodes, and of its answer. Lower case, as Node gives.
 */
export const PEER_HEADER = {
  session: 'ais-peer-session',
  sequence: 'ais-peer-sequence',
  epoch: 'ais-peer-epoch',
  /** SHA-256 of the body in hex, or `stream`. */
  digest: 'ais-peer-digest',
  mac: 'ais-peer-mac',
} as const
