/**
 * Topologies, manifests, plans, checks, and what is run on hosts: the real script in a scratch
 * root.
 */

import {spawnSync} from 'node:child_process'
import {createHmac} from 'node:crypto'
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {Readable} from 'node:stream'
import {gzipSync} from 'node:zlib'
import t from 'tap'
import {AisError} from '../../src/base/errors.ts'
import {parseNodeFile} from '../../src/model/config/node-file.ts'
import {isRefusal} from '../../src/model/ids.ts'
import {findProblems} from '../../src/ops/check/findings.ts'
import {stateToSave} from '../../src/ops/deploy/deployment.ts'
import {entryLines, parseReport} from '../../src/ops/host/apply.ts'
import {parseFacts, readFacts, type HostFacts} from '../../src/ops/host/facts.ts'
import {
  addKnownHost,
  compareKnown,
  comparePin,
  fingerprint,
  keyType,
  knownKeys,
  knownNames,
} from '../../src/ops/host/known-hosts.ts'
import {localHost} from '../../src/ops/host/local-host.ts'
import {dropIn, mountUnitName, nodeFileOf} from '../../src/ops/host/unit-files.ts'
import {cleanLine, collectOutput} from '../../src/ops/host/output.ts'
import {shellLine} from '../../src/ops/host/quote.ts'
import {sha256} from '../../src/ops/host/manifest.ts'
import {runScript} from '../../src/ops/host/script.ts'
import {parseJump, sshTarget} from '../../src/ops/host/ssh-config.ts'
import type {Plan, Step} from '../../src/ops/plan/plan.ts'
import {previewPlan} from '../../src/ops/plan/preview.ts'
import {planError, runPlan} from '../../src/ops/plan/run.ts'
import {unitFiles} from '../../src/ops/payload/package-root.ts'
import {formatSavedState, parseSavedState} from '../../src/ops/site/site.ts'
import {findNode, findNodes} from '../../src/ops/topology/find-node.ts'
import {checkImmutable} from '../../src/ops/topology/immutable.ts'
import {readTopology} from '../../src/ops/topology/read.ts'
import {founderOf, nodesOf, type TopologyNode} from '../../src/ops/topology/resolve.ts'
import {topologyJsonSchema} from '../../src/ops/topology/schema.ts'
import {checkTopologyText, topologyText} from '../../src/ops/topology/write.ts'
import {
  BUNDLE_TEXT,
  manifestFor,
  RUNTIME_TEXT,
  TOPOLOGY,
  topologyOf,
  UUID,
} from '../helpers/ops/sample-topology.ts'
import {forThisUser, scratchHost, SECRETS} from '../helpers/ops/scratch-host.ts'

/** The message of what a call throws. */
function messageOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (error instanceof AisError) return error.message
    throw error
  }
  return ''
}

t.test(
  'every mistake of a topology is shown at once, with its line, column and the word meant',
  (t) => {
    const text = `format: 1
cluster:
  name: rack1
  uid: x
hosts:
  - name: h1
    adress: 10.0.0.1
    nodes:
      - role: prxy
  - nodes: []
`
    t.strictSame(messageOf(() => readTopology(text, 'topology.yaml')).split('\n'), [
      'topology.yaml:4:3: cluster.uid: unknown key (did you mean "uuid"?)',
      'topology.yaml:7:5: hosts[0].adress: unknown key (did you mean "address"?)',
      'topology.yaml:9:9: hosts[0].nodes[0].role: expected proxy or target',
      'topology.yaml:10:5: hosts[1].name: missing; expected a name of letters, digits, "." and "-"',
      'topology.yaml:10:5: hosts[1].nodes: Too small: expected array to have >=1 items',
    ])
    t.match(
      messageOf(() => readTopology('format: 1\nformat: 1\n', 'topology.yaml')),
      'topology.yaml:2:1: Map keys must be unique',
    )
    t.match(
      messageOf(() => readTopology('hosts: [', 'topology.yaml')),
      /^topology\.yaml:1:\d+: Flow sequence/,
    )
    t.end()
  },
)

t.test('words that could become options or shell are refused before anything connects', (t) => {
  const hostile = [
    '-oProxyCommand=x',
    ';rm -rf /',
    'a\nb',
    '$(id)',
    '`id`',
    'a b',
    "a'b",
    '../x',
    '',
  ]
  const places: ((word: string) => string)[] = [
    (word) => TOPOLOGY.replace('name: h1', `name: ${word}`),
    (word) => TOPOLOGY.replace('address: 10.0.0.1', `address: ${word}`),
    (word) => TOPOLOGY.replace('user: root', `user: ${word}`),
    (word) => TOPOLOGY.replace('user: root', `identity: ${word}`),
    (word) => TOPOLOGY.replace('user: root', `jump: ${word}`),
    (word) => TOPOLOGY.replace('path: /ais/mp3', `path: ${word}`),
    (word) => TOPOLOGY.replace('name: sample', `name: ${word}`),
  ]
  for (const place of places) {
    for (const word of hostile) {
      t.match(
        messageOf(() => topologyOf(place(JSON.stringify(word)))),
        /^topology\.yaml:/,
      )
    }
  }
  t.end()
})

t.test('the shipped JSON Schema is what the checks are made from', (t) => {
  const file = new URL('../../src/ops/topology/topology.schema.json', import.meta.url)
  t.strictSame(
    JSON.parse(readFileSync(file, 'utf8')),
    JSON.parse(JSON.stringify(topologyJsonSchema())),
  )
  t.end()
})

t.test('what a topology leaves out is filled in, the same every time', (t) => {
  const topology = topologyOf()
  t.strictSame(topology, topologyOf())
  const ports = (node: TopologyNode): unknown => [node.instance, ...Object.values({...node.ports})]
  t.strictSame(nodesOf(topology).map(ports), [
    ['proxy', 51_080, 51_084, 51_084],
    ['target', 51_081, 51_082, 51_083],
    ['target-2', 51_091, 51_092, 51_093],
    ['target', 51_081, 51_082, 51_083],
  ])
  const ids = nodesOf(topology).map(({id}) => id)
  t.equal(new Set(ids).size, ids.length)
  for (const id of ids) t.match(id, /^[A-Za-z][A-Za-z0-9]{6}[A-Za-z]$/)
  t.equal(founderOf(topology)?.host, 'h1')
  t.strictSame(topology.ssh, {user: 'root', become: 'none'})
  t.end()
})

t.test('contradictions between parts of a topology are refused where they stand', (t) => {
  const two = TOPOLOGY.replace('[{path: /ais/mp3}]', '[{path: /ais/mp1}]')
  t.match(
    messageOf(() => topologyOf(two)),
    'mountpath /ais/mp1 is already taken by h1/target',
  )
  const port = TOPOLOGY.replace('- role: proxy', '- {role: proxy, ports: {public: 51081}}')
  t.match(
    messageOf(() => topologyOf(port)),
    'port 51081 is already taken by h1/proxy',
  )
  const name = TOPOLOGY.replace('name: h2', 'name: h1')
  t.match(
    messageOf(() => topologyOf(name)),
    'topology.yaml:13:5: hosts[1].name: h1 is also the name',
  )
  const none = TOPOLOGY.replace('- role: proxy', '- {role: proxy, electable: false}')
  t.match(
    messageOf(() => topologyOf(none)),
    'no proxy that may be elected',
  )
  const system = TOPOLOGY.replace('/ais/mp3', '/var/lib/mp3')
  t.match(
    messageOf(() => topologyOf(system)),
    'lies in a directory of the system',
  )
  const nested = TOPOLOGY.replace('path: /ais/mp2', 'path: /ais/mp1/x')
  t.match(
    messageOf(() => topologyOf(nested)),
    'lies in another mountpath',
  )
  const uuid = TOPOLOGY.replace('name: sample', 'name: sample, uuid: zyxwvutsrq')
  t.match(
    messageOf(() => topologyOf(uuid)),
    'a cluster keeps its uuid',
  )
  t.end()
})

t.test(
  'a deployed cluster keeps its name, its ids, its nodes and the disks that hold data',
  (t) => {
    const deployed = topologyOf()
    checkImmutable(
      deployed,
      topologyOf(TOPOLOGY.replace('{path: /ais/mp3}', '{path: /ais/mp3}, {path: /ais/mp4}')),
    )
    const change = (from: string, to: string): string =>
      messageOf(() => checkImmutable(deployed, topologyOf(TOPOLOGY.replace(from, to))))
    t.match(change('name: sample', 'name: other'), 'cluster.name was sample, is now other')
    t.match(change('/ais/mp2', '/ais/mp9'), 'h1/target: mountpath /ais/mp2 is gone')
    t.match(change('- role: proxy', '- {role: proxy, id: another-id}'), 'is now another-id')
    t.match(change('name: h2', 'name: h3'), 'h2/target')
    t.end()
  },
)

t.test(
  'a node answers to its id, a start of it, t[id], HOST/INSTANCE, and HOST when it has one',
  (t) => {
    const topology = topologyOf()
    const [, , second, last] = nodesOf(topology)
    t.equal(findNode(topology, 'h1/target-2'), second)
    t.equal(findNode(topology, second?.id ?? ''), second)
    t.equal(findNode(topology, `t[${second?.id ?? ''}]`), second)
    t.equal(findNode(topology, second?.id.slice(0, 5) ?? ''), second)
    t.equal(findNode(topology, 'h2'), last)
    t.match(
      messageOf(() => findNode(topology, 'h1')),
      /^h1 names 3 nodes: p\[/,
    )
    t.match(
      messageOf(() => findNode(topology, 'nobody')),
      'sample has no node nobody',
    )
    t.equal(findNodes(topology, ['h2', 'h2/target']).length, 1)
    t.end()
  },
)

t.test('the file that init writes can be deployed, and says what else may stand in it', (t) => {
  const text = topologyText({
    name: 'rack1',
    uuid: UUID,
    user: 'ops',
    become: 'sudo',
    proxies: ['h1', '10.0.0.9'],
    targets: ['h1', 'h2.example.org'],
    mountpaths: ['/ais/mp1'],
  })
  t.equal(checkTopologyText(text, 'topology.yaml'), 3)
  for (const word of ['sudo-password', 'hostKey', 'tuning', 'UUID=']) t.match(text, word)
  t.end()
})

t.test(
  'a manifest is a function of its inputs, holds no secret, and names what must restart',
  (t) => {
    const manifest = manifestFor()
    t.strictSame(manifest, manifestFor())
    t.notMatch(JSON.stringify(manifest), SECRETS['cluster-key'].trim())
    const line = ({type, path, mode, restart}: (typeof manifest.entries)[number]): string =>
      [type, path.replace(/[0-9a-f]{64}/, 'SHA'), mode ?? '-', restart.length].join(' ')
    t.strictSame(manifest.entries.map(line), [
      'user aisnode - 0',
      'dir /etc/sysusers.d 0755 0',
      'file /etc/sysusers.d/aisnode.conf 0644 0',
      'dir /etc/tmpfiles.d 0755 0',
      'file /etc/tmpfiles.d/aisnode.conf 0644 0',
      'dir /etc/aisnode 0750 0',
      'dir /etc/aisnode/secrets 0700 0',
      'dir /var/lib/aisnode 0750 0',
      'dir /var/lib/aisctl 0700 0',
      'file /var/lib/aisctl/topology.json 0600 0',
      'file /etc/systemd/system/aisnode@.service 0644 3',
      'file /etc/systemd/system/aisnode.target 0644 0',
      'file /etc/systemd/system/aisnode.slice 0644 0',
      'file /etc/aisnode/secrets/cluster-key 0400 3',
      'dir /opt/aisnode 0755 0',
      'dir /opt/aisnode/runtime 0755 0',
      'dir /opt/aisnode/runtime/SHA 0755 0',
      'file /opt/aisnode/runtime/SHA/node 0755 0',
      'dir /opt/aisnode/release 0755 0',
      `dir /opt/aisnode/release/${manifest.release.name} 0755 0`,
      `file /opt/aisnode/release/${manifest.release.name}/aisnode.mjs 0644 0`,
      `link /opt/aisnode/release/${manifest.release.name}/runtime - 0`,
      'dir /etc/systemd/system/aisnode@proxy.service.d 0755 0',
      'file /etc/systemd/system/aisnode@proxy.service.d/50-aisctl.conf 0644 1',
      'file /etc/aisnode/proxy.json 0640 1',
      'dir /etc/systemd/system/aisnode@target.service.d 0755 0',
      'file /etc/systemd/system/aisnode@target.service.d/50-aisctl.conf 0644 1',
      'file /etc/aisnode/target.json 0640 1',
      'dir /etc/systemd/system/aisnode@target-2.service.d 0755 0',
      'file /etc/systemd/system/aisnode@target-2.service.d/50-aisctl.conf 0644 1',
      'file /etc/aisnode/target-2.json 0640 1',
      'mount /ais/mp1 0750 0',
      'mount /ais/mp2 0750 0',
      'mount /ais/mp3 0750 0',
      'ports /etc/sysctl.d/91-aisnode-ports.conf - 0',
      'link /opt/aisnode/proxy - 1',
      'link /opt/aisnode/target - 1',
      'link /opt/aisnode/target-2 - 1',
      'unit aisnode.target - 0',
      'unit aisnode@proxy.service - 0',
      'unit aisnode@target.service - 0',
      'unit aisnode@target-2.service - 0',
    ])
    t.throws(() => entryLines([{type: 'link', path: '/x', value: 'a|b', restart: []}]), {
      code: 'BAD_CONFIG',
    })
    t.end()
  },
)

t.test(
  'node files are what the daemon reads; drop-ins let a target write above its disks only',
  (t) => {
    const topology = topologyOf(
      `${TOPOLOGY}config: {keepalivetracker: {proxy: {interval: 5s}}}\ntuning: {limits: {memoryMax: 50%}}\n`,
    )
    for (const host of topology.hosts) {
      for (const node of host.nodes) {
        const file = nodeFileOf(node, host, topology)
        t.notOk(isRefusal(parseNodeFile(file)), `${host.name}/${node.instance}`)
        t.equal(file.peers.length, 3)
        t.equal(file.bootstrap, node.role === 'proxy' ? true : undefined)
      }
    }
    const [proxy, target, , other] = nodesOf(topology)
    const [h1, h2] = topology.hosts
    if (!proxy || !target || !other || !h1 || !h2) throw new Error('the sample has them')
    t.strictSame(nodeFileOf(proxy, h1, topology).foundingConfig, {
      'keepalivetracker.proxy.interval': '5s',
    })
    t.equal(nodeFileOf(other, h2, topology).listen.public, '[fd00::2]:51081')
    t.match(dropIn(target, topology), 'ReadWritePaths=/ais\n')
    t.match(dropIn(proxy, topology), 'InaccessiblePaths=-/ais\nMemoryMax=50%\n')
    t.match(dropIn(other, topology), 'After=ais-mp1.mount')
    t.equal(mountUnitName('/ais/mp-1.x'), String.raw`ais-mp\x2d1.x.mount`)
    const disk = manifestFor({topology, host: 'h2'}).entries.filter(({scope}) => scope === 'metal')
    t.strictSame(
      disk.map(({type, path}) => `${type} ${path}`),
      ['dir /ais/mp1', 'file /etc/systemd/system/ais-mp1.mount', 'unit ais-mp1.mount'],
    )
    t.end()
  },
)

t.test('a host becomes what its manifest says; the second time nothing is changed', async (t) => {
  const host = scratchHost(t.testdir())
  const manifest = forThisUser(manifestFor())
  for (const path of ['/ais/mp1', '/ais/mp2']) host.mount(path)
  mkdirSync(join(host.root, 'ais/mp3'), {mode: 0o555})
  const looked = await host.apply(manifest, [], 'check')
  t.ok(looked.changed > 30)
  t.strictSame(
    Object.keys(host.tree()).filter((path) => path.startsWith('/opt')),
    [],
  )

  const first = await host.apply(manifest, [RUNTIME_TEXT, BUNDLE_TEXT])
  t.equal(first.changed, looked.changed)
  const bare = first.entries.find(({path}) => path === '/ais/mp3')
  t.equal(bare?.state, 'missing', 'what is no mount point is left alone')
  t.equal(host.tree()['/ais/mp3'], 'dir 555')
  t.equal(host.tree()['/ais/mp1'], 'dir 750')
  t.equal(readFileSync(join(host.root, 'opt/aisnode/target/aisnode.mjs'), 'utf8'), BUNDLE_TEXT)
  t.equal(readFileSync(join(host.root, 'opt/aisnode/target/runtime/node'), 'utf8'), RUNTIME_TEXT)
  t.equal(
    readFileSync(join(host.root, 'etc/aisnode/secrets/cluster-key'), 'utf8'),
    SECRETS['cluster-key'],
  )
  t.strictSame(host.units().active, host.units().enabled)
  t.equal(host.units().active.length, 4)

  const before = host.tree()
  const second = await host.apply(manifest)
  t.equal(second.changed, 0)
  t.strictSame(second.pending, [])
  t.strictSame(host.tree(), before)
  t.equal(host.units().log.filter((line) => line.startsWith('start')).length, 1)
})

t.test('what somebody changed is put back, and the units that use it are named', async (t) => {
  const host = scratchHost(t.testdir())
  const manifest = forThisUser(manifestFor())
  await host.apply(manifest, [RUNTIME_TEXT, BUNDLE_TEXT])
  writeFileSync(join(host.root, 'etc/aisnode/target.json'), '{}')
  const report = await host.apply(manifest)
  t.strictSame(
    report.entries.filter(({state}) => state === 'changed').map(({path}) => path),
    ['/etc/aisnode/target.json'],
  )
  t.strictSame(report.pending, ['aisnode@target.service'])
  t.strictSame(
    (await host.apply(manifest)).pending,
    ['aisnode@target.service'],
    'until it restarts',
  )
})

t.test('a new release waits for its units to be stopped; three releases are kept', async (t) => {
  const topology = topologyOf(TOPOLOGY.replace(/ {6}- role: target\n.*mp3.*\n/, ''))
  const host = scratchHost(t.testdir())
  const links = (): string[] =>
    Object.entries(host.tree()).flatMap(([path, what]) =>
      path === '/opt/aisnode/target' ? [what.replace('link release/', '')] : [],
    )
  const old = forThisUser(manifestFor({topology}))
  await host.apply(old, [RUNTIME_TEXT, BUNDLE_TEXT])
  for (const bundle of ['bundle 2', 'bundle 3', 'bundle 4']) {
    const next = forThisUser(manifestFor({topology, bundle}))
    const report = await host.apply(next, [RUNTIME_TEXT, bundle])
    t.equal(report.entries.find(({path}) => path === '/opt/aisnode/target')?.state, 'deferred')
    t.not(links()[0], next.release.name)
    for (const unit of report.pending) {
      const args = ['restart', unit, host.root]
      const done = await runScript(host.host, {script: 'activate.sh', args, asRoot: false})
      t.equal(done.status, 0)
    }
    t.equal(links()[0], next.release.name)
    t.equal((await host.apply(next)).changed, 0)
  }
  const releases = Object.keys(host.tree()).filter((path) =>
    /^\/opt\/aisnode\/release\/[^/]+$/.test(path),
  )
  t.ok(releases.length <= 3, releases.join())
  t.equal(Object.keys(host.tree()).filter((path) => path.endsWith('/node')).length, 1)
})

t.test('what arrives damaged or not at all changes nothing', async (t) => {
  const host = scratchHost(t.testdir())
  const manifest = forThisUser(manifestFor())
  await t.rejects(host.apply(manifest, [RUNTIME_TEXT]), {
    code: 'HOST_COMMAND',
    message: /did not arrive/,
  })
  const entries = entryLines(manifest.entries)
  const frame = {
    kind: 'entries',
    sha256: 'a'.repeat(64),
    encoding: 'plain',
    packedSha256: 'a'.repeat(64),
    length: entries.length,
  } as const
  const args = ['apply', host.root]
  const frames = [{...frame, open: () => entries}]
  const damaged = await runScript(host.host, {script: 'apply.sh', args, frames, asRoot: false})
  t.match(parseReport('h1', damaged.stdout), /damaged or incomplete; nothing was changed/)
  const runtime = gzipSync(RUNTIME_TEXT)
  const packed = {kind: 'blob', sha256: sha256(RUNTIME_TEXT), encoding: 'gzip'} as const
  const half = runtime.subarray(0, runtime.length - 4)
  for (const {bytes, hash} of [
    {bytes: runtime, hash: sha256('other')},
    {bytes: half, hash: sha256(half)},
  ]) {
    const blob = {...packed, packedSha256: hash, length: bytes.length, open: () => bytes}
    const run = {script: 'apply.sh', args, frames: [blob], asRoot: false} as const
    const refused = await runScript(host.host, run)
    t.match(parseReport('h1', refused.stdout), /damaged or incomplete; nothing was changed/)
  }
  t.strictSame(
    Object.keys(host.tree()).filter((path) => path.startsWith('/etc')),
    [],
  )
})

t.test(
  'in a container disks and kernel settings are not applicable, and not counted',
  async (t) => {
    const directory = t.testdir({container: ''})
    const topology = topologyOf(`${TOPOLOGY}tuning: {sysctl: {net.core.somaxconn: 4096}}\n`)
    const manifest = forThisUser(manifestFor({topology, host: 'h2'}))
    const host = scratchHost(directory)
    host.mount('/ais/mp1')
    const report = await host.apply(manifest, [RUNTIME_TEXT, BUNDLE_TEXT])
    const metal = report.entries.filter(({state}) => state === 'not-applicable')
    t.strictSame(
      metal.map(({type}) => type),
      ['dir', 'file', 'unit', 'file', 'sysctl', 'ports'],
    )
    t.equal((await host.apply(manifest)).changed, 0)
  },
)

t.test(
  "Ansible's module brings a host to the same state, and each finds nothing after the other",
  async (t) => {
    if (spawnSync('python3', ['--version']).status !== 0) {
      t.pass('compare', {skip: 'python3 is not installed'})
      return
    }
    const one = scratchHost(join(t.testdir({}), 'one'))
    const other = scratchHost(join(t.testdirName, 'other'))
    const payload = [RUNTIME_TEXT, BUNDLE_TEXT]
    for (const host of [one, other]) host.mount('/ais/mp1')
    const manifest = forThisUser(manifestFor())
    const byShell = await one.apply(manifest, payload)
    const byPython = other.applyWithPython(manifest, payload)
    t.strictSame(byPython.entries, byShell.entries)
    t.strictSame(other.tree(), one.tree())
    t.strictSame(other.units().enabled, one.units().enabled)
    t.ok(one.applyWithPython(manifest).entries.every(({state}) => state !== 'changed'))
    t.equal((await other.apply(manifest)).changed, 0)

    const next = forThisUser(manifestFor({bundle: 'bundle 2'}))
    const shell = await one.apply(next, ['bundle 2'])
    const python = other.applyWithPython(next, ['bundle 2'])
    t.strictSame(python.entries, shell.entries)
    t.strictSame(python.pending, shell.pending)
    t.strictSame(other.tree(), one.tree())
  },
)

t.test('ports of nodes are reserved beside those of others, and given back', async (t) => {
  const manifest = forThisUser(manifestFor())
  const moved = TOPOLOGY.replace('role: proxy', 'role: proxy\n        ports: {control: 81}')
  const next = forThisUser(manifestFor({topology: topologyOf(moved)}))
  const payload = [RUNTIME_TEXT, BUNDLE_TEXT]
  const path = '/etc/sysctl.d/91-aisnode-ports.conf'
  const found: Record<string, string[]> = {}
  for (const by of ['shell', 'python']) {
    const host = scratchHost(join(t.testdir({}), by))
    const apply = async (what: typeof manifest): Promise<string | undefined> => {
      const report =
        by === 'shell' ? await host.apply(what, payload) : host.applyWithPython(what, payload)
      return report.entries.find((entry) => entry.path === path)?.state
    }
    t.equal(await apply(manifest), 'not-applicable', 'this kernel has no such setting')
    const live = join(host.root, 'proc/sys/net/ipv4/ip_local_reserved_ports')
    mkdirSync(join(live, '..'), {recursive: true})
    writeFileSync(live, '4000-4010,51079-51080,51085\n')
    const seen: string[] = []
    for (const what of [manifest, manifest, next, next]) {
      seen.push(`${await apply(what)} ${readFileSync(live, 'utf8').trim()}`)
      // As Linux says it.
      if (what === manifest) writeFileSync(live, '4000-4010,51079-51085,51091-51093\n')
    }
    const kept = readFileSync(join(host.root, path), 'utf8')
    rmSync(join(host.root, path))
    writeFileSync(live, '\n')
    seen.push(`${await apply(manifest)} ${readFileSync(live, 'utf8').trim()}`)
    found[by] = [...seen, kept]
  }
  t.strictSame(found['python'], found['shell'])
  const after = '4000-4010,51079-51083,51085,51091-51093,81'
  t.strictSame(found['shell'], [
    'changed 4000-4010,51079-51080,51085,51081,51082,51083,51084,51091,51092,51093',
    'same 4000-4010,51079-51085,51091-51093',
    `changed ${after}`,
    `same ${after}`,
    'changed 51080,51081,51082,51083,51084,51091,51092,51093',
    `# Written by aisctl, with what this host had reserved before.
# Ports of nodes: 81,51080,51081,51082,51083,51091,51092,51093
# Added: 51081,51082,51083,51091,51092,51093,81
net.ipv4.ip_local_reserved_ports = ${after}
`,
  ])
})

t.test(
  'a plan runs what can run, as many at once as it may, and a failure ends its dependants only',
  async (t) => {
    let running = 0
    let most = 0
    const step = (id: string, after: string[], run: () => Promise<unknown>): Step => ({
      id,
      title: id,
      after,
      preview: () => [`would ${id}`],
      run: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running -= 1
        return run()
      },
    })
    const fine = (): Promise<string> => Promise.resolve('done')
    const bad = (): Promise<never> =>
      Promise.reject(new AisError({code: 'NOT_FOUND', message: 'gone'}))
    const skipped: Step = {...step('e', ['a'], fine), skip: () => Promise.resolve('not needed')}
    const plan: Plan = {
      title: 'work',
      parallel: 2,
      steps: [
        step('a', [], fine),
        step('b', [], bad),
        step('c', ['a'], fine),
        step('d', ['b'], fine),
        skipped,
      ],
    }
    const events: string[] = []
    const outcome = await runPlan(plan, {
      onEvent: ({step: id, state}) => events.push(`${id} ${state}`),
    })
    t.strictSame([...outcome.results.keys()], ['a', 'c'])
    t.strictSame(outcome.failed, ['b'])
    t.strictSame(outcome.blocked, ['d'])
    t.strictSame([...outcome.skipped], [['e', 'not needed']])
    t.equal(most, 2)
    t.ok(events.includes('d blocked'))
    t.match(planError(plan, outcome), {code: 'NOT_FOUND', message: 'gone'})
    t.strictSame(await previewPlan({...plan, steps: [plan.steps[0] as Step, skipped]}), [
      'work',
      '  a',
      '    would a',
      '  e (not needed: not needed)',
    ])
    await t.rejects(runPlan({...plan, steps: [step('x', ['y'], fine)]}), /waits for y/)
  },
)

t.test('an interrupted plan ends what runs and starts nothing else', async (t) => {
  const abort = new AbortController()
  const step = (id: string, after: string[]): Step => ({
    id,
    title: id,
    after,
    preview: () => [],
    run: () => Promise.resolve(abort.abort()),
  })
  const plan: Plan = {title: 'work', parallel: 1, steps: [step('a', []), step('b', ['a'])]}
  const outcome = await runPlan(plan, {signal: abort.signal})
  t.strictSame([...outcome.results.keys()], ['a'])
  t.match(planError(plan, outcome), {code: 'INTERRUPTED'})
})

t.test('the generation grows when the topology changes, and only then', (t) => {
  const topology = topologyOf()
  const first = stateToSave(topology, [undefined])
  t.equal(first.generation, 1)
  t.equal(stateToSave(topologyOf(), [undefined, first]).generation, 1)
  t.strictSame(parseSavedState(formatSavedState(first), 'h1'), first)
  t.throws(() => parseSavedState('{"format": 1, "gener', 'h1'), {message: 'h1 is damaged'})
  t.throws(() => parseSavedState('{"format": 9}', 'h1'), {code: 'INCOMPATIBLE'})
  const more = topologyOf(TOPOLOGY.replace('user: root', 'user: ops'))
  t.equal(stateToSave(more, [first, undefined]).generation, 2)
  t.end()
})

const FACTS: HostFacts = {
  reserved: {ports: '', writable: true},
  root: true,
  arch: 'x64',
  kernel: '6.1',
  os: 'Debian',
  hostname: 'h1',
  glibc: '2.36',
  libstdcxx: true,
  systemd: 252,
  container: '',
  machineId: 'm1',
  tools: ['gzip'],
  freeBytes: {'/opt': 1e12, '/var/tmp': 1e12, '/var/lib': 1e12},
  memoryBytes: 1e9,
  cpus: 2,
  clock: {offsetMs: 0, uncertaintyMs: 5},
  hashes: {},
  files: [],
  mounts: Object.fromEntries(
    ['/ais/mp1', '/ais/mp2', '/ais/mp3'].map((path, index) => [
      path,
      {kind: 'mounted', device: String(index), filesystem: 'xfs', freeBytes: 1e9, owner: 'x:x'},
    ]),
  ),
  addresses: {'10.0.0.1': ['10.0.0.1'], 'fd00::2': ['fd00::2']},
  local: ['10.0.0.1', 'fd00::2'],
  ports: {},
  units: {},
  pids: {},
  uuids: [],
}

t.test('each thing that speaks against a deploy is found, with why and how to mend it', (t) => {
  const topology = topologyOf()
  const find = (facts: Partial<HostFacts>): string[] =>
    findProblems({
      topology,
      facts: new Map([
        ['h1', {...FACTS, ...facts}],
        ['h2', {...FACTS, machineId: 'm2'}],
      ]),
      saved: new Map(),
      architectures: ['x64'],
    }).map(({id, severity, what, why, fix}) => {
      t.ok(why !== '' && (fix !== '' || severity === 'note'))
      return `${severity} ${id}: ${what}`
    })
  t.strictSame(find({}), [])
  t.match(find({root: false}), ['error login: the login is not root'])
  t.match(find({arch: 'arm64'}), ['error arch: its processor is arm64'])
  t.match(find({glibc: '2.17'}), ['error glibc: its glibc is 2.17'])
  t.match(find({libstdcxx: false}), ['error libstdcxx: libstdc++.so.6 is missing'])
  t.match(find({systemd: 0}), ['error systemd: it has no systemd'])
  t.match(find({freeBytes: {'/opt': 1024}}), ['error space: /opt has 1KiB free'])
  t.match(find({clock: {offsetMs: 90_000, uncertaintyMs: 10}}), [
    /clock: its clock is 1m30s (?:ahead|behind)/,
  ])
  t.strictSame(find({clock: {offsetMs: 3000, uncertaintyMs: 2000}}), [], 'not certain')
  t.match(find({uuids: ['other-cluster']}), ['error cluster: it belongs to another cluster'])
  t.match(find({addresses: {'10.0.0.1': ['127.0.1.1']}}), ['error address: 10.0.0.1 is 127.0.1.1'])
  t.match(find({addresses: {}}), ['error address: 10.0.0.1 does not resolve'])
  t.match(find({local: ['10.9.9.9']}), [
    'error address: 10.0.0.1 (10.0.0.1) is none of its interfaces',
  ])
  const listener = '0.0.0.0:51080 users:(("nginx",pid=77,fd=3))'
  t.match(find({ports: {'51080': listener}}), [
    'error port: port 51080 is in use by nginx (pid 77)',
  ])
  t.strictSame(find({ports: {'51080': listener}, pids: {'aisnode@proxy.service': '77'}}), [])
  const bare = {...FACTS.mounts, '/ais/mp1': {kind: 'bare'} as const}
  t.match(find({mounts: bare}), [
    'error mount: /ais/mp1 is a directory, but nothing is mounted there',
  ])
  const same = {
    ...FACTS.mounts,
    '/ais/mp2': FACTS.mounts['/ais/mp1'] as HostFacts['mounts'][string],
  }
  t.match(find({mounts: same}), ['error mount: /ais/mp1 and /ais/mp2 are the same filesystem'])
  t.match(find({reserved: {ports: '51080-51083,4', writable: false}}), [
    'warning reserved-ports: net.ipv4.ip_local_reserved_ports cannot be set',
  ])
  t.strictSame(find({reserved: {ports: '51080-51100', writable: false}}), [])
  t.match(find({machineId: 'm2'}), ['warning machine-id', 'warning machine-id'])
  t.end()
})

t.test('facts are what this machine says of itself', async (t) => {
  const question = {
    hashes: ['/etc/passwd'],
    files: ['/etc/passwd', '/etc/none'],
    mounts: ['/proc', '/etc'],
    addresses: ['127.0.0.1'],
    ports: [1],
  }
  const facts = await readFacts(withoutRoot(), question, Date.now)
  t.equal(facts.arch, process.arch)
  t.equal(facts.mounts['/proc']?.kind, 'mounted')
  t.equal(facts.mounts['/etc']?.kind, 'bare')
  t.match(facts.hashes['/etc/passwd'], /^[0-9a-f]{64}$/)
  t.strictSame(facts.files, ['/etc/passwd'])
  t.ok(Math.abs(facts.clock.offsetMs) <= facts.clock.uncertaintyMs + 50)
  t.equal(parseFacts('uid\t0\n', {beforeMs: 0, afterMs: 0}), undefined, 'half an answer is none')
})

function withoutRoot(): ReturnType<typeof localHost> {
  const host = localHost()
  return {...host, run: (command) => host.run({...command, asRoot: false})}
}

t.test('a command is heard line by line, made harmless, and its status is told', async (t) => {
  const lines: string[] = []
  const result = await withoutRoot().run({
    argv: ['sh', '-c', String.raw`cat; printf '\033[31mred\033[0m\n\001x'; echo no >&2; exit 3`],
    input: Readable.from([Buffer.from('in\n')]),
    onLine: (line, stream) => lines.push(`${stream} ${line}`),
  })
  t.equal(result.status, 3)
  t.equal(result.stdout, 'in\nred\nx\n')
  t.equal(result.stderr, 'no\n')
  t.ok(lines.includes('stdout red'))
  await t.rejects(withoutRoot().run({argv: ['sleep', '9'], timeoutMs: 50}), {code: 'TIMED_OUT'})
  await t.rejects(withoutRoot().run({argv: ['/nonexistent/x']}), {code: 'HOST_COMMAND'})
  const sink = collectOutput()
  sink.push(new Uint8Array(3 * 1024 * 1024).fill(97))
  t.ok(sink.end().length <= 1024 * 1024)
  t.equal(cleanLine('a\u009b31mb\u0000'), 'ab')
})

t.test('words reach a shell as they are, whatever they hold', (t) => {
  const words = ["it's", '$(id)', '`id`', '; exit 9', 'a\nb', '\\', '"', '-n', '*', '']
  const {stdout, status} = spawnSync(
    'sh',
    ['-c', shellLine(['printf', String.raw`%s\0`, ...words])],
    {
      encoding: 'utf8',
    },
  )
  t.equal(status, 0)
  t.strictSame(stdout.split('\0').slice(0, -1), words)
  t.throws(() => shellLine(['a\0b']))
  t.end()
})

t.test(
  'host keys are known by pin or by known_hosts, hashed names included; a change is a change',
  (t) => {
    const directory = t.testdir()
    const file = join(directory, 'sub', 'known_hosts')
    const blob = (letter: string): Buffer => {
      const type = Buffer.from('ssh-ed25519')
      const length = Buffer.alloc(4)
      length.writeUInt32BE(type.length)
      return Buffer.concat([length, type, Buffer.alloc(36, letter)])
    }
    t.equal(keyType(blob('a')), 'ssh-ed25519')
    t.equal(compareKnown(knownKeys([file], ['h1']), blob('a')), 'unknown', 'no file, no key')
    addKnownHost(file, 'h1', blob('a'))
    t.equal(compareKnown(knownKeys([file], ['h1']), blob('a')), 'known')
    t.equal(compareKnown(knownKeys([file], ['h1']), blob('b')), 'changed')
    t.equal(compareKnown(knownKeys([file], ['h2']), blob('a')), 'unknown')
    const hashed = `|1|c2FsdA==|${hmacOf('[h3]:2222', 'salt')} ssh-ed25519 ${blob('c').toString('base64')}\n`
    writeFileSync(file, `# comment\n@revoked h1 x y\n${hashed}`)
    t.equal(compareKnown(knownKeys([file], knownNames('h3', 2222)), blob('c')), 'known')
    t.equal(comparePin(fingerprint(blob('a')), blob('a')), 'known')
    t.equal(comparePin(`ssh-ed25519 ${blob('a').toString('base64')}`, blob('b')), 'changed')
    rmSync(file)
    t.end()
  },
)

function hmacOf(text: string, salt: string): string {
  return createHmac('sha1', salt).update(text).digest('base64')
}

t.test('a host is reached as the topology says, else as ssh would', async (t) => {
  t.strictSame(parseJump('ops@bastion:2222'), {address: 'bastion', user: 'ops', port: 2222})
  t.strictSame(parseJump('bastion'), {address: 'bastion'})
  const target = await sshTarget('h1.example.org', {
    user: 'ops',
    port: 2200,
    identity: '/keys/id',
    jump: 'a,b',
    become: 'sudo',
  })
  t.match(target, {address: 'h1.example.org', user: 'ops', port: 2200, identities: ['/keys/id']})
  t.strictSame(target.jumps, ['a', 'b'])
})

t.test('units verify clean and expose little, where systemd is there to say so', (t) => {
  const tool = spawnSync('systemd-analyze', ['--version'], {encoding: 'utf8'})
  if (tool.status !== 0) {
    t.pass('verify', {skip: 'systemd-analyze is not installed'})
    t.end()
    return
  }
  const root = t.testdir({
    etc: {systemd: {system: {}}},
    opt: {aisnode: {proxy: {runtime: {}}}},
    bin: {},
  })
  const system = join(root, 'etc/systemd/system')
  for (const [name, text] of Object.entries(unitFiles())) writeFileSync(join(system, name), text)
  for (const file of ['opt/aisnode/proxy/runtime/node', 'bin/kill']) {
    writeFileSync(join(root, file), '#!/bin/sh\n', {mode: 0o755})
  }
  const verify = ['verify', '--man=no', '--recursive-errors=no', `--root=${root}`]
  const units = ['aisnode@proxy.service', 'aisnode.target', 'aisnode.slice']
  const verified = spawnSync('systemd-analyze', [...verify, ...units], {encoding: 'utf8'})
  t.equal(verified.status, 0, verified.stderr)
  const unit = join(system, 'aisnode@proxy.service')
  writeFileSync(unit, unitFiles()['aisnode@.service'] ?? '')
  const exposure = ['security', '--offline=yes', '--threshold=20', '--no-pager', unit]
  const secured = spawnSync('systemd-analyze', exposure, {encoding: 'utf8'})
  t.equal(secured.status, 0, secured.stdout.split('\n').at(-2) ?? '')
  t.notMatch(unitFiles()['aisnode.tmpfiles'] ?? '', /\/ais\b/, 'mount points are not touched')
  t.end()
})
