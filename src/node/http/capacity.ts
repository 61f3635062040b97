/** Space of a target's mountpaths, as `what=` answers and metrics show it. */

import {statfs} from 'node:fs/promises'

export interface MountpathState {
  readonly path: string
  readonly label: string
  readonly disks: readonly string[]
  readonly state: 'available' | 'disabled' | 'missing'
  /** Why it is not available; '' when it is. */
  readonly why: string
}

export interface MountpathSpace {
  readonly path: string
  readonly label: string
  readonly disks: readonly string[]
  /** Device, type and id of the filesystem, as far as they are known. */
  readonly filesystem: {readonly device: string; readonly type: string; readonly id: string}
  readonly usedBytes: bigint
  readonly availableBytes: bigint
  /** 0..100. */
  readonly percentUsed: number
}

export interface Capacity {
  readonly mountpaths: readonly MountpathSpace[]
  readonly usedBytes: bigint
  readonly availableBytes: bigint
  readonly percentMax: number
  readonly percentAverage: number
  readonly percentMin: number
}

/** Asks the filesystems; one that does not answer is left out (it is disabled elsewhere). */
export async function readCapacity(states: readonly MountpathState[]): Promise<Capacity> {
  const available = states.filter(({state}) => state === 'available')
  const mountpaths = await Promise.all(available.map(spaceOf))
  const percents = mountpaths.map(({percentUsed}) => percentUsed)
  const distinct = new Map(mountpaths.map((space) => [space.filesystem.id, space]))
  const sum = (pick: (space: MountpathSpace) => bigint): bigint =>
    [...distinct.values()].reduce((total, space) => total + pick(space), 0n)
  const total = percents.reduce((all, percent) => all + percent, 0)
  return {
    mountpaths,
    usedBytes: sum(({usedBytes}) => usedBytes),
    availableBytes: sum(({availableBytes}) => availableBytes),
    percentMax: percents.length === 0 ? 0 : Math.max(...percents),
    percentAverage: percents.length === 0 ? 0 : Math.round(total / percents.length),
    percentMin: percents.length === 0 ? 0 : Math.min(...percents),
  }
}

async function spaceOf(state: MountpathState): Promise<MountpathSpace> {
  const facts = await statfs(state.path, {bigint: true})
  const total = facts.blocks * facts.bsize
  const availableBytes = facts.bavail * facts.bsize
  const usedBytes = total - facts.bfree * facts.bsize
  const usable = usedBytes + availableBytes
  return {
    path: state.path,
    label: state.label,
    disks: state.disks,
    filesystem: {
      device: state.disks[0] ?? '',
      type: FILESYSTEMS[Number(facts.type)] ?? facts.type.toString(16),
      id: `${facts.type},${total}`,
    },
    usedBytes,
    availableBytes,
    percentUsed: usable === 0n ? 0 : Number((usedBytes * 100n + usable / 2n) / usable),
  }
}

/** statfs magic numbers of the usual ones. */
const FILESYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlay',
  0x2fc12fc1: 'zfs',
}
