/** Runs on scratch hosts: lock, journal, resume, audit, debts; processes are really killed. */

import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {appendFileSync, existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import t from 'tap'
import {defined} from '../../src/base/assert.ts'
import {historyOf, verifyAudit} from '../../src/ops/run/audit.ts'
import {newHolder} from '../../src/ops/run/holder.ts'
import {takeLock, type RunLock} from '../../src/ops/run/lock.ts'
import {readAllStates} from '../../src/ops/run/read-state.ts'
import {debtsOfRuns, supersedes, unfinishedRuns} from '../../src/ops/run/runs.ts'
import {scratchFleet, topologyWith, type ScratchFleet} from '../helpers/ops/scratch-fleet.ts'
import {endState, hostsOf, performRun, restartsOf} from '../helpers/ops/scratch-run.ts'

const RUN = new URL('../helpers/ops/scratch-run.ts', import.meta.url).pathname
const PATIENCE_MS = 30_000

function take(fleet: ScratchFleet, what: string): Promise<RunLock> {
  return takeLock(hostsOf(fleet), newHolder(what, Date.now()), Date.now)
}

/** Does nothing but be a run. */
const LOOK = {title: 'look', steps: [], parallel: 1}

/** Another aisctl, in a process of its own. */
function startRun(directory: string): ChildProcess {
  return spawn(process.execPath, ['--conditions=aisctl-source', RUN, directory], {
    env: {...process.env, NODE_OPTIONS: ''},
    stdio: 'inherit',
  })
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('has not come in time')
    await sleep(50)
  }
}

/** The next flush of a host, counted from now, kills whoever asked for it. */
function killAtFlush(fleet: ScratchFleet, host: string, count: number): void {
  fleet.at(host).program(
    'sync',
    `n=$(($(cat $SCRATCH/flushes 2>/dev/null || echo 0) + 1)); echo $n >$SCRATCH/flushes
[ $n != ${count} ] || kill -9 $PPID; exec /bin/sync "$@"`,
  )
}

t.test('of two runs one holds the hosts; the other is told who does what since when', async (t) => {
  const fleet = scratchFleet(t.testdir())
  const first = await take(fleet, 'node stop t1')
  t.equal(first.hosts.length, 3)
  const expected = /^h1: \S+ from \S+ runs "node stop t1" since /
  await t.rejects(take(fleet, 'deploy'), {code: 'BUSY', message: expected})
  const {states} = await readAllStates(hostsOf(fleet))
  const {run} = first.holder
  t.strictSame(
    states.map(({holder}) => holder?.run),
    [run, run, run],
    'the loser has left the names of the holder',
  )
  await first.release()
  const second = await take(fleet, 'deploy')
  t.equal(second.lost(), undefined)
  await second.release()
})

t.test(
  'a killed run leaves its lock, but not while its work goes on; resume ends it',
  async (t) => {
    const directory = t.testdir()
    const fleet = scratchFleet(directory)
    const working = join(directory, 'h2/working')
    const systemctl = readFileSync(join(directory, 'h2/bin/systemctl'), 'utf8')
    fleet
      .at('h2')
      .program(
        'systemctl',
        `[ "$1" != start ] || { touch ${working}; while [ -e ${working} ]; do sleep 0.1; done; }\n${systemctl}`,
      )
    const child = startRun(directory)
    await until(() => existsSync(working))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const refused = (): Promise<string> =>
      take(fleet, 'other').then(
        async (lock) => {
          await lock.release()
          return 'taken'
        },
        (error: Error) => error.message,
      )
    await until(async () => (await refused()).startsWith('h2: '))
    await sleep(500)
    t.match(await refused(), /^h2: .* runs "deploy" since/, 'its work goes on there')
    rmSync(working)
    await until(async () => (await refused()) === 'taken')

    const left = unfinishedRuns((await readAllStates(hostsOf(fleet))).states)
    const {run, header} = defined(left[0], 'a run was not finished')
    t.match(debtsOfRuns(left), [{pay: `aisctl resume ${run}`, what: /was not finished/}])
    const {outcome, debtLine} = await performRun(fleet, {resumes: header})
    t.strictSame([outcome.failed, debtLine], [[], undefined])
    t.strictSame(unfinishedRuns((await readAllStates(hostsOf(fleet))).states), [])
  },
)

t.test('killed at any flush of a host, a run is resumed to the same end state', async (t) => {
  const one = topologyWith(['h1'])
  const calm = scratchFleet(join(t.testdir({}), 'calm'), one)
  await performRun(calm)
  const expected = endState(calm)
  t.equal(restartsOf(calm), 1)
  let killed = 0
  for (let count = 1; ; count += 7) {
    const fleet = scratchFleet(join(t.testdirName, String(count)), one)
    killAtFlush(fleet, 'h1', count)
    await performRun(fleet).catch(() => undefined)
    const flushes = Number(readFileSync(join(t.testdirName, `${count}/h1/flushes`), 'utf8'))
    if (flushes < count) break
    killed++
    const {states} = await readAllStates(hostsOf(fleet))
    const [left] = unfinishedRuns(states)
    await performRun(fleet, left === undefined ? {} : {resumes: left.header})
    t.strictSame(endState(fleet), expected, `killed at flush ${count}`)
    t.ok(restartsOf(fleet) <= 1 + (left === undefined ? 1 : 0), `restarts, flush ${count}`)
  }
  t.ok(killed >= 3, `${killed} kills`)
})

t.test(
  'the audit tells who did what; an altered line, a lost one, a cut end are seen',
  async (t) => {
    const directory = t.testdir()
    const fleet = scratchFleet(directory)
    await performRun(fleet, {}, LOOK)
    await performRun(fleet, {}, LOOK)
    const read = async () => (await readAllStates(hostsOf(fleet), {audit: true})).states
    const before = await read()
    t.strictSame(verifyAudit(before), [])
    t.match(historyOf(before), [
      {what: 'deploy', outcome: 'done', hosts: ['h1', 'h2', 'h3']},
      {what: 'deploy', outcome: 'done'},
    ])
    const file = join(directory, 'h2/root/var/lib/aisctl/audit.jsonl')
    const text = readFileSync(file, 'utf8')
    const lines = text.split('\n')
    writeFileSync(file, text.replace('"deploy"', '"nothing"'))
    t.match(verifyAudit(await read()), [{host: 'h2', line: 2}])
    writeFileSync(file, lines.toSpliced(1, 1).join('\n'))
    t.match(verifyAudit(await read()), [{host: 'h2', line: 2}])
    writeFileSync(file, `${lines.slice(0, 1).join('\n')}\n`)
    t.match(verifyAudit(await read()), [{host: 'h2', line: 0, why: /has seen/}])
    writeFileSync(file, `${text}{"torn`)
    await performRun(fleet, {}, LOOK)
    t.strictSame(verifyAudit(await read()), [], 'a torn line is no alteration')
  },
)

t.test('a host that missed the end of a run is told it by the next one', async (t) => {
  const directory = t.testdir()
  const fleet = scratchFleet(directory)
  await performRun(fleet, {}, LOOK)
  const [known] = historyOf((await readAllStates(hostsOf(fleet), {audit: true})).states)
  const file = join(directory, `h1/root/var/lib/aisctl/runs/${known?.run}/host.jsonl`)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.slice(0, text.indexOf('{"at"', 1)))
  t.notMatch(readFileSync(file, 'utf8'), '"end"')
  t.strictSame(unfinishedRuns((await readAllStates(hostsOf(fleet))).states), [])
  t.equal((await performRun(fleet, {}, LOOK)).debtLine, undefined)
  t.match(readFileSync(file, 'utf8'), '"end"')
})

t.test('what a run owes is told until it is paid', async (t) => {
  const directory = t.testdir()
  const fleet = scratchFleet(directory)
  const debt = {key: 'unreachable:h3', what: 'h3 was not reached', pay: 'aisctl deploy'}
  const first = await performRun(fleet, {debts: () => [debt]}, LOOK)
  t.match(first.debtLine, /1 debt is open: h3 was not reached\. Look: aisctl show debts/)
  t.match((await readAllStates(hostsOf(fleet))).states[2]?.debts, [debt])
  const again = await performRun(fleet, {}, LOOK)
  t.match(again.debtLine, /1 debt/)
  const paid = await performRun(fleet, {paid: () => ['unreachable:h3']}, LOOK)
  t.equal(paid.debtLine, undefined)
})

t.test('a finished run supersedes an unfinished one of the same kind and nodes', (t) => {
  const header = (run: string, verb: string, nodes: string[]) =>
    ({run, uuid: 'u', intent: {verb, nodes, options: {}}}) as never
  t.ok(supersedes(header('2', 'deploy', []), header('1', 'deploy', [])))
  t.ok(supersedes(header('2', 'node stop', ['a', 'b']), header('1', 'node stop', ['a'])))
  t.notOk(supersedes(header('2', 'node stop', ['a']), header('1', 'node stop', [])))
  t.notOk(supersedes(header('2', 'node start', ['a']), header('1', 'node stop', ['a'])))
  t.end()
})

t.test('what is not the newest format is refused; a torn line means nothing', async (t) => {
  const directory = t.testdir()
  const fleet = scratchFleet(directory)
  killAtFlush(fleet, 'h1', 0)
  const lock = await take(fleet, 'deploy')
  const {run} = lock.holder
  await lock.hosts[0]?.put(`runs/${run}/header.json`, `{"format":1,"run":"${run}"}`)
  await lock.hosts[0]?.append(`runs/${run}/host.jsonl`, '{"act":"files","state":"begin"}')
  await lock.release()
  appendFileSync(join(directory, `h1/root/var/lib/aisctl/runs/${run}/host.jsonl`), '{"act":"fi')
  const read = await readAllStates(hostsOf(fleet))
  t.strictSame(unfinishedRuns(read.states)[0]?.open, ['h1: files'])
  writeFileSync(join(directory, 'h1/root/var/lib/aisctl/debts/x.json'), '{"format":2}')
  const {silent} = await readAllStates(hostsOf(fleet))
  t.match(silent.get('h1'), {code: 'INCOMPATIBLE'})
})
