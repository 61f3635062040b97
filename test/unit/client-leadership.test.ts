/** Who leads, as the tool asks, shows, hands over and recovers it: against pretended nodes. */

import t from 'tap'
import type {Test} from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {leaderlessLines, REASONS} from '../../src/cli/render/leader-view.ts'
import {plain} from '../../src/cli/render/paint.ts'
import {pictureLines, planLines} from '../../src/cli/render/recovery-view.ts'
import {clusterPage, rolePage} from '../../src/cli/show/cluster-page.ts'
import {electionsPage} from '../../src/cli/show/elections-page.ts'
import {smapPage} from '../../src/cli/show/smap-page.ts'
import type {ClusterClient} from '../../src/client/cluster.ts'
import {openCluster} from '../../src/client/cluster.ts'
import {failBack} from '../../src/client/failback.ts'
import {recover} from '../../src/client/recover.ts'
import {gatherRecovery, nodeIn} from '../../src/client/recovery-picture.ts'
import type {RecoveryPlan} from '../../src/client/recovery-plan.ts'
import {planRecovery} from '../../src/client/recovery-plan.ts'
import {gatherOverview} from '../../src/client/overview.ts'
import {presentText, survivalOf} from '../../src/client/survival.ts'
import type {NodeId} from '../../src/model/ids.ts'
import {isRefusal} from '../../src/model/ids.ts'
import {NODE_FLAG} from '../../src/model/node.ts'
import type {ElectionNote} from '../../src/model/record.ts'
import {resilienceOf} from '../../src/model/resilience.ts'
import type {LeaderCluster, LeaderClusterOptions} from '../helpers/leader-cluster.ts'
import {startLeaderCluster} from '../helpers/leader-cluster.ts'
import {startRecordedCluster} from '../helpers/recorded-cluster.ts'

interface Stage {
  readonly cluster: LeaderCluster
  readonly client: ClusterClient
}

async function stage(
  t: Test,
  options: LeaderClusterOptions = {gateways: 3, targets: 4},
): Promise<Stage> {
  const cluster = await startLeaderCluster(options)
  t.teardown(() => cluster.close())
  const endpoints = cluster.nodes.filter(({role}) => role === 'proxy').map(({url}) => url)
  return {cluster, client: openCluster({endpoints, patienceMs: 300})}
}

/** These nodes are gone; the others hear no primary. */
async function lose({cluster}: Stage, ids: readonly string[]): Promise<void> {
  for (const id of ids) await cluster.node(id).stop()
  for (const node of cluster.nodes) node.live = false
}

const LOST = ['gateway1', 'target01', 'target02', 'target03']

async function failure(promise: Promise<unknown>): Promise<AisError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof AisError) return error
    throw error
  }
  throw new Error('it did not fail')
}

const NOW = Date.UTC(2026, 10, 21, 17)

const NOTES: readonly ElectionNote[] = [
  {
    epoch: 1,
    primary: 'gateway2' as NodeId,
    before: '',
    reason: 'founded',
    votes: 4,
    voters: 7,
    tookMs: 21,
    atMs: Date.UTC(2025, 11, 31, 23, 59, 58),
  },
  {
    epoch: 7,
    primary: 'gateway1' as NodeId,
    before: 'gateway2' as NodeId,
    reason: 'silent',
    votes: 5,
    voters: 7,
    tookMs: 512,
    atMs: Date.UTC(2026, 10, 21, 16, 0, 3),
  },
]

t.test('the history of elections is a table, with how it stands now below it', async (t) => {
  const {cluster, client} = await stage(t)
  cluster.elections = NOTES
  const {lines, json} = await electionsPage(client, {paint: plain, nowMs: NOW})
  t.strictSame(lines, [
    'EPOCH  WHEN (UTC)           PRIMARY      BEFORE       REASON      VOTES   TOOK',
    '1      2025-12-31 23:59:58  p[gateway2]  -            founded     4 of 7  21ms',
    '7      11-21 16:00:03       p[gateway1]  p[gateway2]  was silent  5 of 7  512ms',
    '',
    'Primary p[gateway1][P], epoch 7 · 7 of 7 voters up, 4 needed · any 2 more may fail · another primary can be elected',
  ])
  t.match(json, {live: true, elections: [{}, {took_ms: 512}], resilience: {spare: 2, needed: 4}})
})

t.test('every reason has a word that fits its column, and what it means', (t) => {
  for (const {word, means} of Object.values(REASONS)) {
    t.ok(word.length <= 12, word)
    t.ok(means.length > 10 && means.length < 62, means)
  }
  t.end()
})

t.test('a cluster that keeps no history is told apart from one without a primary', async (t) => {
  const recorded = await startRecordedCluster()
  t.teardown(() => recorded.close())
  const client = openCluster({endpoints: [recorded.url]})
  const error = await failure(electionsPage(client, {paint: plain, nowMs: NOW}))
  t.match(error, {code: 'UNSUPPORTED', message: /does not tell of its elections/})
  const {leader, nodes} = await gatherOverview(client)
  t.equal(leader, null)
  t.equal(nodes[0]?.isPrimary, true, 'the map alone says who leads')
})

t.test('the primary, the non-electable and the inactive are marked', async (t) => {
  const {cluster, client} = await stage(t)
  const third = cluster.node('gateway3')
  third.member = {...third.member, flags: NODE_FLAG.nonElectable}
  const lost = cluster.node('target04')
  lost.member = {...lost.member, away: {kind: 'lost', sinceMs: 1}}
  const {lines, json} = await clusterPage(client, plain)
  const text = lines.join('\n')
  for (const cell of ['p[gateway1][P] ', 'p[gateway2] ', 'p[gateway3][n/e] ', 't[target04][x] ']) {
    t.ok(text.includes(`\n${cell}`), cell)
  }
  t.match(text, /Proxies: +3 \(1 non-electable\)/)
  t.match(
    text,
    /Resilience: +6 of 7 voters up, 4 needed · any 1 more may fail · another primary can be/,
  )
  t.match(json, {leader: {live: true, primary: 'gateway1'}, resilience: {spare: 1}})
  t.ok((await smapPage(client, undefined)).lines.join('\n').includes('\np[gateway3][n/e] '))
})

t.test('without a primary it is said since when, and that one will be elected', async (t) => {
  const set = await stage(t)
  await lose(set, ['gateway1'])
  set.cluster.node('gateway2').waiting = 'asks for votes in epoch 8: 3 of 7 so far'
  const {lines} = await clusterPage(set.client, plain)
  const at = lines.findIndex((line) => line.startsWith('No primary'))
  t.strictSame(lines.slice(at, at + 4), [
    'No primary at present, since 2026-11-21 17:00:00 UTC: nothing can be changed. The last one was p[gateway1].',
    '   p[gateway2] asks for votes in epoch 8: 3 of 7 so far',
    '   6 of 7 voters answer, 4 are needed: one will be elected by itself.',
    '',
  ])
  t.notOk(lines.some((line) => line.includes('[P]')))
  t.match(lines.at(-1), /Primary \(Smap\): +none at present/)
})

t.test('a recovery is spoken of only where no majority can come by itself', async (t) => {
  const set = await stage(t)
  await lose(set, LOST)
  const lines = leaderlessLines(await gatherOverview(set.client), plain)
  t.strictSame(lines.slice(1), [
    '   3 of 7 voters answer, 4 are needed. Start what is missing: p[gateway1], t[target01], t[target02], t[target03].',
    '   Only if too many of them will never come back: aisctl cluster recover',
    '',
  ])
  const page = await electionsPage(set.client, {paint: plain, nowMs: NOW})
  t.match(page.lines.join('\n'), /No primary at present.*\n.*4 are needed/)
})

t.test('a primary without a majority is not taken for one that works', async (t) => {
  const set = await stage(t)
  for (const id of LOST.slice(1)) await set.cluster.node(id).stop()
  await set.cluster.node('target04').stop()
  set.cluster.node('gateway1').live = false
  const lines = leaderlessLines(await gatherOverview(set.client), plain)
  t.match(lines[0], /^No majority at present: p\[gateway1\] can change nothing\.$/)
  t.match(lines[1], /3 of 7 voters answer, 4 are needed\. Start what is missing: t\[target01\]/)
  const plan = await planned(set)
  t.equal(plan.leader.id, 'gateway1', 'the others hear it: it is the one to recover with')
})

t.test('where one gateway alone may lead, that one is waited for', async (t) => {
  const set = await stage(t, {gateways: 2, targets: 1})
  const second = set.cluster.node('gateway2')
  second.member = {...second.member, flags: NODE_FLAG.nonElectable}
  await lose(set, ['gateway1'])
  const lines = leaderlessLines(await gatherOverview(set.client), plain)
  t.match(lines[1], /p\[gateway1\] alone may lead, and it does not answer/)
  const both = await stage(t, {gateways: 2, targets: 3})
  await lose(both, ['gateway1', 'gateway2'])
  const client = openCluster({endpoints: [both.cluster.node('target01').url], patienceMs: 100})
  const overview = await gatherOverview(client)
  t.match(leaderlessLines(overview, plain)[1], /No gateway that may lead answers/)
})

t.test('a gateway that is cut off does not have the last word on who leads', async (t) => {
  const {cluster, client} = await stage(t)
  Object.assign(cluster.node('gateway1'), {live: false})
  for (const node of cluster.nodes.slice(1)) {
    Object.assign(node, {primary: 'gateway2', committed: {epoch: 8, index: 124}})
  }
  const {leader, nodes} = await gatherOverview(client)
  t.match(leader, {node: 'gateway2', live: true, epoch: 8})
  t.strictSame(
    nodes.filter(({isPrimary}) => isPrimary).map(({member}) => member.id),
    ['gateway2'],
  )
  const page = await rolePage(client, 'proxy', {node: undefined, paint: plain})
  t.match(page.lines[2], /^p\[gateway2\]\[P\]/)
})

t.test('a failback names who led before, and ends when every gateway follows', async (t) => {
  const {cluster, client} = await stage(t)
  cluster.onSetPrimary = (id) => {
    for (const node of cluster.nodes) if (node.id !== 'gateway3') node.primary = id
    return undefined
  }
  const told: string[] = []
  const done = await failBack(client, {
    node: 'p[gateway2]',
    timeoutMs: 20_000,
    onProgress: (text) => {
      told.push(text)
      if (text === '2 of 3 gateways follow') cluster.node('gateway3').primary = 'gateway2'
    },
  })
  t.match(done, {primary: 'gateway2', before: 'gateway1', changed: true})
  t.strictSame(
    done.gateways.map(({id, names}) => `${id} ${names}`),
    ['gateway1 gateway2', 'gateway2 gateway2', 'gateway3 gateway2'],
  )
  t.strictSame(cluster.orders, ['set-primary gateway2 at gateway1'])
  t.ok(told.includes('2 of 3 gateways follow'))
  const again = await failBack(client, {node: 'gateway2', timeoutMs: 20_000})
  t.match(again, {changed: false, tookMs: 0})
  t.equal(cluster.orders.length, 1, 'nothing is ordered when it leads already')
})

t.test('a gateway that is cut off does not make a failback seem done', async (t) => {
  const {cluster, client} = await stage(t)
  cluster.node('gateway1').live = false
  for (const node of cluster.nodes.slice(1)) node.primary = 'gateway2'
  const done = await failBack(client, {node: 'gateway1', timeoutMs: 20_000})
  t.match(done, {primary: 'gateway1', before: 'gateway2', changed: true})
  for (const node of cluster.nodes) node.live = false
  const told: string[] = []
  const options = {
    node: 'gateway3',
    timeoutMs: 20_000,
    onProgress: (text: string) => void told.push(text),
  }
  await failBack(client, options)
  t.equal(told[0], 'there is no primary at present: waiting for one')
})

t.test('a gateway that is off is not waited for, and is named', async (t) => {
  const {cluster, client} = await stage(t)
  await cluster.node('gateway3').stop()
  const {gateways} = await failBack(client, {node: 'gateway2', timeoutMs: 20_000})
  t.strictSame(gateways[2], {id: 'gateway3', names: null})
})

t.test('a gateway that goes on naming another makes a failback fail', async (t) => {
  const {cluster, client} = await stage(t)
  cluster.onSetPrimary = (id) => {
    for (const node of cluster.nodes) if (node.id !== 'gateway3') node.primary = id
    return undefined
  }
  const error = await failure(failBack(client, {node: 'gateway2', timeoutMs: 200}))
  t.match(error, {code: 'TIMED_OUT', exit: 7, message: /p\[gateway3\] names p\[gateway1\]/})
})

t.test('an order of unknown outcome is settled by what the gateways say', async (t) => {
  const {cluster, client} = await stage(t)
  const carryOut = cluster.onSetPrimary
  cluster.onSetPrimary = (id) => {
    carryOut(id)
    return 'OUTCOME_UNKNOWN'
  }
  t.match(await failBack(client, {node: 'gateway2', timeoutMs: 20_000}), {primary: 'gateway2'})
  cluster.onSetPrimary = () => 'OUTCOME_UNKNOWN'
  const error = await failure(failBack(client, {node: 'gateway3', timeoutMs: 200}))
  t.match(error, {code: 'OUTCOME_UNKNOWN', exit: 5, message: /names p\[gateway2\]/})
  cluster.onSetPrimary = () => {
    for (const node of cluster.nodes) node.committed = {epoch: 9, index: 130}
    return 'OUTCOME_UNKNOWN'
  }
  t.match(await failure(failBack(client, {node: 'gateway3', timeoutMs: 20_000})), {
    code: 'REFUSED',
    message: 'p[gateway3] has not taken office; p[gateway2] leads, epoch 9',
  })
  cluster.onSetPrimary = () => 'REFUSED'
  t.equal((await failure(failBack(client, {node: 'gateway3', timeoutMs: 200}))).exit, 4)
  t.equal(cluster.orders.length, 4, 'each was sent once')
})

t.test('who cannot lead is refused with the reason, and who could is named', async (t) => {
  const {cluster, client} = await stage(t, {gateways: 4, targets: 2})
  const flagged = (id: string, flags: number): void => {
    cluster.node(id).member = {...cluster.node(id).member, flags}
  }
  const reason = async (node: string): Promise<string> => {
    const error = await failure(failBack(client, {node, timeoutMs: 200}))
    t.equal(error.code, 'REFUSED', node)
    t.match(error.hint, /^these can lead: p\[gateway2\], .*p\[gateway4\]$/)
    return error.message
  }
  t.match(await reason('target01'), /^t\[target01\] is a target: only a gateway can be primary/)
  flagged('gateway3', NODE_FLAG.nonElectable)
  t.match(await reason('gateway3'), /non-electable: it never leads; nothing was changed/)
  flagged('gateway3', NODE_FLAG.maintenance)
  t.match(await reason('gateway3'), /is in maintenance/)
  flagged('gateway3', NODE_FLAG.decommission)
  t.match(await reason('gateway3'), /is being decommissioned/)
  flagged('gateway3', 0)
  const third = cluster.node('gateway3')
  third.member = {...third.member, learner: true}
  t.match(await reason('gateway3'), /has not been taken in yet/)
  third.member = {...third.member, learner: false, away: {kind: 'lost', sinceMs: 1}}
  t.match(await reason('gateway3'), /is lost: it cannot take office/)
  t.equal((await failure(failBack(client, {node: 'gate', timeoutMs: 9}))).code, 'USAGE')
  t.equal((await failure(failBack(client, {node: 'none', timeoutMs: 9}))).code, 'NODE_NOT_FOUND')
  t.strictSame(cluster.orders, [])
})

async function planned(set: Stage, wanted: readonly string[] = []): Promise<RecoveryPlan> {
  const plan = planRecovery(await gatherRecovery(set.client), wanted)
  if (isRefusal(plan)) throw new AisError(plan)
  return plan
}

t.test('a recovery shows what it takes, who leads, who is dropped and what is lost', async (t) => {
  const set = await stage(t)
  await lose(set, LOST)
  set.cluster.node('gateway3').accepted = {epoch: 7, index: 124}
  set.cluster.node('gateway3').promisedEpoch = 9
  const picture = await gatherRecovery(set.client)
  const plan = await planned(set)
  t.match(plan, {
    leader: {id: 'gateway3'},
    survivors: ['gateway2', 'gateway3', 'target04'],
    voters: 7,
    needed: 4,
    record: {epoch: 7, index: 124},
    epoch: 1009,
    mayLose: true,
  })
  t.strictSame(pictureLines(picture, plan).slice(0, 4), [
    'NODE         ANSWERS  VOTE   ACCEPTED  COMMITTED  OBJECTS',
    'p[gateway1]  no       loses  -         -          -',
    'p[gateway2]  yes      stays  7.123     7.123      -',
    'p[gateway3]  yes      stays  7.124     7.123      -',
  ])
  t.match(pictureLines(picture, null)[2], /^p\[gateway2\] +yes +yes/)
  t.strictSame(planLines(plan), [
    '3 of 7 voters answer, 4 are needed: no majority.',
    '',
    'Takes:  record 7.124, held by 1 of 3 survivors (gateway3 first):',
    '        members, buckets and settings as they stand there',
    'Leads:  p[gateway3], in epoch 1009 or later',
    'Drops:  p[gateway1], t[target01], t[target02], t[target03]',
    '        from the vote. Nothing is removed: who comes back is taken in again.',
    'Loses:  changes after record 7.124, if there were any that 4 of the 4 dropped',
    '        nodes acknowledged among themselves: buckets, settings, members',
    '        about 36,000 objects of t[target01], t[target02], t[target03]',
    '        answer 503 until these are back (counted by the average of the others)',
  ])
})

t.test('half of the voters hold every acknowledged change', async (t) => {
  const set = await stage(t, {gateways: 2, targets: 2})
  await lose(set, ['gateway1', 'target01'])
  const plan = await planned(set)
  t.equal(plan.mayLose, false)
  t.match(planLines(plan).join('\n'), /Loses: {2}no acknowledged change: any 3 of 4 voters/)
})

t.test('a recovery is ordered once, and ends when the survivors follow', async (t) => {
  const set = await stage(t)
  await lose(set, LOST)
  const plan = await planned(set)
  const done = await recover(set.client, plan, {timeoutMs: 20_000})
  t.match(done, {primary: 'gateway2', epoch: 1007, index: 124})
  t.strictSame(set.cluster.orders, [
    'recover cluster-of-leaders at gateway2: gateway2 gateway3 target04',
  ])
})

t.test('a recovery that not all survivors follow has failed', async (t) => {
  const set = await stage(t)
  await lose(set, LOST)
  const plan = await planned(set)
  set.cluster.onRecover = (at) => {
    Object.assign(at, {primary: at.id, live: true, accepted: {epoch: 1007, index: 124}})
    return undefined
  }
  const error = await failure(recover(set.client, plan, {timeoutMs: 100}))
  t.match(error, {code: 'TIMED_OUT', message: /gateway3 follows gateway1; target04 follows/})
  set.cluster.onRecover = () => 'OUTCOME_UNKNOWN'
  t.equal((await failure(recover(set.client, plan, {timeoutMs: 100}))).code, 'OUTCOME_UNKNOWN')
  set.cluster.onRecover = () => 'REFUSED'
  t.equal((await failure(recover(set.client, plan, {timeoutMs: 100}))).code, 'REFUSED')
})

t.test('no recovery while it could make two leaders', async (t) => {
  const set = await stage(t)
  const why = async (wanted: readonly string[] = []): Promise<string> =>
    (await failure(planned(set, wanted))).message
  t.match(await why(), /^p\[gateway1\] leads the cluster; nothing was changed/)
  await set.cluster.node('gateway1').stop()
  t.match(await why(), /hears the primary p\[gateway1\]/)
  await lose(set, [])
  t.match(await why(), /a majority lives: 6 of 7 voters answer; it elects a primary by itself/)
  await lose(set, LOST.slice(1))
  t.match(await why(['gateway2', 'target04']), /^p\[gateway3\] would be dropped .* and answers/)
  t.match(await why(['gateway1', 'gateway2']), /^gateway1 cannot survive: it does not answer/)
  for (const id of ['gateway2', 'gateway3']) {
    const node = set.cluster.node(id)
    node.member = {...node.member, flags: NODE_FLAG.nonElectable}
  }
  await set.cluster.node('target04').stop()
  t.match(await why(), /no gateway that may lead is among the survivors/)
})

t.test(
  'a node that has lost its memory does not count, and does not stop a recovery',
  async (t) => {
    const set = await stage(t)
    await lose(set, LOST.slice(0, 3))
    const third = set.cluster.node('target03')
    third.member = {...third.member, inc: 2}
    const plan = await planned(set)
    t.notOk(plan.survivors.includes('target03'))
    const dropped = plan.dropped.find(({id}) => id === 'target03')
    t.match(dropped, {problem: /another incarnation/})
  },
)

t.test('a survivor is named as people type it, and never guessed', async (t) => {
  const {client} = await stage(t)
  const picture = await gatherRecovery(client)
  t.equal(nodeIn(picture, 't[target01]'), 'target01')
  t.equal(nodeIn(picture, 'gateway3'), 'gateway3')
  t.throws(() => nodeIn(picture, 'target'), {code: 'USAGE', message: /means several nodes/})
  t.throws(() => nodeIn(picture, 'x'), {code: 'NODE_NOT_FOUND', hint: /the nodes are: gateway1/})
})

t.test('a node that only another can reach still answers', async (t) => {
  const set = await stage(t)
  const client = openCluster({endpoints: [set.cluster.node('gateway2').url], patienceMs: 100})
  const {nodes} = await gatherRecovery(client)
  t.equal(nodes.filter(({answer}) => answer !== null).length, 7)
})

t.test('nodes of two clusters are not recovered as one', async (t) => {
  const set = await stage(t)
  set.cluster.node('gateway3').uuid = 'another-one'
  t.match(await failure(gatherRecovery(set.client)), {code: 'WRONG_CLUSTER', exit: 4})
  set.cluster.node('gateway3').uuid = 'cluster-of-leaders'
  t.match(await failure(gatherRecovery(set.client, 'yet-another')), {code: 'WRONG_CLUSTER'})
  for (const node of set.cluster.nodes) node.uuid = ''
  t.match(await failure(gatherRecovery(set.client)), {code: 'REFUSED'})
  for (const node of set.cluster.nodes) await node.stop()
  t.match(await failure(gatherRecovery(set.client)), {
    code: 'UNREACHABLE',
    message: /^no gateway answers \(http:/,
  })
})

t.test('what a cluster survives is said for every shape that surprises', (t) => {
  const shape = (gateways: number, targets: number, excluded = 0) => [
    ...Array.from({length: gateways}, (_, at) => ({
      id: `gateway${at + 1}`,
      role: 'proxy' as const,
      electable: at < gateways - excluded,
    })),
    ...Array.from({length: targets}, (_, at) => ({
      id: `target0${at + 1}`,
      role: 'target' as const,
      electable: false,
    })),
  ]
  const three = survivalOf(shape(3, 4))
  t.match(three.cluster, /^Any 2 of the 7 nodes may fail at a time: a gateway takes over/)
  t.match(three.buckets, /^Every bucket survives 0 target failures: objects have one copy/)
  t.equal(three.warning, null)
  const one = survivalOf(shape(1, 2))
  t.match(one.cluster, /survives no failure of p\[gateway1\], which alone may lead; targets may/)
  t.match(one.warning, {what: /there is one gateway/, why: /nobody is served/})
  const excluded = survivalOf(shape(3, 0, 2))
  t.match(excluded.warning, {what: /one of 3 gateways may lead/, why: /nothing can be changed/})
  t.match(excluded.buckets, /There is no target/)
  const two = survivalOf(shape(2, 0))
  t.match(two.cluster, /survives no failure: changes need 2 of its 2 nodes/)
  t.match(two.warning, {what: /no failover, and no change while one is off/})
  const odd = survivalOf(shape(2, 1))
  t.match(odd.cluster, /^Any one of the 3 nodes/)
  t.match(odd.warning, {what: /two gateways may lead/})
  t.match(survivalOf(shape(1, 1, 1)).cluster, /cannot begin/)
  t.end()
})

t.test('what fails is a host, where some carry several nodes', (t) => {
  const on = (host: string, role: 'proxy' | 'target', number: number) => ({
    id: `${role}${number}-${host}`,
    role,
    electable: role === 'proxy',
    host,
  })
  const both = (host: string) => [on(host, 'proxy', 1), on(host, 'target', 1)]
  const three = survivalOf(['h1', 'h2', 'h3'].flatMap(both))
  t.match(three.cluster, /^Any one of the 3 hosts may fail at a time: /)
  t.equal(three.warning, null)
  const five = survivalOf(['h1', 'h2', 'h3', 'h4', 'h5'].flatMap(both))
  t.match(five.cluster, /^Any 2 of the 5 hosts may fail/)
  const oneBox = [1, 2, 3].map((number) => on('h1', 'proxy', number))
  const heavy = survivalOf([
    ...oneBox,
    ...['h2', 'h3', 'h4', 'h5'].map((host) => on(host, 'target', 1)),
  ])
  t.match(heavy.cluster, /^Any 2 of the 7 nodes may fail at a time, but not host h1: /)
  t.match(heavy.warning, {what: /^without host h1 nothing can be changed/})
  const two = survivalOf([...both('h1'), ...both('h2')])
  t.match(two.warning, {what: /^without host h1 or h2 nothing can be changed/})
  t.end()
})

t.test('how it stands now is said in one line', async (t) => {
  const {cluster} = await stage(t, {gateways: 3, targets: 4})
  const members = cluster.nodes.map(({member}) => member)
  const text = (...down: readonly string[]): string =>
    presentText(
      members,
      resilienceOf(members, {primary: members[0]?.id ?? null, down: new Set(down)}),
    )
  t.match(
    text('gateway1', 'gateway2'),
    /^5 of 7 voters up, 4 needed · one more failure may stop changes · another primary/,
  )
  t.match(text('gateway2', 'gateway3'), / · no other primary can be elected$/)
  t.match(text('gateway1', 'gateway2', 'gateway3'), /^frozen: no gateway that may lead is up/)
  t.match(text(...LOST), /^frozen: 3 of 7 voters up, 4 needed, nothing can be changed$/)
})
