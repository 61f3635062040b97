/** Power: what a cut keeps and loses, reboot, and hosts that power themselves off. */

import type {Test} from 'tap'
import {lab, onHost, operatorReaches, type LabUnderTest} from '../lab-under-test.ts'

/** Enough to meet a loop device that is reused; more under --long. */
const POWER_CYCLES = process.argv.includes('--long') ? 25 : 3

const WRITE_SYNCED_AND_NOT = `python3 - <<'X'
import os
def put(path, sync):
    f = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(f, b"x" * 4096)
    if sync:
        os.fsync(f)
        os.fsync(os.open(os.path.dirname(path), os.O_RDONLY))
os.sync()
for folder in ("/var/lib", "/ais/mp1"):
    put(folder + "/synced", True)
    put(folder + "/unsynced", False)
f = os.open("/ais/mp1/synced", os.O_WRONLY | os.O_APPEND)
os.write(f, b"y" * 4096)
X`

export async function powerCases(t: Test, under: LabUnderTest): Promise<void> {
  await t.test('every host is a machine of its own', async (t) => {
    const ids = new Set<string>()
    for (const host of [1, 2, 3]) {
      t.equal(await onHost(under, host, 'systemctl is-system-running --wait'), 'running')
      ids.add(await onHost(under, host, 'cat /etc/machine-id'))
      const listeners = 'wc -l < /sys/fs/cgroup/system.slice/ssh.service/cgroup.procs'
      t.equal(await onHost(under, host, listeners), '1', 'its services are not those of others')
    }
    t.equal(ids.size, 3, 'machine ids differ')
  })

  await t.test('a power cut keeps what was synced and loses the rest', async (t) => {
    await onHost(under, 1, WRITE_SYNCED_AND_NOT)
    t.equal((await lab(under, 'power-off', '1')).status, 0)
    t.notOk(await operatorReaches(under, 1), 'it is off')
    t.equal((await lab(under, 'power-on', '1')).status, 0)
    const kept = await onHost(under, 1, 'ls /var/lib/synced /var/lib/unsynced /ais/mp1 2>/dev/null')
    t.match(kept, /\/var\/lib\/synced/)
    t.notMatch(kept, /unsynced/)
    t.equal(await onHost(under, 1, 'stat -c %s /ais/mp1/synced'), '4096', 'the append is lost')
  })

  await t.test('a reboot is a new boot of the same machine', async (t) => {
    const look = 'cat /proc/1/stat | cut -d" " -f22; cat /etc/machine-id'
    const [before, id] = (await onHost(under, 2, look)).split('\n')
    t.equal((await lab(under, 'reboot', '2')).status, 0)
    const [after, sameId] = (await onHost(under, 2, look)).split('\n')
    t.not(after, before)
    t.equal(sameId, id)
  })

  await t.test('a host that powers itself off stays off until it is powered on', async (t) => {
    await onHost(under, 3, 'systemctl poweroff')
    const deadline = performance.now() + 20_000
    const power = async (): Promise<string> => {
      const {stdout} = await lab(under, 'status', '--json')
      return (JSON.parse(stdout) as {hosts: {power: string}[]}).hosts[2]?.power ?? ''
    }
    while ((await power()) !== 'off' && performance.now() < deadline)
      await operatorReaches(under, 3)
    t.equal(await power(), 'off')
    t.equal((await lab(under, 'power-on', '3')).status, 0)
    t.ok(await operatorReaches(under, 3))
  })

  await t.test('power cycles in a row all boot', async (t) => {
    for (let round = 1; round <= POWER_CYCLES; round += 1) {
      t.equal((await lab(under, 'power-off', 'all')).status, 0)
      const {status, stderr} = await lab(under, 'power-on', 'all')
      t.equal(status, 0, `round ${round} ${stderr}`)
    }
  })
}
