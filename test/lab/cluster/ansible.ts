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
  unitOf,
} from './cluster.ts'
import {allThere} from './install.ts'

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

/** `ansible-playbook` from an export, with neither Node nor aisctl on the machine. */
function playbook(cluster: Cluster, directory: string, name: string): Promise<RunResult> {
  const ansible = ['ansible-playbook', `aisctl.cluster.${name}`]
  const hidden = ['unshare', '--mount', 'sh', '-c', WITHOUT_NODE, 'sh', ...ansible]
  const here = ['env', '--chdir', directory, 'ANSIBLE_NOCOLOR=1', ...hidden]
  return attempt(insideNetwork(stateOf(cluster.under), here), {timeoutMs: PLAYBOOK_MS_MAX})
}

/** The counts of the recap, one per host. */
function changed(output: string): number[] {
  const recap = output.slice(output.lastIndexOf('PLAY RECAP'))
  return [...recap.matchAll(/^h\d+\s.*changed=(\d+)/gm)].map((match) => Number(match[1]))
}
