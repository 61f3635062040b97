/** Commands of operators: many at once, and the primary's office handed on. */

import {setTimeout as sleep} from 'node:timers/promises'
import {action, nowMs, request} from '../stage/http.ts'
import {makeBody, sha256} from '../stage/ledger.ts'
import {bucketsAt, describe, newPrimary, type Play, primaryOf, whole} from '../stage/play.ts'
import {gatewaysBut} from '../stage/stage.ts'
import {eventually, expectReads, inRounds, reign, type Scenario} from './scenario.ts'

const AT_ONCE = 20
const ANSWERED_MS_MAX = 10_000
const SAME_MS_MAX = 5000
const GIVE_UP_MS = 30_000

export const adminScenarios: readonly Scenario[] = [
  {
    name: 'administrators',
    title: '26: twenty administrators at once: each is answered, and one order explains the end',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, play.longRun ? 10 : 1, (number) => administrators(play, number)),
  },
  {
    name: 'set-primary',
    title: '38a: the office is handed on by a request to its next holder, and no request fails',
    on: 'hosts',
    long: false,
    run: (play) => inRounds(play, play.longRun ? 5 : 2, () => handOn(play)),
  },
  {
    name: 'missed',
    title: '38b: a target that missed a bucket and the making anew of another knows both at once',
    on: 'hosts',
    long: false,
    run: missed,
  },
]

async function administrators(play: Play, round: number): Promise<readonly string[]> {
  const {stage, checks, load} = play
  const gateways = gatewaysBut(stage)
  const heirs = stage.nodes.filter(({role}) => role === 'proxy')
  const sinceMs = nowMs()
  const key = `contested-${round}-${Math.floor(sinceMs)}`
  const answers = await Promise.all(
    Array.from({length: AT_ONCE}, async (_, number) => {
      const gateway = gateways[number % gateways.length] ?? ''
      const bucket = `/v1/buckets/${key}`
      const heir = heirs[Math.floor(number / 4) % heirs.length]?.id ?? ''
      const content = number % 4 === 1 ? 'bucket' : number % 4 === 2 ? null : undefined
      const ask =
        content === undefined
          ? ({method: 'PUT', path: `/v1/cluster/proxy/${heir}`} as const)
          : content === null
            ? action('DELETE', bucket, {action: 'destroy-bck'})
            : action('POST', bucket, {action: 'create-bck'})
      const reply = await request(gateway, ask, GIVE_UP_MS)
      const {status, startMs, endMs} = reply
      const outcome =
        status === 200 ? 'acknowledged' : status >= 400 && status < 500 ? 'refused' : 'unknown'
      if (content !== undefined) {
        load.buckets.note({by: `admin ${number}`, key, content, startMs, endMs, outcome})
      }
      return reply
    }),
  )
  const slowest = Math.max(...answers.map(({startMs, endMs}) => endMs - startMs))
  checks.measure('slowest answer ms', slowest)
  checks.expect(slowest <= ANSWERED_MS_MAX, 'nobody waits longer than ten seconds', slowest)
  const strange = answers.filter(({status}) => ![200, 404, 409, 503].includes(status))
  checks.expect(
    strange.length === 0,
    'each is done or told why not',
    strange.map(({status, text}) => `${status} ${text}`),
  )
  const back = await whole(play, GIVE_UP_MS)
  checks.expect(back !== undefined, 'one primary in the end', describe(play.watch, stage))
  return []
}

async function handOn(play: Play): Promise<readonly string[]> {
  const {stage, checks, load} = play
  const {primary, heirs} = reign(play)
  // Not the next in line: an order, and no election.
  const heir = heirs.at(-1)
  if (heir === undefined) throw new Error('one gateway only')
  load.use(gatewaysBut(stage))
  const ask = {method: 'PUT', path: `/v1/cluster/proxy/${heir.id}`} as const
  const reply = await request(heir.endpoint, ask, GIVE_UP_MS)
  checks.expect(reply.status === 200, 'the request is granted', `${reply.status} ${reply.text}`)
  checks.measure('answered ms', reply.endMs - reply.startMs)
  const next = await newPrimary(play, stage.nodes, [primary.id], GIVE_UP_MS)
  checks.expect(next?.value.primary === heir.id, `${heir.id} leads`, describe(play.watch, stage))
  const tookMs = (next?.atMs ?? Number.POSITIVE_INFINITY) - reply.startMs
  checks.measure('all on the new record ms', tookMs)
  checks.expect(tookMs <= SAME_MS_MAX, 'all nodes follow soon', `${tookMs} ms`)
  await sleep(500)
  expectReads(play, reply.startMs)
  const refused = [
    ...load.failuresOf('write', reply.startMs),
    ...load.failuresOf('admin', reply.startMs),
  ]
  checks.expect(refused.length === 0, 'no change is refused', refused.slice(0, 3))
  return []
}

async function missed(play: Play): Promise<readonly string[]> {
  const {stage, checks} = play
  const primary = primaryOf(play)
  const target = stage.nodes.findLast(({role}) => role === 'target')
  const [gateway = ''] = gatewaysBut(stage, [primary.id])
  if (target === undefined) throw new Error('a cluster without targets')
  const stamp = Math.floor(nowMs())
  const [fresh, anew] = [`missed-${stamp}`, `anew-${stamp}`]
  const change = async (method: 'POST' | 'DELETE', name: string, what: string): Promise<void> => {
    const reply = await request(gateway, action(method, `/v1/buckets/${name}`, {action: what}))
    checks.expect(reply.status === 200, `${what} ${name}`, `${reply.status} ${reply.text}`)
  }
  await change('POST', anew, 'create-bck')
  const names = Array.from({length: 24}, (_, number) => `/v1/objects/${anew}/old-${number}`)
  const {body} = makeBody(512)
  for (const path of names) {
    const put = (): Promise<boolean> =>
      request(gateway, {method: 'PUT', path, body}).then(({status}) => status === 200)
    checks.expect(await eventually(put, GIVE_UP_MS), `${path} is stored`)
  }
  await stage.stop(target)
  await change('POST', fresh, 'create-bck')
  await change('DELETE', anew, 'destroy-bck')
  await change('POST', anew, 'create-bck')
  const startMs = nowMs()
  await stage.start([target])
  await whole(play)
  const known = await bucketsAt(target)
  checks.expect(known?.has(fresh) === true, 'it knows the bucket that it missed', [
    ...(known ?? []),
  ])
  checks.measure('back ms', nowMs() - startMs)
  for (const path of names) {
    // 503 while ownership changes; what was there before must never come.
    let status = 503
    const answered = async (): Promise<boolean> => {
      ;({status} = await request(gateway, {method: 'GET', path}))
      return status !== 503
    }
    await eventually(answered, GIVE_UP_MS)
    checks.expect(status === 404, `${path} is not there any more`, status)
  }
  const path = `/v1/objects/${fresh}/new`
  const put = await request(gateway, {method: 'PUT', path, body})
  const got = await request(gateway, {method: 'GET', path})
  const same = got.status === 200 && sha256(got.body) === sha256(body)
  checks.expect(put.status === 200 && same, 'the new bucket serves', `${put.status} ${got.status}`)
  await change('DELETE', fresh, 'destroy-bck')
  await change('DELETE', anew, 'destroy-bck')
  return [target.id]
}
