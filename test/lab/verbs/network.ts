/** Partitions, loss, delay and freezing, seen from the hosts. */

import type {Test} from 'tap'
import {
  healed,
  lab,
  type LabUnderTest,
  lossPercent,
  onHost,
  operatorReaches,
  reaches,
  roundTripMs,
} from '../lab-under-test.ts'

const ALL = [1, 2, 3]

export async function networkCases(t: Test, under: LabUnderTest): Promise<void> {
  const heal = async (t: Test): Promise<void> => {
    t.equal((await lab(under, 'heal')).status, 0)
    t.ok(await healed(under, ALL), 'healed')
  }

  await t.test('a split keeps groups apart, and the operator reaches both', async (t) => {
    t.equal((await lab(under, 'split', '1 2', '3')).status, 0)
    t.ok(await reaches(under, 1, 2), 'same side')
    t.notOk(await reaches(under, 1, 3), 'other side')
    t.notOk(await reaches(under, 3, 2), 'and back')
    t.ok((await operatorReaches(under, 1)) && (await operatorReaches(under, 3)))
    await heal(t)
  })

  await t.test('one way is lost, the way back is open', async (t) => {
    t.equal((await lab(under, 'one-way', '1', '2')).status, 0)
    const heard = `timeout 3 python3 - <<'X'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 4747)); s.settimeout(1.5)
try: print(s.recv(10).decode())
except TimeoutError: print("nothing")
X`
    const say = (to: number): string =>
      `sleep 0.4; for i in 1 2 3; do echo -n heard > /dev/udp/10.43.$(hostname -I | cut -d. -f3).${10 + to}/4747; sleep 0.1; done`
    const [lost] = await Promise.all([onHost(under, 2, heard), onHost(under, 1, say(2))])
    t.equal(lost, 'nothing', 'h2 does not hear h1')
    // The sender knows the neighbour already: an answer to its question would not arrive.
    const static3 = 'ip neigh replace $(getent hosts h1 | cut -d" " -f1) lladdr'
    const mac = await onHost(under, 1, 'cat /sys/class/net/host0/address')
    await onHost(under, 2, `${static3} ${mac} dev host0`)
    const [open] = await Promise.all([onHost(under, 1, heard), onHost(under, 2, say(1))])
    t.equal(open, 'heard', 'h1 hears h2')
    await onHost(under, 2, 'ip neigh flush all')
    await heal(t)
  })

  await t.test('a host that is cut off is reached by the operator alone', async (t) => {
    t.equal((await lab(under, 'cut', '2')).status, 0)
    t.notOk(await reaches(under, 1, 2))
    t.notOk(await reaches(under, 2, 3))
    t.ok(await reaches(under, 1, 3), 'others are untouched')
    t.ok(await operatorReaches(under, 2))
    await heal(t)
    t.equal((await lab(under, 'cut', '2', '--unplug')).status, 0)
    t.notOk(await operatorReaches(under, 2), 'unplugged: nobody')
    await heal(t)
  })

  await t.test('loss takes its share', async (t) => {
    t.equal((await lab(under, 'loss', '1', '20')).status, 0)
    // 20 % each way: 36 % of the pings are not answered.
    const lost = await lossPercent(under, 1, 2)
    t.ok(lost > 20 && lost < 55, `${lost} % of 200 pings lost`)
    await heal(t)
    t.equal(await lossPercent(under, 1, 2), 0)
  })

  await t.test('a delay line delays each way, over a reboot, beside a split', async (t) => {
    t.equal((await lab(under, 'delay', '1', '40')).status, 0)
    const delayed = (ms: number): boolean => ms >= 78 && ms < 130
    t.ok(delayed(await roundTripMs(under, 2, 1)), 'twice 40 ms')
    t.equal((await lab(under, 'reboot', '1')).status, 0)
    await new Promise((resolve) => setTimeout(resolve, 500))
    t.ok(delayed(await roundTripMs(under, 2, 1)), 'after a reboot')
    t.equal((await lab(under, 'split', '1', '2 3')).status, 0)
    t.notOk(await reaches(under, 1, 2), 'a split acts behind a delay line, too')
    await heal(t)
    t.ok((await roundTripMs(under, 2, 1)) < 20, 'gone')
  })

  await t.test('a frozen host accepts connections and does nothing', async (t) => {
    t.equal((await lab(under, 'freeze', '2')).status, 0)
    t.ok(await operatorReaches(under, 2), 'its kernel answers')
    t.match(await onHost(under, 2, 'true', 2000), /^status/, 'no process does')
    t.equal((await lab(under, 'thaw', '2')).status, 0)
    t.equal(await onHost(under, 2, 'echo awake'), 'awake')
  })
}
