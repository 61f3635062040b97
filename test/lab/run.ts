/**
 * The lab ring: real hosts on this machine. It boots one lab, proves every verb of it, then what an
 * operator's cluster lives through. Needs root; without it the skip is loud, and in CI a failure.
 *
 *   npm run test:lab [-- --only verbs|cluster|processes|smallest] [--long] [--keep]
 *   npm run test:lab -- --scenario NAME,NAME
 */

import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import t from 'tap'
import {missingPackages, installCommand} from '../../plugins/lab/src/lab/requirements.ts'
import {run} from '../../plugins/lab/src/lab/run.ts'
import {ansibleCases} from './cluster/ansible.ts'
import {blackoutCases} from './cluster/blackout.ts'
import {clusterOf, deploy} from './cluster/cluster.ts'
import {decommissionCases, shutdownCases} from './cluster/departure.ts'
import {identityCases} from './cluster/identity.ts'
import {installCases} from './cluster/install.ts'
import {restartCases} from './cluster/restarts.ts'
import {lab, type LabUnderTest} from './lab-under-test.ts'
import {hostScenarios, processScenarios, smallestScenarios} from './scenarios/cases.ts'
import {diskCases} from './verbs/disks.ts'
import {networkCases} from './verbs/network.ts'
import {powerCases} from './verbs/power.ts'
import {machineFacts, removalCases, wholeCases} from './verbs/whole.ts'

const {values} = parseArgs({
  options: {
    only: {type: 'string'},
    long: {type: 'boolean'},
    keep: {type: 'boolean'},
    scenario: {type: 'string'},
  },
})
const choice = {
  long: values.long === true,
  only: (values.scenario ?? '').split(',').filter((name) => name !== ''),
}
const LABS = '/var/lib/aisctl-lab'
/** Beyond this something hangs. */
const RUN_TIMEOUT_S = choice.long ? 10_800 : 1800
const inCi = process.env['CI'] === 'true'

// What this machine knows of other clusters is none of the ring's business, and the other way
// round.
const knowledge = mkdtempSync(join(tmpdir(), 'aisctl-lab-ring-'))
process.env['AISCTL_STATE_DIR'] = knowledge
t.teardown(() => rmSync(knowledge, {recursive: true, force: true}))

t.setTimeout(RUN_TIMEOUT_S * 1000)
const obstacle = findObstacle()
if (obstacle === undefined) await runAll()
else if (inCi) t.fail(obstacle)
else {
  process.stderr.write(`\n*** the lab ring is SKIPPED: ${obstacle}\n\n`)
  t.plan(0, obstacle)
}

function findObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root'
  const missing = inCi ? [] : missingPackages()
  return missing.length === 0 ? undefined : `install first: ${installCommand(missing)}`
}

async function runAll(): Promise<void> {
  const plays = (part: string): boolean => values.only === undefined || values.only === part
  if (plays('verbs')) await verbs()
  if (plays('processes')) {
    await t.test('a cluster of processes', (t) => processScenarios(t, choice))
  }
  if (plays('cluster')) await clusterOnHosts()
  if (plays('smallest') && choice.long) await smallestCluster()
}

async function smallestCluster(): Promise<void> {
  await t.test('the smallest cluster that fails over', async (t) => {
    const under: LabUnderTest = {name: `smallest-${process.pid}`, directory: LABS}
    const size = ['--proxies', '2', '--targets', '1', '--disk-size', '512MiB']
    const up = await lab(under, 'up', '3', ...size, ...(inCi ? ['--install'] : []))
    t.equal(up.status, 0, up.stderr)
    if (up.status !== 0) return
    try {
      await deploy(clusterOf(under))
      await smallestScenarios(t, under, choice)
    } finally {
      if (values.keep !== true) t.equal((await lab(under, 'down')).status, 0)
    }
  })
}

async function clusterOnHosts(): Promise<void> {
  // What a deploy ships is what the sources say now.
  await run([process.execPath, fileURLToPath(new URL('../../bin/build.js', import.meta.url))])
  const under: LabUnderTest = {name: `cluster-${process.pid}`, directory: LABS}
  await t.test('a cluster on lab hosts', async (t) => {
    const hosts = values.long === true ? '7' : '3'
    const up = await lab(under, 'up', hosts, ...(inCi ? ['--install'] : []))
    t.equal(up.status, 0, up.stderr)
    if (up.status !== 0) return
    const cluster = clusterOf(under)
    try {
      await installCases(t, cluster)
      // Who names scenarios wants those alone.
      if (choice.only.length === 0) {
        await ansibleCases(t, cluster)
        await restartCases(t, cluster)
        await blackoutCases(t, cluster)
        await identityCases(t, cluster)
        await shutdownCases(t, cluster)
      }
      await hostScenarios(t, under, choice)
      // The cluster has fewer nodes afterwards.
      if (choice.only.length === 0) await decommissionCases(t, cluster)
    } finally {
      if (values.keep !== true) t.equal((await lab(under, 'down')).status, 0)
    }
  })
}

async function verbs(): Promise<void> {
  const under: LabUnderTest = {name: `verbs-${process.pid}`, directory: LABS}
  const before = await machineFacts()
  await t.test('verbs of the lab', async (t) => {
    const size = ['--disks', '2', '--disk-size', '128MiB', '--system-size', '1GiB']
    const up = await lab(
      under,
      'up',
      '3',
      '--targets',
      '3',
      ...size,
      ...(inCi ? ['--install'] : []),
    )
    t.equal(up.status, 0, up.stderr)
    if (up.status !== 0) return
    try {
      await powerCases(t, under)
      await networkCases(t, under)
      await diskCases(t, under)
      await wholeCases(t, under)
    } finally {
      if (values.keep !== true) await removalCases(t, under, before)
    }
  })
}
