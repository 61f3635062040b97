/**
 * Which labs exist on this machine and who is changing one. A link per lab below /run/aisctl-lab
 * makes it found by name alone, wherever its directory is; after a restart of the machine the link
 * is gone, and --dir (or the default place) leads back to it.
 */

import {existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync} from 'node:fs'
import {createServer, type Server} from 'node:net'
import {join} from 'node:path'
import {AisError} from 'aisctl/kit'
import {LAB_NAME, LABS_MAX, LOCK_MS_MAX} from './limits.ts'
import {type LabState, readLab} from './state.ts'
import {waitUntil} from './wait.ts'

const REGISTRY = '/run/aisctl-lab'

/** Root, or a refusal that says why. */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new AisError({
    code: 'REFUSED',
    message: 'a lab of real hosts needs root: it mounts disks and makes network namespaces',
    hint: 'run it with sudo, or use the playground, which needs no root: aisctl playground up',
  })
}

/** The directory of a lab: where it is registered, else where it would be made. */
export function labDirectory(name: string, labsDirectory: string): string {
  if (!LAB_NAME.test(name)) {
    throw new AisError({
      code: 'USAGE',
      message: `${JSON.stringify(name)} is no name for a lab`,
      hint: 'use up to 24 of a-z, 0-9 and "-"',
    })
  }
  return registered().get(name) ?? join(labsDirectory, name)
}

/** The lab of that name, which has to exist. */
export function openLab(name: string, labsDirectory: string): LabState {
  const lab = readLab(labDirectory(name, labsDirectory))
  if (lab !== undefined) return lab
  const names = [...registered().keys()]
  throw new AisError({
    code: 'NOT_FOUND',
    message: `there is no lab ${name}`,
    hint:
      names.length === 0
        ? 'make one: aisctl lab up 3'
        : `there are: ${names.join(', ')}; name one with --name`,
  })
}

/** Makes the lab known by its name. */
export function register(lab: LabState): void {
  mkdirSync(REGISTRY, {recursive: true})
  if (registered().get(lab.name) === lab.directory) return
  rmSync(join(REGISTRY, lab.name), {force: true})
  symlinkSync(lab.directory, join(REGISTRY, lab.name))
}

/** Whether a lab of that name is there, wherever its directory is. */
export function isRegistered(name: string): boolean {
  const directory = registered().get(name)
  return directory !== undefined && existsSync(join(directory, 'lab.json'))
}

/** Forgets the lab. */
export function unregister(name: string): void {
  rmSync(join(REGISTRY, name), {force: true})
  if (registered().size === 0) rmSync(REGISTRY, {recursive: true, force: true})
}

/** A third number of 10.43.x.0/24 that no registered lab has. */
export function freeSubnet(): number {
  const taken = new Set([...registered().values()].map((directory) => readLab(directory)?.subnet))
  for (let subnet = 0; subnet < LABS_MAX; subnet += 1) if (!taken.has(subnet)) return subnet
  throw new AisError({
    code: 'REFUSED',
    message: `there are already ${LABS_MAX} labs on this machine`,
    hint: 'remove one: aisctl lab down --name NAME',
  })
}

/**
 * Does something while nobody else changes the lab. The lock is a socket name of the kernel, so it
 * ends with its holder, however that ends.
 */
export async function withLabLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const server = createServer()
  const got = await waitUntil(() => listen(server, `\0aisctl-lab-${name}`), LOCK_MS_MAX)
  if (!got) {
    throw new AisError({
      code: 'BUSY',
      message: `another command has been changing lab ${name} for ${LOCK_MS_MAX / 1000} s`,
      hint: 'wait for it, or end it, then run this one again',
    })
  }
  try {
    return await work()
  } finally {
    server.close()
  }
}

/** Keys of the base images that registered labs stand on. */
export function basesInUse(): Set<string> {
  const labs = [...registered().values()].map((directory) => readLab(directory)?.base)
  return new Set(labs.filter((base) => base !== undefined))
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen(path, () => resolve(true))
  })
}

function registered(): Map<string, string> {
  const labs = new Map<string, string>()
  try {
    for (const name of readdirSync(REGISTRY)) labs.set(name, readlinkSync(join(REGISTRY, name)))
  } catch (error) {
    // Nothing was registered since this machine started.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return labs
}
