/**
 * A deployed cluster on lab hosts for a measurement, made through the shipped tool. What measures
 * runs as a process of its own inside the lab's network. With `--keep` the lab stays for the next
 * run.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdirSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {AISCTL} from './playground.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const LABS = '/var/lib/aisctl-lab'
const BUILD = join(ROOT, 'bin/build.js')
/** Small disks: nothing here stores much. */
const SIZES = ['--disk-size', '512MiB', '--system-size', '2GiB']

export interface LabSize {
  readonly hosts: number
  readonly proxies: number
  readonly targets: number
}

/** Makes the lab, deploys, runs the script inside its network and removes the lab. */
export async function onLabCluster(
  name: string,
  size: LabSize,
  {script, args, keep}: {script: string; args: readonly string[]; keep: boolean},
): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`bench ${name} needs root: it boots hosts`)
  const lab = `bench-${name}`
  // What this machine knows of other clusters is none of the run's business; kept with the lab.
  const knowledge = join(ROOT, 'node_modules/.cache/bench', lab)
  if (!existsSync(join(LABS, lab))) rmSync(knowledge, {recursive: true, force: true})
  mkdirSync(knowledge, {recursive: true})
  const env = {...process.env, AISCTL_STATE_DIR: knowledge}
  const node = (...words: string[]): Promise<void> => run([process.execPath, ...words], env)
  const aisctl = (...words: string[]): Promise<void> => node(AISCTL, ...words)
  const named = ['--name', lab]
  const counts = ['--proxies', String(size.proxies), '--targets', String(size.targets)]
  await node(BUILD)
  try {
    await aisctl('lab', 'up', String(size.hosts), ...named, ...counts, ...SIZES, '--install')
    const inside = ['lab', 'ns', ...named, '--', process.execPath]
    const topology = join(LABS, lab, 'topology.yaml')
    await aisctl(...inside, AISCTL, 'deploy', '-f', topology)
    await aisctl(...inside, '--conditions=aisctl-source', script, lab, ...args)
  } finally {
    if (!keep) await aisctl('lab', 'down', ...named)
  }
}

/** Its output is for people: the last line of stdout is the measurement's own. */
async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [file = '', ...words] = argv
  const child = spawn(file, words, {env, stdio: ['ignore', process.stderr, process.stderr]})
  const [status] = (await once(child, 'exit')) as [number | null]
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}`)
}
