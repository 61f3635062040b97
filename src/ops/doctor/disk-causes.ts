/** Causes in disks: of objects, and of the system. Pure. */

import {formatSize, MIB} from '../../base/units.ts'
import type {MountSurvey, SpaceSurvey} from '../survey/host-survey.ts'
import {SYSTEM_DIRECTORIES} from '../survey/survey.ts'
import {nodeCause, seenNodes, type Cause, type Patient, type Seen} from './cause.ts'

const SERVICE_USER = 'aisnode:aisnode'
/** Below this part a filesystem is full: what is left is eaten by a single write. */
const FULL_RATIO = 0.01
/** The record, its next one and the journal's next file. */
const SYSTEM_FREE_MIN = 16 * MIB

export function diskCauses(patient: Patient): Cause[] {
  return [...systemCauses(patient), ...seenNodes(patient).flatMap(nodeDiskCauses)]
}

/** Mountpaths that the node itself has put aside; of a disk that is well again, nothing else tells. */
export function complaintCauses(patient: Patient): Cause[] {
  return seenNodes(patient).flatMap((seen): Cause[] => {
    const complaint = patient.complaints.get(seen.node.id) ?? ''
    if (complaint === '') return []
    const path = seen.node.mountpaths.find((one) => complaint.includes(one.path))?.path
    return [
      nodeCause(seen, 'data-disk', {
        id: 'mountpath-disabled',
        what: complaint,
        why: 'what only that mountpath holds answers 503',
        fix: `when its disk is well: aisctl storage mountpath enable ${seen.node.id}=${path ?? 'PATH'}`,
      }),
    ]
  })
}

function systemCauses({topology, surveys}: Patient): Cause[] {
  return topology.hosts.flatMap(({name: host}): Cause[] => {
    const spaces = surveys.get(host)?.spaces ?? {}
    const full = SYSTEM_DIRECTORIES.filter((path) => path !== '/run' && isFull(spaces[path]))
    const [first] = full.filter((path) => path.startsWith('/var'))
    const path = first ?? full[0]
    const space = path === undefined ? undefined : spaces[path]
    if (path === undefined || space === undefined) return []
    const left = noFiles(space) ? 'no inode left' : `${formatSize(space.freeBytes)} free (ENOSPC)`
    return [
      {
        id: 'system-full',
        rank: 'system-disk',
        severity: 'error',
        host,
        what: `${host}: ${path} has ${left}`,
        why: 'a record that cannot be stored ends the process; nothing is logged, nothing can be deployed',
        fix: 'make room: journalctl --vacuum-size=200M, apt-get clean; then look: du -xh / | sort -h | tail',
      },
    ]
  })
}

function isFull(space: SpaceSurvey | undefined): boolean {
  return space !== undefined && (space.freeBytes < SYSTEM_FREE_MIN || noFiles(space))
}

/** Filesystems that count no inodes say 0 of 0. */
function noFiles({files, freeFiles}: SpaceSurvey): boolean {
  return files > 0 && freeFiles < 16
}

function nodeDiskCauses(seen: Seen): Cause[] {
  const {survey, node} = seen
  const state = `/var/lib/aisnode/${node.instance}`
  const owner = survey.stats[state]?.owner
  return [
    ...(owner === undefined || owner === SERVICE_USER ? [] : [ownerCause(seen, state, owner)]),
    ...node.mountpaths.flatMap(({path}) => {
      const mount = survey.mounts[path]
      const found = mount === undefined ? undefined : mountCause(seen, path, mount)
      return found === undefined ? [] : [found]
    }),
  ]
}

function mountCause(seen: Seen, path: string, mount: MountSurvey): Cause | undefined {
  const again = `then aisctl storage mountpath enable ${seen.node.id}=${path}`
  if (mount.kind === 'absent' || mount.kind === 'bare') {
    return nodeCause(seen, 'data-disk', {
      id: 'mount',
      what: `${path} is not mounted`,
      why: 'what it holds answers 503; the node writes nothing to the bare directory',
      fix: `mount its disk (systemctl start the mount unit, or mount ${path}), ${again}`,
    })
  }
  const error = mount.error
  if (mount.kind === 'broken' || error !== '') {
    return nodeCause(seen, 'data-disk', {
      id: 'disk-error',
      what: `the disk of ${path} fails: ${error.replace(/^.*: /, '')}`,
      why: 'what is on it cannot be served; the node goes on without it',
      fix: `look at journalctl -k on the host; mend or replace the disk, ${again}`,
    })
  }
  if (mount.readOnly) {
    return nodeCause(seen, 'data-disk', {
      id: 'read-only',
      what: `${path} is read-only (EROFS)`,
      why: 'the kernel turns a filesystem read-only when its disk fails; no object can be written there',
      fix: `unmount it, fsck its device, mount it, ${again}`,
    })
  }
  if (mount.owner !== SERVICE_USER) return ownerCause(seen, path, mount.owner)
  return fullCause(seen, path, seen.survey.spaces[path])
}

function ownerCause(seen: Seen, path: string, owner: string): Cause {
  return nodeCause(seen, 'data-disk', {
    id: 'owner',
    what: `${path} belongs to ${owner}, not to ${SERVICE_USER}`,
    why: 'the node cannot write there',
    fix: `chown ${SERVICE_USER} ${path}, or aisctl deploy`,
  })
}

function fullCause(seen: Seen, path: string, space: SpaceSurvey | undefined): Cause | undefined {
  if (space === undefined) return undefined
  if (space.freeBytes >= space.sizeBytes * FULL_RATIO && !noFiles(space)) return undefined
  const left = noFiles(space)
    ? 'no inode left'
    : `${formatSize(space.freeBytes)} of ${formatSize(space.sizeBytes, 1)} free`
  return nodeCause(seen, 'data-disk', {
    id: 'volume-full',
    what: `${path} is full (ENOSPC): ${left}`,
    why: 'writes of its objects are refused; what is stored stays readable',
    fix: 'delete objects, or add a target or a disk: aisctl storage mountpath attach',
  })
}
