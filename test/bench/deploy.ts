/**
 * `npm run bench -- deploy`: `aisctl deploy` onto 3 and 6 bare lab hosts, beside a bare script that
 * sends the same bytes in one stream per host, unpacks and flushes them, starts the units and polls
 * until the map is full. Both start from the same saved disks. Needs root.
 */

import {execFile} from 'node:child_process'
import {mkdirSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {AISCTL, workDirectory} from './playground.ts'
import {judge, type Row} from './row.ts'

const LAB = 'bench-deploy'
const BARE = fileURLToPath(new URL('deploy-bare.sh', import.meta.url))
const HOST_COUNTS = [3, 6]
const BUILD = fileURLToPath(new URL('../../bin/build.js', import.meta.url))
/** Rounds of each side; the best counts, because everything else slows a round down. */
const ROUNDS = 3
const RATIO_MAX = 1.3
const NODES = 7
const TIMEOUT_MS = 600_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** What a deploy leaves on a host, as far as it comes over the line. */
const DEPLOYED = [
  'opt/aisnode',
  'etc/aisnode',
  'etc/sysusers.d/aisnode.conf',
  'etc/tmpfiles.d/aisnode.conf',
  'etc/systemd/system/aisnode*',
  'etc/systemd/system/multi-user.target.wants/aisnode.target',
].join(' ')

const execute = promisify(execFile)

interface LabStatus {
  readonly topology: string
  readonly identity: string
  readonly hosts: readonly {readonly name: string; readonly address: string}[]
}

/**
 * All rows of this benchmark.
 * @param only numbers of hosts; empty: all
 */
export async function benchDeploy(only: readonly string[]): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error('bench deploy needs root: it boots hosts')
  // What is measured is what is shipped: a compiled tool that is older than a source gives way to
  // the sources, which start 0.4 s later.
  await execute(process.execPath, [BUILD])
  const rows: Row[] = []
  for (const count of HOST_COUNTS) {
    if (only.length > 0 && !only.includes(String(count))) continue
    rows.push(...(await onHosts(count)))
  }
  return rows
}

async function onHosts(count: number): Promise<readonly Row[]> {
  const directory = workDirectory()
  const lab = new Lab(directory)
  try {
    await lab.aisctl(['lab', 'up', String(count), '--name', LAB, '--install'])
    await lab.aisctl(['lab', 'save', 'bare', '--name', LAB])
    const status = JSON.parse(await lab.aisctl(['lab', 'status', '--name', LAB, '--json']))
    return await compare(lab, status as LabStatus)
  } finally {
    await lab.aisctl(['lab', 'down', '--name', LAB])
    rmSync(directory, {recursive: true, force: true})
  }
}

async function compare(lab: Lab, status: LabStatus): Promise<readonly Row[]> {
  // The first deploy strips and packs the runtime, once for all time: it is not measured. What it
  // leaves on the hosts is what the bare script sends.
  await lab.deploy(status)
  const payload = join(lab.directory, 'payload')
  mkdirSync(payload)
  for (const {name} of status.hosts) await lab.capture(name, join(payload, `${name}.tar.gz`))
  const ours: number[] = []
  const bare: number[] = []
  let connections = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    await lab.aisctl(['lab', 'restore', 'bare', '--name', LAB])
    const before = await lab.connections(status)
    ours.push(await lab.deploy(status))
    const after = await lab.connections(status)
    // Counting is a connection, too: each count sees itself.
    connections = Math.max(connections, ...after.map((n, at) => n - (before[at] ?? 0) - 1))
    await lab.aisctl(['lab', 'restore', 'bare', '--name', LAB])
    bare.push(await lab.bare(status, payload))
  }
  const hosts = status.hosts.length
  return [
    judge({
      metric: `deploy of ${NODES} nodes onto ${hosts} hosts`,
      unit: 's',
      value: Math.min(...ours),
      n: ROUNDS,
      peer: 'bare script, same bytes',
      peerValue: Math.min(...bare),
      goal: `ratio<=${RATIO_MAX}`,
    }),
    judge({
      metric: `SSH connections per host, ${hosts} hosts`,
      unit: 'connections',
      value: connections,
      n: ROUNDS * hosts,
      goal: 'value<=1',
    }),
  ]
}

/** The lab through the shipped tool, with operator's files of its own. */
class Lab {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  async aisctl(args: readonly string[]): Promise<string> {
    return this.#run(process.execPath, [AISCTL, ...args])
  }

  /** Seconds from the command to its end: the cluster is well then. */
  async deploy({topology}: LabStatus): Promise<number> {
    return timed(() => this.#inside([process.execPath, AISCTL, 'deploy', '-f', topology]))
  }

  async bare(status: LabStatus, payload: string): Promise<number> {
    const hosts = status.hosts.map(({name, address}) => `${name}=${address}`)
    return timed(() => this.#inside([BARE, status.identity, payload, String(NODES), ...hosts]))
  }

  /** What the deploy left on a host, as one archive. */
  async capture(host: string, file: string): Promise<void> {
    const pack = `cd / && tar -czpf - ${DEPLOYED}`
    const ssh = [process.execPath, AISCTL, 'lab', 'ssh', host, '--name', LAB, '--', pack]
    const quoted = ssh.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
    await this.#run('sh', ['-c', `${quoted} > '${file}'`])
  }

  /** Logins that each host's sshd has accepted since it booted. */
  async connections({hosts}: LabStatus): Promise<readonly number[]> {
    const counts: number[] = []
    for (const {name} of hosts) {
      const count = 'journalctl -b -t sshd | grep -c Accepted'
      counts.push(Number(await this.aisctl(['lab', 'ssh', name, '--name', LAB, '--', count])))
    }
    return counts
  }

  #inside(command: readonly string[]): Promise<string> {
    return this.aisctl(['lab', 'ns', '--name', LAB, '--', ...command])
  }

  async #run(program: string, args: readonly string[]): Promise<string> {
    const env = {...process.env, AISCTL_STATE_DIR: this.directory}
    const limits = {maxBuffer: OUTPUT_BYTES_MAX, timeout: TIMEOUT_MS}
    const {stdout} = await execute(program, [...args], {env, ...limits})
    return stdout
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await act()
  return (performance.now() - startMs) / 1000
}
