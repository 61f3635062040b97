/**
 * A cluster made of recorded answers, behind a real HTTP server on the loopback: what the client
 * and the command line are tested against while no daemon is needed. Objects are not stored; every
 * object request is answered as it was recorded, redirects included.
 */

import {readFileSync} from 'node:fs'
import type {IncomingMessage, Server, ServerResponse} from 'node:http'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {fileURLToPath} from 'node:url'
import {isJsonMap} from '../../src/wire/decode.ts'
import type {Json, JsonMap} from '../../src/wire/json.ts'
import {encodeJson, parseJson} from '../../src/wire/json.ts'

interface Exchange {
  readonly key: string
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export interface RecordedCluster {
  readonly url: string
  /** Requests as they arrived: `GET /v1/daemon?what=smap`. */
  readonly seen: readonly string[]
  /** Bodies of the requests, in the same order. */
  readonly bodies: readonly string[]
  /** Answers this instead of what was recorded, the given number of times. */
  fail(status: number, times: number, headers?: Readonly<Record<string, string>>): void
  close(): Promise<void>
}

const FILES = ['node', 'cluster', 'buckets', 'objects']

export async function startRecordedCluster(): Promise<RecordedCluster> {
  const exchanges = new Map(FILES.flatMap(readExchanges).map((one) => [one.key, one] as const))
  const seen: string[] = []
  const bodies: string[] = []
  const failures: (readonly [number, Readonly<Record<string, string>>])[] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      seen.push(`${request.method} ${request.url}`)
      bodies.push(body)
      const failure = failures.shift()
      if (failure !== undefined) return response.writeHead(...failure).end()
      return answer({exchanges, request, response, body, url: urlOf(server)})
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: urlOf(server),
    seen,
    bodies,
    fail: (status, times, headers = {}) => {
      for (let time = 0; time < times; time++) failures.push([status, headers])
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function readExchanges(file: string): readonly Exchange[] {
  const path = new URL(`../compat/fixtures/${file}.json`, import.meta.url)
  const list = parseJson(readFileSync(fileURLToPath(path), 'utf8')) as readonly JsonMap[]
  return list.map(({request, response}) => exchangeOf(request as JsonMap, response as JsonMap))
}

function exchangeOf(request: JsonMap, response: JsonMap): Exchange {
  const pairs = (response['headers'] ?? []) as readonly (readonly [string, string])[]
  const {json, body} = response
  return {
    key: keyOf(String(request['method']), String(request['path']), request['body'] ?? null),
    status: Number(response['status']),
    headers: pairs.filter(([name]) => !/^(content-length|transfer-encoding)$/i.test(name)),
    body: json === undefined ? String(body ?? '') : encodeJson(json),
  }
}

/**
 * Redirect marks differ each time; of a body only its action counts, and whether it names a page.
 */
function keyOf(method: string, path: string, body: Json): string {
  const [plain = '', query = ''] = path.split('?')
  const kept = query.split('&').filter((part) => !/^(pid|utm|presence)=/.test(part))
  const marked = query.includes('pid=') ? ' redirected' : ''
  const action = isJsonMap(body) ? ` ${String(body['action'])}` : ''
  return `${method} ${plain.replace(/\/$/, '')}?${kept.toSorted().join('&')}${action}${marked}`
}

interface Asked {
  readonly exchanges: ReadonlyMap<string, Exchange>
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: string
  readonly url: string
}

function answer({exchanges, request, response, body, url}: Asked): void {
  const {method = 'GET', url: path = ''} = request
  // A list of buckets may be asked for without a body.
  const bare = method === 'GET' && path.startsWith('/v1/buckets?') ? {action: 'list'} : null
  const json = body.startsWith('{') ? parseJson(body) : bare
  const nodeId = request.headers['ais-node-id']
  const found =
    typeof nodeId === 'string'
      ? statusOf(exchanges, nodeId)
      : exchanges.get(keyOf(method, path, json))
  if (found === undefined) {
    const message = encodeJson({message: `not recorded: ${method} ${path}`, status: 404})
    response.writeHead(404, {'content-type': 'application/json'}).end(message)
    return
  }
  for (const [name, value] of found.headers) {
    response.setHeader(name, name === 'Location' ? toSelf(value, url) : value)
  }
  response.writeHead(found.status).end(method === 'HEAD' ? undefined : found.body)
}

/**
 * The recorded status of one node stands for every node of its role, under the asked node's name.
 */
function statusOf(exchanges: ReadonlyMap<string, Exchange>, id: string): Exchange | undefined {
  const role = id.startsWith('p') ? 'proxy' : 'target'
  const statuses = readExchanges('node').filter(({key}) => key.includes('what=node_status'))
  const found = statuses[role === 'proxy' ? 0 : 1]
  const known = role === 'proxy' ? 'pnode0000' : 'tnode0003'
  const smap = exchanges.get('GET /v1/daemon?what=smap')
  if (found === undefined || smap?.body.includes(`"${id}"`) !== true) return undefined
  return {...found, body: found.body.replaceAll(known, id)}
}

function toSelf(location: string, url: string): string {
  const {pathname, search} = new URL(location)
  return `${url}${pathname}${search}`
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
