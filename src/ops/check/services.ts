/**
 * What a host runs beside nodes, as far as it matters to them: who keeps its clock, which firewall
 * it has, how many files a process may open, which disks stand for its mountpaths. Pure.
 */

import type {HostSurvey} from '../survey/host-survey.ts'
import type {TopologyHost} from '../topology/resolve.ts'
import type {Finding} from './findings.ts'

/** Below, a target with many connections runs out; the unit asks for far more. */
const OPEN_FILES_MIN = 16_384

export function serviceFindings(host: TopologyHost, survey: HostSurvey): Finding[] {
  return [
    ...keeperFindings(host.name, survey),
    ...firewallFindings(host.name, survey),
    ...limitFindings(host.name, survey),
    ...host.nodes.flatMap((node) =>
      node.mountpaths.flatMap((one) => diskFindings(host, one, survey)),
    ),
  ]
}

function keeperFindings(host: string, survey: HostSurvey): Finding[] {
  // The clock of a container is the machine's outside.
  if (survey.container !== '') return []
  const why = 'clocks drift apart by seconds a day: times of objects and logs contradict each other'
  const {keepers, synchronized} = survey
  if (keepers.length === 0) {
    const what = 'nobody keeps its clock: neither chrony nor systemd-timesyncd nor ntpd runs'
    const fix = 'aisctl check --fix (timedatectl set-ntp true), or install chrony'
    return [{id: 'clock-keeper', severity: 'warning', host, what, why, fix}]
  }
  if (keepers.length > 1) {
    const what = `${keepers.join(' and ')} both keep its clock`
    const fix = `leave one of them: systemctl disable --now ${keepers[1]}`
    return [
      {
        id: 'clock-keeper',
        severity: 'warning',
        host,
        what,
        why: 'two keepers pull it to and fro',
        fix,
      },
    ]
  }
  if (synchronized !== false) return []
  const what = `${keepers[0]} runs, but its clock is not synchronized`
  const fix = 'look which servers it reaches: chronyc sources, or timedatectl timesync-status'
  return [{id: 'clock-keeper', severity: 'warning', host, what, why, fix}]
}

function firewallFindings(host: string, {firewalls, drops}: HostSurvey): Finding[] {
  const filters = Object.entries(drops).filter(([, count]) => count > 0)
  if (firewalls.length === 0 && filters.length === 0) return []
  const names = firewalls.length > 0 ? firewalls : filters.map(([tool]) => tool)
  const rules = filters.map(([tool, count]) => `${count} rules of ${tool} drop or reject`)
  return [
    {
      id: 'firewall',
      severity: 'note',
      host,
      what: `it has a firewall: ${names.join(', ')}${rules.length === 0 ? '' : ` (${rules.join(', ')})`}`,
      why: 'ports that it filters between the hosts are findings of their own',
      fix: '',
    },
  ]
}

function limitFindings(host: string, {openFiles}: HostSurvey): Finding[] {
  if (openFiles === 0 || openFiles >= OPEN_FILES_MIN) return []
  return [
    {
      id: 'open-files',
      severity: 'warning',
      host,
      what: `its services may open ${openFiles} files at most, whatever their units say`,
      why: 'a node has a file open for every connection and every object that it reads',
      fix: 'raise the hard limit where the host is started (DefaultLimitNOFILE, the container’s limits)',
    },
  ]
}

function diskFindings(
  host: TopologyHost,
  {path, disk}: {readonly path: string; readonly disk?: string},
  survey: HostSurvey,
): Finding[] {
  if (disk === undefined || survey.container !== '') return []
  const base = {severity: 'error', host: host.name} as const
  const found = survey.disks[path]
  if (found === undefined) return []
  if (found === 'absent') {
    return [
      {
        ...base,
        id: 'disk',
        what: `${disk} of ${path} is not there`,
        why: 'without it the mountpath cannot be mounted',
        fix: 'look at: ls -l /dev/disk/by-id /dev/disk/by-uuid; then correct the disk in the topology',
      },
    ]
  }
  const named = namedByOrder(disk) ? [orderFinding(host.name, path, disk)] : []
  const [, signature] = /(?:^| )TYPE=(\S+)/.exec(found) ?? []
  const partitions = /(?:^| )PTTYPE=(\S+)/.exec(found)
  if (survey.mounts[path]?.kind === 'mounted' || partitions === null) {
    return signature === undefined && survey.mounts[path]?.kind !== 'mounted'
      ? [...named, emptyFinding(host.name, path, disk)]
      : named
  }
  return [
    ...named,
    {
      ...base,
      id: 'signature',
      what: `${disk} of ${path} holds a partition table (${partitions[1]})`,
      why: 'it may hold data of somebody else; nothing of aisctl writes over it',
      fix: `name a partition with a filesystem, or empty the disk yourself when you are sure: wipefs --no-act ${disk}`,
    },
  ]
}

/** `/dev/sdb` may be another disk after the next boot. */
function namedByOrder(disk: string): boolean {
  return /^\/dev\/(sd|vd|xvd|nvme|hd)[^/]*$/.test(disk)
}

function orderFinding(host: string, path: string, disk: string): Finding {
  return {
    id: 'disk-name',
    severity: 'warning',
    host,
    what: `${path} names its disk ${disk}`,
    why: 'such names follow the order of discovery: after a boot it may be another disk',
    fix: 'name it by UUID=…, or by its link in /dev/disk/by-id',
  }
}

function emptyFinding(host: string, path: string, disk: string): Finding {
  return {
    id: 'signature',
    severity: 'error',
    host,
    what: `${disk} of ${path} has no filesystem`,
    why: 'a disk is mounted as it is; nothing is formatted without being asked for',
    fix: `make one when you are sure that it is the right disk: mkfs.xfs ${disk}`,
  }
}
