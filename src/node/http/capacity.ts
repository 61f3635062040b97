/** How full a target's mountpaths are, asked of the filesystems when somebody wants to know. */

import {readFileSync, type StatsFs} from 'node:fs'
import {statfs} from 'node:fs/promises'

import type {MountpathFacts} from '../../wire/capacity.ts'

/** A configured mountpath as the store sees it. */
export interface MountpathState {
  readonly path: string
  readonly label: string
  readonly disks: readonly string[]
  readonly state: 'available' | 'waiting' | 'disabled' | 'missing'
  /** Something is wrong with it. */
  readonly fault?: boolean
  /** Why it is not available; '' when it is. */
  readonly why: string
}

/** Facts of every configured mountpath; those that are not available have no size. */
export function measureMountpaths(
  states: readonly MountpathState[],
): Promise<readonly MountpathFacts[]> {
  const mounts = mountTable()
  return Promise.all(states.map((state) => measure(state, mounts)))
}

/** Whether what lies there cannot be read. */
function isFaulty(state: MountpathState['state']): boolean {
  return state === 'disabled' || state === 'missing'
}

/** What is wrong with the mountpaths; '' when nothing is. */
export function mountpathProblem(states: readonly MountpathState[]): string {
  return states
    .filter(({fault}) => fault === true)
    .map(({path, state, why}) => `${path} is ${state}: ${why}`)
    .join('; ')
}

async function measure(state: MountpathState, mounts: readonly Mount[]): Promise<MountpathFacts> {
  const {path, label, disks} = state
  const mount = mounts.findLast(
    ({at}) => path === at || path.startsWith(at === '/' ? at : `${at}/`),
  )
  const known = {path, label, device: mount?.device ?? '', fsType: mount?.type ?? '', disks}
  const waiting = state.state === 'waiting'
  const unknown = {...known, fsId: '', usedBytes: 0, availableBytes: 0, waiting, why: state.why}
  if (isFaulty(state.state)) return {...unknown, enabled: false}
  const space = await spaceOf(path)
  // Its disk fails, and that is about to be noticed.
  if (space === null) return {...unknown, enabled: true}
  return {
    ...known,
    disks: disks.length > 0 ? disks : [(mount?.device ?? '').replace(/^\/dev\//, '')],
    fsId: `${space.type},${space.blocks}`,
    usedBytes: (space.blocks - space.bfree) * space.bsize,
    availableBytes: space.bavail * space.bsize,
    enabled: true,
    waiting,
  }
}

async function spaceOf(path: string): Promise<StatsFs | null> {
  try {
    return await statfs(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

interface Mount {
  readonly device: string
  readonly at: string
  readonly type: string
}

function mountTable(): readonly Mount[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length > 2)
    .map(([device = '', at = '', type = '']) => ({device, at: at.replaceAll('\\040', ' '), type}))
    .toSorted((a, b) => a.at.length - b.at.length)
}
