/**
 * A small HTTP/1.1 client over kept-alive sockets, for load: it costs a fraction of node:http, so
 * that what is measured is the server. One request at a time per connection, redirects followed at
 * most three hops, bodies counted and dropped unless asked for. Not a general client: it knows
 * Content-Length and chunked bodies, and nothing else.
 */

import {connect, type Socket} from 'node:net'

/** What a request may carry. */
export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH'
  /** Path with query, as it goes on the wire. */
  readonly path: string
  readonly body?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Return the body's bytes; otherwise only their count. */
  readonly keepBody?: boolean
}

export interface Answer {
  readonly status: number
  readonly location: string | null
  readonly bytes: number
  readonly body: Buffer | null
  readonly hops: number
  /** The server closes the connection after this answer. */
  readonly last: boolean
}

/** Sockets of one worker, one per server, opened when first used. */
export interface Client {
  ask(endpoint: string, ask: Ask): Promise<Answer>
  close(): void
}

const HOPS_MAX = 3
/** From here on a body is not sent before the server wants it: a gateway redirects instead. */
const EXPECT_BYTES_MIN = 1024 * 1024
/** What one read takes at most. */
const READ_BYTES = 256 * 1024
/** Without a byte for this long a server hangs. */
const SILENCE_MS = 30_000

/**
 * A client of its own: nothing is shared between two of them.
 * @param hopsMax redirects that are followed
 */
export function createClient(hopsMax = HOPS_MAX): Client {
  const connections = new Map<string, Connection>()
  const connectionTo = (endpoint: string): Connection => {
    const known = connections.get(endpoint)
    if (known !== undefined && !known.closed) return known
    const fresh = openConnection(endpoint)
    connections.set(endpoint, fresh)
    return fresh
  }
  const follow = async (endpoint: string, ask: Ask, hops: number): Promise<Answer> => {
    const answer = await connectionTo(endpoint).ask(endpoint, ask, hops)
    if (answer.location === null || hops === hopsMax) return answer
    const {host, path} = splitUrl(answer.location)
    return follow(host, {...ask, path}, hops + 1)
  }
  return {
    ask: (endpoint, ask) => follow(endpoint, ask, 0),
    close() {
      for (const connection of connections.values()) connection.close()
    },
  }
}

/** Of `http://host:port/path`, without the cost of a whole parser per request. */
function splitUrl(url: string): {host: string; path: string} {
  const start = url.indexOf('//') + 2
  const slash = url.indexOf('/', start)
  return {host: url.slice(start, slash), path: url.slice(slash)}
}

interface Connection {
  readonly closed: boolean
  ask(endpoint: string, ask: Ask, hops: number): Promise<Answer>
  close(): void
}

/** What a connection is waiting for. */
interface Pending {
  readonly ask: Ask
  readonly hops: number
  resolve(answer: Answer): void
  reject(error: Error): void
}

function openConnection(endpoint: string): Connection {
  const colon = endpoint.lastIndexOf(':')
  const host = endpoint.slice(0, colon).replaceAll(/^\[|\]$/g, '')
  const read = (bytes: Buffer): void => {
    if (pending === null) return fail('answers without being asked')
    const answer = parser.push(bytes, pending)
    if (answer === 'continue') socket.write(pending.ask.body ?? '')
    if (answer === null || answer === 'continue') return
    const {resolve} = pending
    pending = null
    parser = createParser()
    if (answer.last) {
      closed = true
      socket.end()
    }
    resolve(answer)
  }
  const socket = connect({
    host,
    port: Number(endpoint.slice(colon + 1)),
    noDelay: true,
    // One buffer that is used again: large bodies cost one copy by the kernel and nothing else.
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (count, buffer) => {
        read((buffer as Buffer).subarray(0, count))
        return true
      },
    },
  })
  let pending: Pending | null = null
  let parser = createParser()
  let closed = false
  const fail = (reason: string): void => {
    closed = true
    socket.destroy()
    pending?.reject(new Error(`${endpoint}: ${reason}`))
    pending = null
  }
  socket.setTimeout(SILENCE_MS, () => fail('silent'))
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => fail('closed'))
  return {
    get closed() {
      return closed
    },
    ask(host, ask, hops) {
      return new Promise((resolve, reject) => {
        pending = {ask, hops, resolve, reject}
        send(socket, host, ask)
      })
    },
    close() {
      closed = true
      socket.destroy()
    },
  }
}

function send(socket: Socket, host: string, ask: Ask): void {
  const headers = Object.entries(ask.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`)
  const length = ask.body === undefined ? '' : `Content-Length: ${ask.body.length}\r\n`
  const large = ask.body !== undefined && ask.body.length >= EXPECT_BYTES_MIN
  if (large) headers.push('Expect: 100-continue\r\n')
  const start = `${ask.method} ${ask.path} HTTP/1.1\r\nHost: ${host}\r\n${length}${headers.join('')}\r\n`
  if (ask.body === undefined || ask.body.length === 0 || large) {
    socket.write(start)
    return
  }
  const bytes = Buffer.allocUnsafe(start.length + ask.body.length)
  bytes.write(start, 'latin1')
  bytes.set(ask.body, start.length)
  socket.write(bytes)
}

interface Parser {
  /** The answer when it is complete, or that the server wants the body. */
  push(chunk: Buffer, pending: Pending): Answer | 'continue' | null
}

interface Head {
  readonly status: number
  readonly location: string | null
  /** Bytes of the body, or null when it is chunked. */
  readonly length: number | null
  readonly last: boolean
}

function createParser(): Parser {
  let before: Buffer = Buffer.alloc(0)
  let head: Head | null = null
  let bytes = 0
  const kept: Buffer[] = []
  let chunks = createDechunker()
  const body = (chunk: Buffer, pending: Pending): Answer | null => {
    if (head === null) return null
    const data = head.length === null ? chunks.push(chunk) : chunk
    bytes += data.length
    if (pending.ask.keepBody === true) kept.push(Buffer.from(data))
    const done = head.length === null ? chunks.ended() : bytes >= head.length
    if (!done) return null
    const {status, location, last} = head
    const whole = pending.ask.keepBody === true ? Buffer.concat(kept) : null
    return {status, location, bytes, body: whole, hops: pending.hops, last}
  }
  return {
    push(chunk, pending) {
      if (head !== null) return body(chunk, pending)
      const all = before.length === 0 ? chunk : Buffer.concat([before, chunk])
      const end = all.indexOf('\r\n\r\n')
      // What stays is copied: the chunk lies in a buffer that is read into again.
      if (end === -1) {
        before = Buffer.from(all)
        return null
      }
      const text = all.toString('latin1', 0, end)
      const rest = all.subarray(end + 4)
      if (text.startsWith('HTTP/1.1 100')) {
        before = Buffer.from(rest)
        return 'continue'
      }
      head = readHead(text, pending.ask.method)
      chunks = createDechunker()
      return body(rest, pending)
    },
  }
}

function readHead(text: string, method: string): Head {
  const status = Number(text.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
  const chunked = /\r\ntransfer-encoding: *chunked/i.test(text)
  const empty = method === 'HEAD' || status === 204 || status === 304
  const redirect = status === 301 || status === 302 || status === 307 || status === 308
  const location = redirect ? (/\r\nlocation: *([^\r\n]+)/i.exec(text)?.[1] ?? null) : null
  const last = /\r\nconnection: *close/i.test(text)
  if (empty) return {status, location, length: 0, last}
  return {status, location, length: chunked ? null : Number(length ?? 0), last}
}

interface Dechunker {
  push(chunk: Buffer): Buffer
  ended(): boolean
}

/** Chunked bodies, as lists are sent. */
function createDechunker(): Dechunker {
  let rest: Buffer = Buffer.alloc(0)
  let over = false
  return {
    push(chunk) {
      // A copy: the chunk lies in a buffer that is read into again.
      rest = Buffer.concat([rest, chunk])
      const parts: Buffer[] = []
      for (;;) {
        const line = rest.indexOf('\r\n')
        if (line === -1) return Buffer.concat(parts)
        const size = Number.parseInt(rest.toString('latin1', 0, line), 16)
        if (rest.length < line + 2 + size + 2) return Buffer.concat(parts)
        if (size === 0) {
          over = true
          return Buffer.concat(parts)
        }
        parts.push(rest.subarray(line + 2, line + 2 + size))
        rest = rest.subarray(line + 2 + size + 2)
      }
    },
    ended: () => over,
  }
}
