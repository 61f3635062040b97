/**
 * A page of 1,000 names out of 1,000,000: the first and the last, at a gateway that merges four
 * targets. The objects are empty and stored through the cluster as any others, relaxed.
 */

import {createClient, type Client} from './http-client.ts'
import {quantile, runLoad} from './load.ts'
import {makeBucket, type Playground} from './playground.ts'
import {judge, type Row} from './row.ts'

const NAMES = Number(process.env['BENCH_LIST_NAMES'] ?? 1_000_000)
const PAGE = 1000
const ROUNDS = 15
const GOAL_MS = 100
const BUCKET = 'names'

/** Rows for the first and the last page. */
export async function listRows(playground: Playground): Promise<readonly Row[]> {
  const [first = ''] = playground.gateways
  await makeBucket(playground, BUCKET, 'relaxed')
  const filled = await runLoad({
    method: 'PUT',
    endpoints: playground.gateways,
    prefix: `/v1/objects/${BUCKET}/name-`,
    query: 'provider=ais',
    names: NAMES,
    sizeBytes: 0,
    operations: NAMES,
    connections: 32,
    threads: 2,
  })
  if (filled.failed > 0) throw new Error(`${filled.failed} failed: ${filled.firstFailure}`)
  const client = createClient()
  try {
    const last = lastToken()
    return [await pageRow(client, first, 'first', ''), await pageRow(client, first, 'last', last)]
  } finally {
    client.close()
  }
}

/** The name before the last page, in byte order: names are numbers of different lengths. */
function lastToken(): string {
  const names = Array.from({length: NAMES}, (_, number) => `name-${number}`).sort()
  return names[NAMES - PAGE - 1] ?? ''
}

async function pageRow(
  client: Client,
  gateway: string,
  which: 'first' | 'last',
  token: string,
): Promise<Row> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now()
    const entries = await page(client, gateway, token)
    times.push(performance.now() - startMs)
    if (entries !== PAGE) throw new Error(`the ${which} page has ${entries} names`)
  }
  times.sort((a, b) => a - b)
  return judge({
    metric: `${which} page of ${PAGE} out of ${NAMES} names`,
    unit: 'ms',
    value: quantile(times, 0.5),
    n: ROUNDS,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    goal: `value<=${GOAL_MS}`,
  })
}

async function page(client: Client, gateway: string, token: string): Promise<number> {
  const value = {pagesize: PAGE, continuation_token: token, props: 'name'}
  const body = Buffer.from(JSON.stringify({action: 'list', name: '', value}))
  const path = `/v1/buckets/${BUCKET}?provider=ais`
  const headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
  const answer = await client.ask(gateway, {method: 'GET', path, body, headers, keepBody: true})
  if (answer.status !== 200 || answer.body === null) throw new Error(`list: ${answer.status}`)
  const {entries} = JSON.parse(answer.body.toString()) as {entries?: readonly unknown[]}
  return entries?.length ?? 0
}
