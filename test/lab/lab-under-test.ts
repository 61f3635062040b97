/**
 * The lab that the cases share, and ways to look at it. Verbs go through the command line, as an
 * operator gives them; looks go straight to the hosts.
 */

import {fileURLToPath} from 'node:url'
import {waitForSsh} from '../../plugins/lab/src/lab/network.ts'
import {insideNetwork} from '../../plugins/lab/src/lab/network.ts'
import {openLab} from '../../plugins/lab/src/lab/registry.ts'
import {attempt, type RunResult} from '../../plugins/lab/src/lab/run.ts'
import {sshCommand} from '../../plugins/lab/src/lab/ssh.ts'
import type {LabState} from '../../plugins/lab/src/lab/state.ts'

const AISCTL = fileURLToPath(new URL('../../bin/aisctl.js', import.meta.url))
/** After a heal, a neighbour entry that failed meanwhile is asked for again within a second. */
const HEAL_MS_MAX = 5000
const COMMAND_TIMEOUT_MS = 300_000

export interface LabUnderTest {
  readonly name: string
  readonly directory: string
}

/** `aisctl lab …` on the lab; resolves however it ends. */
export function lab(under: LabUnderTest, ...words: string[]): Promise<RunResult> {
  const [verb = '', ...rest] = words
  return aisctl('lab', verb, '--name', under.name, '--dir', under.directory, ...rest)
}

/** The lab's state as written down. */
export function stateOf(under: LabUnderTest): LabState {
  return openLab(under.name, under.directory)
}

/** Any command of aisctl, outside of the lab's network. */
export function aisctl(...words: string[]): Promise<RunResult> {
  return attempt([process.execPath, AISCTL, ...words], {timeoutMs: COMMAND_TIMEOUT_MS})
}

/** Any command of aisctl, inside the lab's network. */
export function aisctlInside(under: LabUnderTest, ...words: string[]): Promise<RunResult> {
  const command = insideNetwork(stateOf(under), [process.execPath, AISCTL, ...words])
  return attempt(command, {timeoutMs: COMMAND_TIMEOUT_MS})
}

/** Runs a shell script on a host as root; its standard output, trimmed, or the error's words. */
export async function onHost(
  under: LabUnderTest,
  host: number,
  script: string,
  timeoutMs = 30_000,
): Promise<string> {
  const command = sshCommand(stateOf(under), host, ['bash', '-s'])
  const {status, stdout, stderr} = await attempt(command, {input: script, timeoutMs})
  return (status === 0 || stdout !== '' ? stdout : `status ${status}: ${stderr}`).trim()
}

/** Whether one host reaches another by TCP. */
export async function reaches(under: LabUnderTest, from: number, to: number): Promise<boolean> {
  const script = `timeout 1 bash -c 'exec 3<>/dev/tcp/h${to}/22' 2>/dev/null && echo yes || echo no`
  return (await onHost(under, from, script)) === 'yes'
}

/** Whether the operator, inside the lab's network, reaches a host by TCP. */
export async function operatorReaches(under: LabUnderTest, host: number): Promise<boolean> {
  const address = `10.43.${stateOf(under).subnet}.${10 + host}`
  const probe = ['timeout', '1', 'bash', '-c', `exec 3<>/dev/tcp/${address}/22`]
  return (await attempt(insideNetwork(stateOf(under), probe))).status === 0
}

/** Waits until the hosts reach each other in a ring, after a heal. */
export async function healed(under: LabUnderTest, hosts: readonly number[]): Promise<boolean> {
  const deadline = performance.now() + HEAL_MS_MAX
  await waitForSsh(stateOf(under), hosts)
  for (;;) {
    const ring = hosts.map((host, at) => [host, hosts[(at + 1) % hosts.length] ?? host] as const)
    const open = await Promise.all(ring.map(([from, to]) => reaches(under, from, to)))
    if (open.every(Boolean)) return true
    if (performance.now() > deadline) return false
  }
}

/** Mean round-trip time of three pings between hosts, milliseconds. */
export async function roundTripMs(under: LabUnderTest, from: number, to: number): Promise<number> {
  const output = await onHost(under, from, `ping -c 3 -i 0.2 -q h${to}`)
  return Number(/= [\d.]+\/([\d.]+)\//.exec(output)?.[1] ?? Number.NaN)
}

/** Share of pings between hosts that is lost, percent. */
export async function lossPercent(under: LabUnderTest, from: number, to: number): Promise<number> {
  const output = await onHost(under, from, `ping -c 200 -i 0.005 -W 1 -q h${to}`)
  return Number(/([\d.]+)% packet loss/.exec(output)?.[1] ?? Number.NaN)
}

/** What a write and fsync on a path says: `ok`, or the error's name. */
export function writes(under: LabUnderTest, host: number, path: string): Promise<string> {
  return onHost(
    under,
    host,
    `timeout 5 python3 - <<'X'
import errno, os
try:
    f = os.open("${path}", os.O_CREAT | os.O_WRONLY)
    os.write(f, b"a" * 4096)
    os.fsync(f)
    print("ok")
except OSError as error:
    print(errno.errorcode[error.errno])
X`,
  )
}
