/** The same on many hosts: commands, files, journals. */

import {existsSync, readFileSync, readdirSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {eventsBetween, pastEvents, type ClusterMoment} from '../../src/client/events.ts'
import {execOnHosts, worstStatus} from '../../src/ops/across/exec.ts'
import {pullFromHosts, pushToHosts} from '../../src/ops/across/files.ts'
import {namedHosts} from '../../src/ops/across/hosts.ts'
import {logLine} from '../../src/ops/across/logs.ts'
import type {NodeId} from '../../src/model/ids.ts'
import type {Fleet} from '../../src/ops/fleet.ts'
import type {Host} from '../../src/ops/host/host.ts'
import {localHost} from '../../src/ops/host/local-host.ts'
import {verifiedUnit} from '../../src/ops/across/units.ts'
import {nodesOf} from '../../src/ops/topology/resolve.ts'
import {topologyOf} from '../helpers/ops/sample-topology.ts'

/** This machine under the names of the sample's hosts, without root. */
function localFleet(): Fleet {
  const topology = topologyOf()
  const host = (name: string): Host => {
    const local = localHost(name)
    if (name !== 'h1' && name !== 'h2') throw new Error(`no host ${name}`)
    return {...local, run: (command) => local.run({...command, asRoot: false})}
  }
  return {topology, host, enter: () => undefined, close: () => Promise.resolve()}
}

t.test('hosts are named, or all of them, and never guessed', (t) => {
  const topology = topologyOf()
  t.strictSame(namedHosts(topology, [], true), ['h1', 'h2'])
  t.strictSame(namedHosts(topology, ['h2', 'h2'], false), ['h2'])
  t.throws(() => namedHosts(topology, [], false), {code: 'USAGE'})
  t.throws(() => namedHosts(topology, ['h1'], true), {code: 'USAGE'})
  t.throws(() => namedHosts(topology, ['h9'], false), {code: 'NOT_FOUND'})
  t.end()
})

t.test(
  'a command runs on every host, its lines are told apart, and the worst status counts',
  async (t) => {
    const lines: string[] = []
    const base = {hosts: ['h1', 'h2'], asRoot: false, parallel: 1, timeoutMs: 10_000}
    const onLine = (host: string, line: string, stream: string): number =>
      lines.push(`${host} ${stream} ${line}`)
    const done = await execOnHosts(localFleet(), {
      ...base,
      command: ['cat; echo no >&2; exit 3'],
      input: Buffer.from('hidden\n'),
      onLine,
    })
    t.strictSame(lines.toSorted(), [
      'h1 stderr no',
      'h1 stdout hidden',
      'h2 stderr no',
      'h2 stdout hidden',
    ])
    t.equal(worstStatus(done), 3)
    const words = await execOnHosts(localFleet(), {
      ...base,
      command: ['echo', '$HOME; x'],
      onLine: () => undefined,
    })
    t.equal(words[0]?.result?.stdout, '$HOME; x\n', 'several words never meet a shell')
    const lost = new AisError({code: 'UNREACHABLE', message: 'h1: gone'})
    t.equal(worstStatus([...done, {host: 'h9', error: lost}]), 255)
  },
)

t.test('a file arrives whole and takes the place of the old one', async (t) => {
  const dir = t.testdir({file: 'new', there: {old: 'old'}})
  const path = join(dir, 'there/old')
  const {uid, gid} = statSync(path)
  const push = {
    hosts: ['h1'],
    file: join(dir, 'file'),
    path,
    mode: '0640',
    owner: `${uid}:${gid}`,
    parallel: 2,
  }
  const [done] = await pushToHosts(localFleet(), push)
  t.match(done, {host: 'h1', result: {bytes: 3}})
  t.equal(readFileSync(path, 'utf8'), 'new')
  t.equal(statSync(path).mode & 0o777, 0o640)
  const [refused] = await pushToHosts(localFleet(), {...push, path: join(dir, 'there')})
  t.match(refused?.error?.message, 'is a directory')
  t.strictSame(readdirSync(join(dir, 'there')), ['old'], 'nothing is left behind')
  await t.rejects(pushToHosts(localFleet(), {...push, path: 'relative'}), {code: 'USAGE'})
  await t.rejects(pushToHosts(localFleet(), {...push, file: join(dir, 'none')}), {
    code: 'NOT_FOUND',
  })
})

t.test(
  'a file of many lines comes back byte for byte, and a missing one leaves nothing',
  async (t) => {
    const dir = t.testdir({})
    const bytes = Buffer.from(Array.from({length: 100_001}, (_, index) => (index * 7) % 256))
    writeFileSync(join(dir, 'blob'), bytes)
    const pull = {
      hosts: ['h1', 'h2'],
      path: join(dir, 'blob'),
      directory: join(dir, 'out'),
      parallel: 2,
    }
    const done = await pullFromHosts(localFleet(), pull)
    t.strictSame(
      done.map(({host, result}) => [host, result?.bytes]),
      [
        ['h1', 100_001],
        ['h2', 100_001],
      ],
    )
    t.ok(readFileSync(join(dir, 'out/h2/blob')).equals(bytes))
    const [none] = await pullFromHosts(localFleet(), {
      ...pull,
      hosts: ['h1'],
      path: join(dir, 'none'),
    })
    t.match(none?.error?.message, 'h1: pull of')
    t.notOk(existsSync(join(dir, 'out/h1/none')) || existsSync(join(dir, 'out/h1/none.aisctl')))
  },
)

t.test('a line of a journal says who, when and what, whoever wrote it', (t) => {
  const of = (fields: object): unknown =>
    logLine('h1', JSON.stringify({__REALTIME_TIMESTAMP: '1795303810387138', ...fields}))[0]
  t.match(
    of({
      MESSAGE: 'Started.',
      UNIT: 'aisnode@target.service',
      PRIORITY: '6',
      SYSLOG_IDENTIFIER: 'systemd',
    }),
    {
      atMs: 1_795_303_810_387.138,
      instance: 'target',
      level: 'info',
      from: 'systemd',
      text: 'Started.',
    },
  )
  const said = JSON.stringify({level: 'warn', time: 'x', thread: 'main', epoch: 2, msg: 'voted'})
  t.match(of({MESSAGE: said, _SYSTEMD_UNIT: 'aisnode@target-2.service', PRIORITY: '6'}), {
    instance: 'target-2',
    level: 'warn',
    from: 'main',
    text: 'voted (epoch=2)',
  })
  t.strictSame(logLine('h1', '-- No entries --'), [])
  t.end()
})

const id = (text: string): NodeId => text as NodeId

t.test('what happens to a cluster is told once, whoever tells it', (t) => {
  const note = {
    epoch: 1,
    primary: id('p1'),
    before: '' as const,
    reason: 'founded' as const,
    votes: 1,
    voters: 1,
    tookMs: 1,
    atMs: 10,
  }
  const member = {
    id: id('t1'),
    role: 'target' as const,
    flags: 0,
    inc: 1,
    learner: false,
    away: null,
    speaks: [1, 1] as const,
  }
  const ports = {
    public: {host: 'a', port: 1},
    control: {host: 'a', port: 2},
    data: {host: 'a', port: 3},
  }
  const empty: ClusterMoment = {
    elections: [note],
    members: [{...member, ...ports}],
    op: null,
    rebalances: [],
  }
  const running = {
    id: 'g1',
    state: 'running' as const,
    entry: 2,
    beganMs: 20,
    endedMs: null,
    nodes: [],
  }
  const texts = (before: ClusterMoment, after: ClusterMoment): string[] =>
    eventsBetween(before, after, 99).map(({atMs, kind, text}) => `${atMs} ${kind} ${text}`)
  t.strictSame(texts(empty, empty), [])
  t.match(pastEvents(empty), [
    {atMs: 10, text: 'p[p1] is primary of epoch 1: founded, 1 of 1 votes'},
  ])
  const away = {...member, ...ports, away: {kind: 'lost' as const, sinceMs: 1}}
  const later: ClusterMoment = {
    elections: [
      note,
      {...note, epoch: 2, primary: id('p2'), before: id('p1'), reason: 'silent', atMs: 30},
    ],
    members: [away, {...member, ...ports, id: id('t2'), learner: true}],
    op: {
      id: 'm5',
      action: 'decommission-node',
      nodes: [id('t1')],
      phase: 'moving',
      rmUserData: false,
      keepInitialConfig: false,
      noShutdown: false,
    },
    rebalances: [running],
  }
  t.strictSame(texts(empty, later), [
    '20 rebalance rebalance g1 has begun',
    '30 election p[p2] is primary of epoch 2 after p[p1]: silent, 1 of 1 votes',
    '99 member t[t1] is lost, was active',
    '99 member t[t2] has joined (joining)',
    '99 operation decommission-node m5 of t1: moving',
  ])
  const end = {
    ...later,
    op: null,
    members: [away],
    rebalances: [{...running, state: 'finished' as const, endedMs: 50}],
  }
  t.strictSame(texts(later, end), [
    '50 rebalance rebalance g1 has ended: finished, 0 objects moved',
    '99 member t[t2] has left',
    '99 operation decommission-node m5 has ended',
  ])
  t.end()
})

t.test('a unit is judged by systemd, by what is shipped, and by what its process has', (t) => {
  const [node] = nodesOf(topologyOf())
  if (node === undefined) return t.fail('the sample has nodes')
  const said = (changes: Readonly<Record<string, string>> = {}): string => {
    const lines = {
      'verify': '0',
      'exposure': '1.3',
      'Restart': 'on-failure',
      'WatchdogUSec': '30s',
      'LimitNOFILE': '1048576',
      'NeedDaemonReload': 'no',
      'UnitFileState': 'enabled',
      'DropInPaths': '/etc/systemd/system/aisnode@proxy.service.d/50-aisctl.conf',
      'open-files': '1048576',
      ...changes,
    }
    const texts = Object.entries(lines).map(
      ([key, value]) => `${key} aisnode@proxy.service ${value}`,
    )
    return ['hash - abc', ...texts, 'done - yes'].join('\n')
  }
  t.match(verifiedUnit(node, said(), 'abc'), {
    problems: [],
    notes: [],
    exposure: 1.3,
    enabled: 'enabled',
  })
  const wrong = said({
    'verify': '1',
    'said': 'Unknown key',
    'exposure': '9.6',
    'NeedDaemonReload': 'yes',
    'open-files': '20000',
  })
  const {problems, notes} = verifiedUnit(node, wrong, 'def')
  t.match(problems, ['Unknown key', /is not the one/, /daemon-reload/, /exposure is 9.6/])
  t.match(notes, [/has 20000/])
  return t.end()
})
