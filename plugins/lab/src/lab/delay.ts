/** Delay lines: latency, jitter and loss of one host's link, by a process between two taps. */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {closeSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {asset} from './assets.ts'
import {joinPowerCgroup} from './cgroups.ts'
import {BRIDGE, POWER_OFF_MS_MAX} from './limits.ts'
import {hostName, hostPaths, labCgroup, namespaceName} from './names.ts'
import {insideNetwork} from './network.ts'
import {livingProcess, processRef, signalProcess} from './processes.ts'
import {attempt} from './run.ts'
import type {LabState} from './state.ts'
import {waitUntil} from './wait.ts'

export interface Delay {
  /** Each way. */
  readonly delayMs: number
  readonly jitterMs: number
  readonly lossPercent: number
}

/** Whether a delay line stands before the host. */
export function isDelayed(lab: LabState, number: number): boolean {
  return livingProcess(hostPaths(lab, number).delay) !== undefined
}

/** Puts a delay line before the host, in place of the one that is there. */
export async function startDelay(lab: LabState, number: number, delay: Delay): Promise<void> {
  await stopDelay(lab, number)
  const {directory, delay: pidFile} = hostPaths(lab, number)
  const log = join(directory, 'delay.log')
  const output = openSync(log, 'w')
  const [file = '', ...words] = insideNetwork(lab, [
    'python3',
    asset('delay-line.py'),
    hostName(number),
    BRIDGE,
    String(delay.delayMs),
    String(delay.jitterMs),
    String(delay.lossPercent),
  ])
  const child = spawn(file, words, {detached: true, stdio: ['ignore', output, output], cwd: '/'})
  await once(child, 'spawn')
  closeSync(output)
  child.unref()
  const ref = processRef(child.pid ?? 0)
  if (ref !== undefined) {
    writeFileSync(pidFile, `${ref.pid} ${ref.startTicks}\n`)
    joinPowerCgroup(labCgroup(lab), ref.pid)
  }
  const ready = (): boolean => readFileSync(log, 'utf8').startsWith('ready')
  if (await waitUntil(ready, POWER_OFF_MS_MAX)) return
  throw new AisError({
    code: 'HOST_COMMAND',
    message: `the delay line of ${hostName(number)} did not start\n  ${readFileSync(log, 'utf8')}`,
    hint: 'it needs /dev/net/tun: modprobe tun',
  })
}

/** Takes the delay line away, if there is one. */
export async function stopDelay(lab: LabState, number: number): Promise<void> {
  const {delay} = hostPaths(lab, number)
  const line = livingProcess(delay)
  if (line !== undefined) {
    signalProcess(line, 'SIGTERM')
    await waitUntil(() => livingProcess(delay) === undefined, POWER_OFF_MS_MAX)
  }
  rmSync(delay, {force: true})
  const ip = ['ip', '-n', namespaceName(lab), 'link']
  const inner = `dx-${hostName(number)}`
  if ((await attempt([...ip, 'show', inner])).status !== 0) return
  // The host may be off, then it has no link to put back.
  await attempt([...ip, 'set', `vb-${hostName(number)}`, 'master', BRIDGE])
  await attempt([...ip, 'delete', inner])
}
