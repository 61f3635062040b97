// `npm test`: installs what it needs and runs every ring of the tests, one after the other: check
// (types, lint, arrows, format, unit), coverage, sim, compat, lab. Plain JavaScript, because it
// runs under whatever Node the machine has until Node 24 is installed. A tool that is missing is a
// loud failure in CI and a loud skip elsewhere. The last line is `N passed, N failed`, over all
// rings.
//
//   npm test [-- --only check,sim] [--verbose]

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
  run,
  seconds,
  staleModules,
  yellow,
} from '../bin/steps.js'

const inCi = process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false'
const options = process.argv.slice(2)
const verbose = options.includes('--verbose')
const only = options.includes('--only') ? options[options.indexOf('--only') + 1].split(',') : null

/** Debian packages that the rings need beyond Node and git; installed when this is root. */
const DEBIAN = {
  check: ['python3', 'systemd', 'ansible-core'],
  compat: ['python3', 'python3-venv', 'curl'],
  lab: [...labPackages(), 'ansible-core', 'curl'],
}

/** Seeds of the simulator that every run repeats; new seeds are for `npm run proof -- sim`. */
const SIM_SEEDS = 120
const SIM_FIRST_SEED = 1

/** A ring that takes longer than this hangs. */
const RING_TIMEOUT_MS = 780_000

/** Output is kept and counted: no colours in it. */
const PLAIN = {NO_COLOR: '1', FORCE_COLOR: '0'}

/** Lines shown of a ring that failed. */
const FAILURE_LINES = 120
/** And of one failure, its first line included. */
const LINES_OF_FAILURE = 20

const rings = [
  {name: 'types', group: 'check', script: ['check:types'], count: countExit},
  {name: 'lint', group: 'check', script: ['check:lint'], count: countExit},
  {name: 'arrows', group: 'check', script: ['check:arrows'], count: countExit},
  {name: 'format', group: 'check', script: ['check:format'], count: countExit},
  {name: 'unit', group: 'check', script: ['test:unit', '--', '--reporter=tap'], count: countTap},
  {name: 'coverage', group: 'coverage', script: ['test:coverage'], count: countExit},
  {
    name: 'sim',
    group: 'sim',
    script: ['sim', '--', '--seeds', SIM_SEEDS, '--seed', SIM_FIRST_SEED, '--mutants', '--json'],
    count: countSim,
  },
  {
    name: 'compat',
    group: 'compat',
    script: ['test:compat', '--', '--reporter=tap'],
    needs: {programs: ['python3', 'curl']},
    count: countTap,
  },
  {
    name: 'lab',
    group: 'lab',
    script: ['test:lab'],
    needs: {
      root: true,
      programs: ['systemd-nspawn', 'ip', 'nft', 'mmdebstrap', 'ansible-playbook'],
    },
    count: countTap,
  },
]

const total = {passed: 0, failed: 0}
const startMs = Date.now()

await prepare()
for (const ring of rings) {
  if (only === null || only.includes(ring.group) || only.includes(ring.name)) await runRing(ring)
}
console.log(dim(`all rings: ${seconds(startMs)}`))
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1

/**
 * Node modules as locked, Debian packages when root; the rings say loudly what is still missing.
 */
async function prepare() {
  const stale = staleModules()
  if (stale !== null) await step(`npm ci (${stale})`, () => installModules())
  if (!isRoot() || !has('apt-get')) return
  const wanted = Object.entries(DEBIAN)
    .filter(([name]) => only === null || only.includes(name))
    .flatMap(([, packages]) => packages)
  const missing = missingDebian([...new Set(wanted)])
  if (missing.length > 0)
    await step(`apt-get install ${missing.join(' ')}`, () => installDebian(missing))
}

async function step(title, act) {
  const at = Date.now()
  const {status, lines} = await act()
  if (status === 0) return console.log(`${green('✔')} ${title} ${dim(seconds(at))}`)
  total.failed += 1
  console.log(`${red('✖')} ${title} ${dim(seconds(at))}`)
  for (const line of lines.slice(-FAILURE_LINES)) console.log(`    ${line}`)
}

async function runRing(ring) {
  const missing = missingTools(ring.needs ?? {})
  if (missing.length > 0) return withoutTools(ring, missing)
  const at = Date.now()
  if (verbose) console.log(bold(`── ${ring.name}`))
  const failures = []
  const note = noteFailures(failures)
  const onLine = verbose ? (line) => console.log(`  ${hideTotals(line)}`) : note
  const args = ['run', '--silent', ...ring.script.map(String)]
  const {status, lines} = await run('npm', args, {onLine, env: PLAIN, timeoutMs: RING_TIMEOUT_MS})
  const {passed, failed} = ring.count(status, lines)
  const unexplained = status !== 0 && failed === 0 ? 1 : 0
  total.passed += passed
  total.failed += failed + unexplained
  const mark = failed + unexplained === 0 ? green('✔') : red('✖')
  console.log(
    `${mark} ${ring.name}: ${passed} ok, ${failed + unexplained} not ok ${dim(seconds(at))}`,
  )
  if (failed + unexplained > 0 && !verbose) showFailure(failures, lines)
}

function missingTools({programs = [], root = false}) {
  const missing = programs.filter((program) => !has(program))
  return root && !isRoot() ? ['root', ...missing] : missing
}

function withoutTools(ring, missing) {
  const what = `${ring.name}: not run, ${missing.join(', ')} missing`
  if (inCi) total.failed += 1
  console.log(inCi ? red(`✖ ${what}`) : yellow(`⚠ SKIPPED ${what}`))
}

/** Keeps what says that something failed, with what follows: a long run's lines are not all kept. */
function noteFailures(failures) {
  let following = 0
  return (line) => {
    if (/^\s*not ok /.test(line)) following = LINES_OF_FAILURE
    if (following === 0 || failures.length >= FAILURE_LINES) return
    following -= 1
    failures.push(line)
  }
}

/** What failed, and the end of the output. */
function showFailure(failures, lines) {
  const end = lines.slice(failures.length === 0 ? -FAILURE_LINES : -LINES_OF_FAILURE)
  for (const line of [...failures, ...end]) console.log(`    ${hideTotals(line)}`)
}

/** The closing line of a ring is not the closing line of the run. */
function hideTotals(line) {
  return /^\s*\d+ passed, \d+ failed/.test(line) ? `(${line.trim()})` : line
}

/** A tool that says nothing countable: its exit status is one result. */
function countExit(status) {
  return status === 0 ? {passed: 1, failed: 0} : {passed: 0, failed: 1}
}

/** The sum line of tap, or `N passed, N failed` of a runner of our own. */
function countTap(_status, lines) {
  for (const line of lines.toReversed?.() ?? [...lines].reverse()) {
    const own = /^\s*(\d+) passed, (\d+) failed/.exec(line)
    if (own !== null) return {passed: Number(own[1]), failed: Number(own[2])}
    const sum = /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?/.exec(line)
    if (sum !== null) return {passed: Number(sum[2] ?? 0), failed: Number(sum[3] ?? 0)}
  }
  return {passed: 0, failed: 1}
}

/** One result per seed, one per mutant. */
function countSim(_status, lines) {
  const json = [...lines].reverse().find((line) => line.startsWith('{'))
  if (json === undefined) return {passed: 0, failed: 1}
  const {seeds, violations, notConverged, mutants = []} = JSON.parse(json)
  const bad = new Set([...violations.map(({seed}) => seed), ...notConverged]).size
  const missed = mutants.filter(({caught}) => !caught).length
  return {passed: seeds - bad + mutants.length - missed, failed: bad + missed}
}
