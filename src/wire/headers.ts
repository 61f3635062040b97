/**
 * Header names, once, and a view of a request's headers that keeps repeated ones apart. HTTP moves
 * bytes: Node shows them as Latin-1, AIStore means UTF-8, so values pass `toWire` and `fromWire`.
 */

/** Names as AIStore writes them; matching ignores case. */
export const HEADER = {
  checksumType: 'Ais-Checksum-Type',
  checksumValue: 'Ais-Checksum-Value',
  atime: 'Ais-Atime',
  version: 'Ais-Version',
  custom: 'Ais-Custom-Md',
  name: 'Ais-Name',
  bucketName: 'Ais-Bucket-Name',
  bucketProvider: 'Ais-Bucket-Provider',
  location: 'Ais-Location',
  mirrorCopies: 'Ais-Mirror-Copies',
  mirrorPaths: 'Ais-Mirror-Paths',
  present: 'Ais-Present',
  bucketProps: 'Ais-Bucket-Props',
  bucketSummary: 'Ais-Bucket-Summ',
  xactionId: 'Ais-Xaction-Id',
  nodeId: 'Ais-Node-Id',
  nodeFlags: 'Ais-Node-Flags',
  nodeUptime: 'Ais-Node-Uptime',
  clusterUptime: 'Ais-Cluster-Uptime',
  error: 'Hdr-Error',
  /** Ours: the code of `base/errors.ts`, so that a client rebuilds the very error. */
  errorCode: 'Ais-Ext-Code',
  /** Ours: the hint of a refusal. */
  errorHint: 'Ais-Ext-Hint',
  /** Ours: facts of a refusal as JSON, such as the operation that is in the way. */
  errorDetails: 'Ais-Ext-Details',
  /** Ours: `stale` on a read that was answered without a lease (DESIGN: leases). */
  degraded: 'Ais-Degraded',
  /** Ours: generation of the version that was read or written. */
  generation: 'Ais-Ext-Gen',
} as const

/** Request headers by lower-case name, values in the order of arrival. */
export type HeaderBag = ReadonlyMap<string, readonly string[]>

/** Collects `[name, value, name, value, …]`, the form of Node's `rawHeaders`. */
export function collectHeaders(raw: readonly string[]): HeaderBag {
  const bag = new Map<string, string[]>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    const values = bag.get(name)
    if (values === undefined) bag.set(name, [fromWire(raw[at + 1] ?? '')])
    else values.push(fromWire(raw[at + 1] ?? ''))
  }
  return bag
}

/** The first value of a header; undefined when it is not there. */
export function firstHeader(bag: HeaderBag, name: string): string | undefined {
  return bag.get(name.toLowerCase())?.[0]
}

/** All values of a header. */
export function allHeaders(bag: HeaderBag, name: string): readonly string[] {
  return bag.get(name.toLowerCase()) ?? []
}

/** A response header. The same name may come several times; order is the order on the wire. */
export type HeaderPair = readonly [name: string, value: string]

/** Pairs in the order of Go's servers: by name. Repeated names keep their order. */
export function sortHeaders(pairs: readonly HeaderPair[]): readonly HeaderPair[] {
  return pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', {fatal: true})

/** A text as the Latin-1 string whose bytes are its UTF-8: what Node must be given. */
export function toWire(text: string): string {
  if (isAscii(text)) return text
  return Array.from(encoder.encode(text), (byte) => String.fromCharCode(byte)).join('')
}

/** The inverse of toWire. Bytes that are no UTF-8 stay as they are. */
export function fromWire(value: string): string {
  if (isAscii(value)) return value
  const bytes = Uint8Array.from(value, (char) => char.charCodeAt(0))
  try {
    return decoder.decode(bytes)
  } catch {
    return value
  }
}

/** Whether a value may stand in a header: no control characters, which could smuggle a line. */
export function isHeaderSafe(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false
  }
  return true
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7e) return false
  return true
}
