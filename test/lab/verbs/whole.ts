/** The lab as a whole: snapshots, repair, refusals, and what is left when it is removed. */

import {readFileSync} from 'node:fs'
import type {Test} from 'tap'
import {hostPaths} from '../../../plugins/lab/src/lab/names.ts'
import {livingProcess} from '../../../plugins/lab/src/lab/processes.ts'
import {attempt} from '../../../plugins/lab/src/lab/run.ts'
import {lab, type LabUnderTest, onHost, operatorReaches, stateOf} from '../lab-under-test.ts'

export async function wholeCases(t: Test, under: LabUnderTest): Promise<void> {
  await t.test('a snapshot brings back every disk, and what was away', async (t) => {
    await onHost(under, 1, 'echo one > /var/lib/state; echo one > /ais/mp1/state')
    await lab(under, 'disk', '2', '1', 'pull')
    t.equal((await lab(under, 'save', 'first')).status, 0)
    t.equal(await onHost(under, 1, 'echo two > /var/lib/state && echo written'), 'written')
    await onHost(under, 1, 'rm /ais/mp1/state; touch /ais/mp2/new; sync')
    await lab(under, 'disk', '2', '1', 'heal')
    await lab(under, 'cut', '3')
    t.equal((await lab(under, 'restore', 'first')).status, 0)
    t.equal(await onHost(under, 1, 'cat /var/lib/state /ais/mp1/state'), 'one\none')
    t.equal(await onHost(under, 1, 'ls /ais/mp2/new 2>/dev/null || echo none'), 'none')
    const {stdout} = await lab(under, 'status', '--json')
    const status = JSON.parse(stdout) as StatusShape
    t.equal(status.hosts[1]?.disks[0]?.state, 'pulled', 'as it was saved')
    t.same(status.networkFaults, [], 'faults are ended')
    t.same(status.snapshots, ['first'])
    await lab(under, 'heal', '--disks')
    t.match((await lab(under, 'restore', 'second')).stderr, /there are: first/)
  })

  await t.test('up on a running lab changes nothing', async (t) => {
    const boots = (): Promise<string[]> =>
      Promise.all([1, 2, 3].map((host) => onHost(under, host, 'cut -d" " -f22 /proc/1/stat')))
    const before = await boots()
    t.equal((await lab(under, 'up')).status, 0)
    t.same(await boots(), before)
  })

  await t.test('up mends a lab whose supervisor was killed', async (t) => {
    const supervisor = livingProcess(hostPaths(stateOf(under), 3).supervisor)
    t.ok(supervisor)
    if (supervisor !== undefined) process.kill(supervisor.pid, 'SIGKILL')
    t.equal((await lab(under, 'up')).status, 0)
    t.equal(await onHost(under, 3, 'systemctl is-system-running --wait'), 'running')
  })

  await t.test('the sudo users log in', async (t) => {
    const ops = await lab(under, 'ssh', '--user', 'ops', '1', 'sudo', '-n', 'id', '-u')
    t.same([ops.status], [0])
    const admin = await lab(under, 'ssh', '--user', 'admin', '1', 'sudo', '-n', 'id', '-u')
    t.not(admin.status, 0, 'admin has to give a password')
  })

  await t.test('mistakes are refused with what to do', async (t) => {
    t.match((await lab(under, 'power-off', '9')).stderr, /no host 9[^]*1 2 3/)
    t.match((await lab(under, 'split', '1 2', '2 3')).stderr, /no host in two/)
    t.match((await lab(under, 'disk', '1', '7', 'pull')).stderr, /no disk 7/)
    t.match((await lab(under, 'up', '2')).stderr, /3 hosts already/)
    t.match((await lab({...under, name: 'nowhere'}, 'status')).stderr, /no lab nowhere/)
    t.match((await lab({...under, name: '../x'}, 'status')).stderr, /no name for a lab/)
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const refused = await attempt([
      ...nobody,
      process.execPath,
      new URL('../../../bin/aisctl.js', import.meta.url).pathname,
      'lab',
      'up',
      '3',
    ])
    t.equal(refused.status, 4)
    t.match(refused.stderr, /needs root[^]*playground/)
  })
}

/** What the machine outside looks like; a lab must not change it. */
export async function machineFacts(): Promise<Record<string, string>> {
  const words = ['net/ipv4/ip_forward', 'kernel/core_pattern', 'kernel/pid_max', 'vm/swappiness']
  const settings = words.map((word) => readFileSync(`/proc/sys/${word}`, 'utf8'))
  const [links, routes] = await Promise.all([
    attempt(['ip', '-o', 'link']),
    attempt(['ip', 'route']),
  ])
  return {settings: settings.join(''), links: links.stdout, routes: routes.stdout}
}

/** Removes the lab; nothing of it may be left. */
export async function removalCases(
  t: Test,
  under: LabUnderTest,
  before: Record<string, string>,
): Promise<void> {
  await t.test('down leaves nothing behind', async (t) => {
    const {directory, name} = stateOf(under)
    t.ok(await operatorReaches(under, 1))
    t.equal((await lab(under, 'down')).status, 0)
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    t.notOk(mounts.includes(`${directory}/`), 'no mount')
    t.notOk((await attempt(['losetup', '--list'])).stdout.includes(`${directory}/`), 'no device')
    t.notOk((await attempt(['ip', 'netns'])).stdout.includes(`aislab-${name}`), 'no namespace')
    const processes = await attempt(['ps', '-eo', 'args'])
    t.notOk(processes.stdout.includes(`${directory}/`), 'no process')
    const groups = await attempt(['find', '/sys/fs/cgroup', '-name', `aislab-${name}*`])
    t.equal(groups.stdout, '', 'no cgroup')
    t.same(await machineFacts(), before, 'links, routes and settings are as they were')
  })
}

interface StatusShape {
  readonly hosts: readonly {readonly disks: readonly {readonly state: string}[]}[]
  readonly networkFaults: readonly string[]
  readonly snapshots: readonly string[]
}
