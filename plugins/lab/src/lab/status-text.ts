/** The state of a lab as lines for people to read; pure. */

import {renderGrid} from 'aisctl/kit'
import type {HostStatus, LabStatus} from './inventory.ts'

/** One line per host, then the faults and the files. */
export function statusText(status: LabStatus): string {
  const rows = status.hosts.map((host) => [
    host.name,
    host.address,
    host.delayed ? `${host.power}, delayed` : host.power,
    disksText(host),
  ])
  const table = renderGrid([['HOST', 'ADDRESS', 'POWER', 'DISKS'], ...rows])
  return [
    `lab ${status.name} in ${status.directory}${status.up ? '' : ' (down)'}`,
    ...table,
    ...(status.networkFaults.length > 0
      ? [`network: ${status.networkFaults.length} rules drop frames`]
      : []),
    ...(status.snapshots.length > 0 ? [`snapshots: ${status.snapshots.join(', ')}`] : []),
    `topology ${status.topology}`,
    `inventory ${status.inventory}`,
  ].join('\n')
}

function disksText({disks}: HostStatus): string {
  if (disks.length === 0) return '-'
  const states = new Set(disks.map((disk) => disk.state))
  if (states.size === 1) return `${disks.length} ${disks[0]?.state ?? ''}`
  return disks.map((disk) => `${disk.path} ${disk.state}`).join(', ')
}
