/**
 * The lab's network: a namespace with one bridge. The machine outside gets no address, no route and
 * no setting; whoever wants to talk to the hosts runs inside the namespace (`aisctl lab ns -- …`).
 */

import {existsSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {stripVTControlCharacters} from 'node:util'
import {AisError} from 'aisctl/kit'
import {asset} from './assets.ts'
import {BOOT_SECONDS_MAX, BRIDGE} from './limits.ts'
import {
  hostAddress,
  hostName,
  hostPaths,
  namespaceName,
  namespacePath,
  operatorAddress,
} from './names.ts'
import {attempt, run} from './run.ts'
import type {LabState} from './state.ts'

/** Makes the namespace and the bridge as far as they are not there. */
export async function raiseNetwork(lab: LabState): Promise<void> {
  const name = namespaceName(lab)
  if (!existsSync(namespacePath(lab))) await run(['ip', 'netns', 'add', name])
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
  const {status} = await attempt(['ip', '-n', name, 'link', 'show', BRIDGE])
  if (status === 0) return
  const address = `${operatorAddress(lab)}/24`
  await run(['ip', '-n', name, '-batch', '-'], {
    input: [
      `link add ${BRIDGE} type bridge`,
      `addr add ${address} dev ${BRIDGE}`,
      `link set ${BRIDGE} up`,
    ].join('\n'),
  })
}

/** Removes the namespace; links that are in it go with it. */
export async function removeNetwork(lab: LabState): Promise<void> {
  if (existsSync(namespacePath(lab))) await run(['ip', 'netns', 'delete', namespaceName(lab)])
}

/** A command line that runs inside the lab's network. */
export function insideNetwork(lab: LabState, argv: readonly string[]): string[] {
  if (existsSync(namespacePath(lab)))
    return ['nsenter', `--net=${namespacePath(lab)}`, '--', ...argv]
  throw new AisError({
    code: 'NOT_READY',
    message: `lab ${lab.name} is not up`,
    hint: `run: aisctl lab up ${lab.hosts.length} --name ${lab.name}`,
  })
}

/** Waits until the hosts greet on SSH. */
export async function waitForSsh(lab: LabState, numbers: readonly number[]): Promise<void> {
  if (numbers.length === 0) return
  const addresses = numbers.map((number) => hostAddress(lab, number))
  const waiter = ['bash', asset('wait-ssh.sh'), String(BOOT_SECONDS_MAX), ...addresses]
  const {status, stdout} = await attempt(insideNetwork(lab, waiter))
  if (status === 0) return
  const silent = stdout.split('\n')
  const first = numbers.find((number) => silent.includes(hostAddress(lab, number)))
  const names = numbers.filter((number) => silent.includes(hostAddress(lab, number))).map(hostName)
  const log = join(hostPaths(lab, first ?? numbers[0] ?? 1).directory, 'boot.log')
  throw new AisError({
    code: 'TIMED_OUT',
    message: `${names.join(', ')} did not answer on SSH within ${BOOT_SECONDS_MAX} s: ${lastLine(log)}`,
    hint: `look at the console: ${log}`,
  })
}

/** What the host's console said last, without its colours. */
function lastLine(log: string): string {
  if (!existsSync(log)) return 'it has no console yet'
  return stripVTControlCharacters(readFileSync(log, 'utf8')).trim().split('\n').at(-1) ?? ''
}
