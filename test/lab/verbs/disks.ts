/** Disks that turn read-only, die, are pulled, come back, or are replaced. */

import type {Test} from 'tap'
import {lab, onHost, type LabUnderTest, writes} from '../lab-under-test.ts'

const FILE = '/ais/mp1/file'

export async function diskCases(t: Test, under: LabUnderTest): Promise<void> {
  const disk = async (t: Test, action: string): Promise<void> => {
    const {status, stderr} = await lab(under, 'disk', '1', '1', action)
    t.equal(status, 0, `${action} ${stderr}`)
  }

  await t.test('a disk turns read-only and heals', async (t) => {
    t.equal(await writes(under, 1, FILE), 'ok')
    await disk(t, 'ro')
    t.equal(await writes(under, 1, FILE), 'EROFS')
    await disk(t, 'heal')
    t.equal(await writes(under, 1, FILE), 'ok')
  })

  await t.test(
    'a dead disk gives errors on every call, and comes back with what was synced',
    async (t) => {
      await disk(t, 'eio')
      t.equal(await writes(under, 1, FILE), 'EIO')
      t.equal(await writes(under, 1, '/ais/mp2/file'), 'ok', 'the other disk works')
      await disk(t, 'heal')
      t.equal(await onHost(under, 1, `stat -c %s ${FILE}`), '4096')
    },
  )

  await t.test('a pulled disk leaves a bare directory that only root may write to', async (t) => {
    await disk(t, 'pull')
    t.equal(await onHost(under, 1, 'mountpoint -q /ais/mp1 || echo bare'), 'bare')
    t.equal(await onHost(under, 1, 'ls -A /ais/mp1 | wc -l'), '0')
    const denied =
      'setpriv --reuid 65534 --clear-groups touch /ais/mp1/x 2>/dev/null || echo denied'
    t.equal(await onHost(under, 1, denied), 'denied')
  })

  await t.test('it stays away over a power cut, and the host boots without it', async (t) => {
    t.equal((await lab(under, 'power-off', '1')).status, 0)
    t.equal((await lab(under, 'power-on', '1')).status, 0)
    t.equal(await onHost(under, 1, 'mountpoint -q /ais/mp1 || echo bare'), 'bare')
    t.equal(await onHost(under, 1, 'mountpoint -q /ais/mp2 && echo there'), 'there')
    t.match((await lab(under, 'status')).stdout, /\/ais\/mp1 pulled/)
    await disk(t, 'heal')
    t.equal(await onHost(under, 1, `stat -c %s ${FILE}`), '4096', 'with its data')
  })

  await t.test('a running, shut-off service sees disks go and come', async (t) => {
    await onHost(
      under,
      1,
      `systemd-run --quiet --unit=watcher -p ProtectSystem=strict -p ReadWritePaths=/ais \\
         -p PrivateTmp=yes bash -c 'while sleep 0.1; do mountpoint -q /ais/mp1 && echo there || echo bare; done'`,
    )
    const seen = 'sleep 0.5; journalctl -u watcher -o cat -n 1'
    t.equal(await onHost(under, 1, seen), 'there')
    await disk(t, 'pull')
    t.equal(await onHost(under, 1, seen), 'bare')
    await disk(t, 'heal')
    t.equal(await onHost(under, 1, seen), 'there')
    await onHost(under, 1, 'systemctl stop watcher')
  })

  await t.test('a replaced disk is empty', async (t) => {
    await disk(t, 'replace')
    t.equal(await onHost(under, 1, 'ls -A /ais/mp1'), 'lost+found')
    t.equal(await writes(under, 1, FILE), 'ok')
  })
}
