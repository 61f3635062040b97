// `npm run up`: from a fresh clone to a cluster that stores and returns an object, with one command
// that asks nothing and may be run again. As root: real systemd hosts on this machine and a real
// deploy onto them over SSH. Without root: the playground. `npm run down` removes what it made.
// Plain JavaScript that Node 18 runs; everything else is done by aisctl, under the Node 24 that npm
// has installed by then.
//
//   npm run up [-- --hosts N | --playground]      npm run down

import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {
  bold,
  dim,
  green,
  has,
  installDebian,
  installModules,
  isRoot,
  labPackages,
  missingDebian,
  red,
  ROOT,
  run,
  seconds,
  sha256,
  staleModules,
} from './steps.js'

/** The lab or playground that this file makes and removes; others are left alone. */
const NAME = 'up'
/** Hosts of the lab: three gateways and four targets, any one of which may be lost. */
const HOSTS_DEFAULT = 4
const GATEWAYS = 3
const TARGETS = 4
const BUCKET = 'ais://hello'
const FAILURE_LINES = 15
const STEP_TIMEOUT_MS = 900_000

const options = process.argv.slice(2)
const onLab = isRoot() && has('apt-get') && !options.includes('--playground')
const hosts = options.includes('--hosts') ? options[options.indexOf('--hosts') + 1] : HOSTS_DEFAULT

/** A step failed: its last lines, and what to type next. */
class StepFailed extends Error {
  constructor(title, lines, next) {
    super(title)
    this.lines = lines
    this.next = next
  }
}

try {
  await (options.includes('--down') ? down() : up())
} catch (error) {
  if (!(error instanceof StepFailed)) throw error
  for (const line of error.lines.slice(-FAILURE_LINES)) console.log(`    ${line}`)
  console.log(
    `${red('✖')} ${error.message}. What is done stays done; to see it again: ${error.next}`,
  )
  process.exitCode = 1
}

async function up() {
  const startMs = Date.now()
  console.log(onLab ? bold('A cluster on bare hosts') : bold('A cluster of local processes'))
  await prepare()
  const cluster = onLab ? await upLab() : await upPlayground()
  await roundTrip(cluster)
  const table = await aisctl(cluster, ['show', 'cluster', '--cluster', cluster.gateways[0]])
  console.log(`\n${table.join('\n')}\n`)
  console.log(`${green('ready')} ${dim(`after ${seconds(startMs)}`)}. Next:`)
  for (const line of nextCommands(cluster)) console.log(`  ${line}`)
}

/** What must be there before aisctl can run: packages, and the bundle that a deploy ships. */
async function prepare() {
  const missing = onLab ? missingDebian(labPackages()) : []
  if (missing.length > 0) {
    const next = `apt-get install ${missing.join(' ')}`
    await step(`Debian packages: ${missing.join(', ')}`, () => installDebian(missing), next)
  }
  const stale = staleModules()
  if (stale !== null) await step(`npm packages (${stale})`, () => installModules(), 'npm ci')
  await step(
    'build: the daemon as one file',
    () => run('npm', ['run', '--silent', 'build']),
    'npm run build',
  )
}

/** Bare hosts, then a deploy as onto any others. */
async function upLab() {
  const make = ['lab', 'up', String(hosts), '--name', NAME, '--install', '--json']
  const {topology} = await stepJson(
    `${hosts} Debian hosts with systemd, sshd and nothing else`,
    make,
  )
  const prefix = ['lab', 'ns', '--name', NAME, 'aisctl']
  const deploy = [...prefix, 'deploy', '-f', topology]
  await step('deploy onto them over SSH', () => tool(deploy), `npx aisctl ${deploy.join(' ')}`)
  const status = await readJson(['lab', 'status', '--name', NAME, '--json'])
  const first = `http://${status.hosts[0].address}:51080`
  return {prefix, topology, gateways: await gatewaysOf(prefix, first)}
}

async function upPlayground() {
  const size = ['--proxies', String(GATEWAYS), '--targets', String(TARGETS)]
  const {endpoints} = await stepJson(`playground: ${GATEWAYS} gateways and ${TARGETS} targets`, [
    'playground',
    'up',
    '--name',
    NAME,
    ...size,
    '--json',
  ])
  return {prefix: [], topology: null, gateways: endpoints}
}

/** Public URLs of all gateways, from the cluster map. */
async function gatewaysOf(prefix, first) {
  const smap = await readJson([...prefix, 'show', 'smap', '--json', '--cluster', first])
  return Object.values(smap.pmap).map((node) => node.public_net.direct_url)
}

/** An object goes in through one gateway and comes out of another, byte for byte. */
async function roundTrip(cluster) {
  const [first, second = first] = cluster.gateways
  const directory = mkdtempSync(join(tmpdir(), 'aisctl-up-'))
  const source = join(ROOT, 'LICENSE')
  const copy = join(directory, 'LICENSE')
  try {
    const listed = await aisctl(cluster, ['ls', '--cluster', first])
    if (!listed.some((line) => line.includes(BUCKET))) {
      await aisctl(cluster, ['bucket', 'create', BUCKET, '--cluster', first])
    }
    const put = ['put', source, `${BUCKET}/LICENSE`, '--cluster', first]
    await step(
      `put ${BUCKET}/LICENSE through ${first}`,
      () => tool([...cluster.prefix, ...put]),
      commandLine(cluster, put),
    )
    const get = ['get', `${BUCKET}/LICENSE`, copy, '--cluster', second]
    await step(
      `get it through ${second}`,
      () => tool([...cluster.prefix, ...get]),
      commandLine(cluster, get),
    )
    if (sha256(readFileSync(source)) !== sha256(readFileSync(copy))) {
      throw new StepFailed('the object came back changed', [], commandLine(cluster, get))
    }
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
}

function nextCommands(cluster) {
  if (onLab) {
    return [
      `npx aisctl lab ns --name ${NAME}        # a shell from which the hosts are reached; in it:`,
      `  npx aisctl show cluster --cluster ${NAME}`,
      `  npx aisctl deploy -f ${cluster.topology}    # changes nothing, and says so`,
      `  npx aisctl node restart target-h2 --cluster ${NAME}`,
      `npx aisctl lab power-off 2 --name ${NAME}   # cut the power of a host; power-on brings it back`,
      `npm run down                        # remove all of it`,
    ]
  }
  return [
    `npx aisctl show cluster --cluster ${NAME}`,
    `npx aisctl put FILE ${BUCKET}/NAME --cluster ${NAME}`,
    `npx aisctl playground status`,
    `npm run down                        # remove all of it`,
  ]
}

/** Removes the lab and the playground of `up`; packages stay, they are the machine's. */
async function down() {
  if (!existsSync(join(ROOT, 'node_modules'))) {
    console.log('nothing was up: node_modules is missing')
    return
  }
  if (isRoot() && (await tool(['lab', 'status', '--name', NAME])).status === 0) {
    const args = ['lab', 'down', '--name', NAME, '--purge']
    await step('lab removed', () => tool(args), `npx aisctl ${args.join(' ')}`)
  }
  const args = ['playground', 'down', '--name', NAME]
  await step('playground removed', () => tool(args), `npx aisctl ${args.join(' ')}`)
}

/** One line per step: what, and how long it took. */
async function step(title, act, next) {
  const at = Date.now()
  if (process.stdout.isTTY) process.stdout.write(dim(`… ${title}`))
  const result = await act()
  if (process.stdout.isTTY) process.stdout.write('\r\u001B[2K')
  if (result.status !== 0) throw new StepFailed(title, result.lines, next)
  console.log(`${green('✔')} ${title} ${dim(seconds(at))}`)
  return result.lines
}

/** A step of aisctl that answers with JSON. */
async function stepJson(title, args) {
  const lines = await step(title, () => tool(args), `npx aisctl ${args.join(' ')}`)
  return parseOutput(lines)
}

async function readJson(args) {
  const {status, lines} = await tool(args)
  if (status !== 0) throw new StepFailed(args.join(' '), lines, `npx aisctl ${args.join(' ')}`)
  return parseOutput(lines)
}

/** The JSON object in an output that may have lines of progress before it. */
function parseOutput(lines) {
  const start = lines.findIndex((line) => line.startsWith('{'))
  return JSON.parse(lines.slice(start).join('\n'))
}

/** A command of aisctl whose output is wanted; where the cluster is reached. */
async function aisctl(cluster, args) {
  const {status, lines} = await tool([...cluster.prefix, ...args])
  if (status !== 0) throw new StepFailed(args.join(' '), lines, commandLine(cluster, args))
  return lines
}

function tool(args) {
  return run('node', ['bin/aisctl.js', ...args], {timeoutMs: STEP_TIMEOUT_MS})
}

function commandLine(cluster, args) {
  return `npx aisctl ${[...cluster.prefix, ...args].join(' ')}`
}
