/** The same hosts by playbooks: both deployers agree, and plain Ansible runs the cluster alone. */

import {join} from 'node:path'
import type {Test} from 'tap'
import {insideNetwork} from '../../../plugins/lab/src/lab/network.ts'
import {attempt, type RunResult} from '../../../plugins/lab/src/lab/run.ts'
import {lab, stateOf} from '../lab-under-test.ts'
import {
  type Cluster,
  deploy,
  has,
  hostsOf,
  isWell,
  onNode,
  operate,
  settled,
  startWriting,
  unitOf,
} from './cluster.ts'
import {allThere, via} from './install.ts'

const PLAYBOOK_MS_MAX = 600_000
/** Runs a command where neither Node nor aisctl is to be found. */
const WITHOUT_NODE = `for tool in node npm aisctl; do
  path=$(command -v "$tool") && mount --bind /dev/null "$(readlink -f "$path")"
done
exec "$@"`

export async function ansibleCases(t: Test, cluster: Cluster): Promise<void> {
  if (!(await has('ansible-playbook'))) {
    const how = 'ansible-playbook is not there: apt-get install ansible-core'
    if (process.env['CI'] === 'true') t.fail(how)
    else process.stderr.write(`\n*** the playbooks are SKIPPED: ${how}\n\n`)
    return
  }
  const directory = join(stateOf(cluster.under).directory, 'export')

  await t.test(
    'the deploy playbook and aisctl deploy find nothing to do after each other',
    async (t) => {
      const exported = await operate(
        cluster,
        'ansible',
        'export',
        directory,
        '-f',
        cluster.topology,
      )
      t.equal(exported.status, 0, exported.stderr)
      const first = await playbook(cluster, directory, 'deploy')
      t.equal(first.status, 0, first.stdout.slice(-2000))
      t.same(
        changed(first.stdout),
        hostsOf(cluster).map(() => 0),
        'changed=0 on every host',
      )
      const {reports, restarted} = await deploy(cluster)
      t.ok(reports.every((report) => report.changed === 0))
      t.same(restarted, [])
    },
  )

  await t.test(
    'a rolling restart by a playbook takes nodes in the order of aisctl, and loses nothing',
    async (t) => {
      const [before] = await settled(cluster)
      const plan = await operate(
        cluster,
        'cluster',
        'restart',
        '--dry-run',
        '--topology',
        cluster.topology,
      )
      t.equal(plan.status, 0, plan.stderr)
      const planned = [...plan.stdout.matchAll(/restart [pt]\[([\w-]+)\]/g)].map(([, id]) => id)
      const options = {prefix: 'rolling', count: 100_000, bytesMax: 4096, forMs: PLAYBOOK_MS_MAX}
      const writing = startWriting(cluster, options)
      const roll = await playbook(cluster, directory, 'restart')
      await writing.stop()
      t.equal(roll.status, 0, roll.stdout.slice(-2000))
      t.same(await startedInOrder(cluster), planned, 'as `aisctl cluster restart` would')
      t.equal((await settled(cluster))[0]?.uuid, before?.uuid)
      await allThere(t, cluster)
    },
  )

  await t.test(
    'aisctl runs a playbook, says what it would do, and keeps its exit code',
    async (t) => {
      const from = ['--from', directory]
      const looked = await operate(
        cluster,
        'ansible',
        'run',
        'restart',
        '--check',
        '--json',
        ...from,
      )
      t.equal(looked.status, 0, looked.stderr)
      const {steps} = JSON.parse(looked.stdout) as {steps: Record<string, string[]>}
      const units = cluster.nodes.map((node) => `systemctl restart ${unitOf(node)}`)
      const said = Object.values(steps).flat()
      t.same(said.filter((step) => step.startsWith('systemctl')).toSorted(), units.toSorted())
      const refused = await operate(cluster, 'ansible', 'run', 'node_restart', ...from)
      t.equal(refused.status, 2)
      t.match(refused.stderr, /Name the nodes: --limit HOST/)
    },
  )

  await t.test('a playbook takes a target out after its data has moved, and back', async (t) => {
    const node = cluster.nodes.findLast(({role}) => role === 'target')
    if (node === undefined) throw new Error('there is no target')
    const named = ['-e', JSON.stringify({aisctl_ids: [node.id]})]
    const out = await playbook(cluster, directory, 'node_shutdown', ...named)
    t.equal(out.status, 0, out.stdout.slice(-2000))
    t.equal(await onNode(cluster, node, `systemctl is-active ${unitOf(node)}`), 'inactive')
    await allThere(t, cluster)
    const again = await playbook(cluster, directory, 'node_shutdown', ...named)
    t.same(new Set(changed(again.stdout)), new Set([0]), 'and finds nothing to do then')
    const on = await playbook(cluster, directory, 'node_start', ...named)
    t.equal(on.status, 0, on.stdout.slice(-2000))
    const back = ['node', 'maintenance', 'stop', node.id, '--wait', '--yes', ...via(cluster)]
    t.equal((await operate(cluster, ...back)).status, 0)
    t.ok(isWell(cluster, await settled(cluster)))
    await allThere(t, cluster)
  })

  await t.test(
    'playbooks alone shut the cluster down and start it after a power-off',
    async (t) => {
      const [before] = await settled(cluster)
      const down = await playbook(cluster, directory, 'shutdown')
      t.equal(down.status, 0, down.stdout.slice(-2000))
      for (const node of cluster.nodes) {
        t.equal(await onNode(cluster, node, `systemctl is-active ${unitOf(node)}`), 'inactive')
      }
      t.equal((await lab(cluster.under, 'power-off', 'all')).status, 0)
      t.equal((await lab(cluster.under, 'power-on', 'all')).status, 0)
      const up = await playbook(cluster, directory, 'start')
      t.equal(up.status, 0, up.stdout.slice(-2000))
      const maps = await settled(cluster)
      t.ok(isWell(cluster, maps))
      t.equal(maps[0]?.uuid, before?.uuid)
      await allThere(t, cluster)
    },
  )
}

/** Ids of all nodes by when their units were started last; the hosts share one clock. */
async function startedInOrder(cluster: Cluster): Promise<string[]> {
  const show = 'systemctl show -P ActiveEnterTimestampMonotonic'
  const times = await Promise.all(
    cluster.nodes.map(async (node) => {
      const at = Number(await onNode(cluster, node, `${show} ${unitOf(node)}`))
      return {id: node.id, at}
    }),
  )
  return times.toSorted((a, b) => a.at - b.at).map(({id}) => id)
}

/** `ansible-playbook` from an export, with neither Node nor aisctl on the machine. */
function playbook(
  cluster: Cluster,
  directory: string,
  name: string,
  ...words: string[]
): Promise<RunResult> {
  const ansible = ['ansible-playbook', `aisctl.cluster.${name}`, ...words]
  const hidden = ['unshare', '--mount', 'sh', '-c', WITHOUT_NODE, 'sh', ...ansible]
  const here = ['env', '--chdir', directory, 'ANSIBLE_NOCOLOR=1', ...hidden]
  return attempt(insideNetwork(stateOf(cluster.under), here), {timeoutMs: PLAYBOOK_MS_MAX})
}

/** The counts of the recap, one per host. */
function changed(output: string): number[] {
  const recap = output.slice(output.lastIndexOf('PLAY RECAP'))
  return [...recap.matchAll(/^h\d+\s.*changed=(\d+)/gm)].map((match) => Number(match[1]))
}
