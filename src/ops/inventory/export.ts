/**
 * A directory from which plain `ansible-playbook` runs the cluster: inventory, variables, what is
 * shipped, the collection itself. No file of this machine is named but the topology's own ssh key.
 */

import {
  chmodSync,
  cpSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {join} from 'node:path'
import {stringify} from 'yaml'
import {packageRoot} from '../payload/package-root.ts'
import {groupsOf, sharedVariables, sshArguments, type Inventory} from './inventory.ts'

export interface ExportOptions {
  /** What is shipped is only pointed at: for a directory that does not outlive this machine's cache. */
  readonly linked?: boolean
}

/** Writes the directory; what an earlier export left there is replaced. */
export function exportInventory(
  inventory: Inventory,
  directory: string,
  {linked = false}: ExportOptions = {},
): void {
  const {topology, site, hosts, payload} = inventory
  const at = (...parts: string[]): string => join(directory, ...parts)
  for (const part of ['collections', 'group_vars', 'host_vars', 'payload', 'secrets']) {
    rmSync(at(part), {recursive: true, force: true})
    mkdirSync(at(part), {recursive: true, mode: 0o755})
  }
  chmodSync(at('secrets'), 0o700)
  writeYaml(at('inventory.yml'), inventoryTree(inventory))
  writeYaml(at('group_vars', 'aisnode.yml'), {
    ...sharedVariables(topology),
    ...(topology.ssh.user === undefined ? {} : {ansible_user: topology.ssh.user}),
    ...(topology.ssh.identity === undefined
      ? {}
      : {ansible_ssh_private_key_file: topology.ssh.identity}),
    ansible_ssh_common_args: sshArguments(
      topology,
      '{{ inventory_dir }}/known_hosts ~/.ssh/known_hosts',
    ),
    aisctl_payload: Object.fromEntries(
      Object.keys(payload).map((hash) => [hash, `{{ inventory_dir }}/payload/${hash}.gz`]),
    ),
    aisctl_secrets: {'cluster-key': '{{ inventory_dir }}/secrets/cluster-key'},
  })
  for (const [host, variables] of Object.entries(hosts)) {
    mkdirSync(at('host_vars', host), {recursive: true})
    const text = `${JSON.stringify(variables, null, 2)}\n`
    writeFileSync(at('host_vars', host, 'aisctl.json'), text)
  }
  const bring = linked ? symlinkSync : copyFileSync
  for (const [hash, file] of Object.entries(payload)) bring(file, at('payload', `${hash}.gz`))
  writeFileSync(at('secrets', 'cluster-key'), readFileSync(site.keyFile), {mode: 0o600})
  writeFileSync(at('known_hosts'), knownHostsText(inventory))
  cpSync(
    join(packageRoot(), 'ansible'),
    at('collections', 'ansible_collections', 'aisctl', 'cluster'),
    {
      recursive: true,
    },
  )
  writeFileSync(at('hosts.json'), `${JSON.stringify(Object.keys(hosts))}\n`)
  writeFileSync(at('ansible.cfg'), CONFIG)
}

const CONFIG = `[defaults]
inventory = inventory.yml
collections_path = ./collections
collections_paths = ./collections
forks = 25
callbacks_enabled = aisctl.cluster.events

[ssh_connection]
pipelining = True
`

function inventoryTree(inventory: Inventory): Record<string, unknown> {
  const named = (hosts: readonly string[]): Record<string, null> =>
    Object.fromEntries(hosts.map((host) => [host, null]))
  const groups = Object.entries(groupsOf(inventory)).map(([group, {hosts}]) => [
    group,
    {hosts: named(hosts)},
  ])
  return {
    aisnode: {hosts: named(Object.keys(inventory.hosts))},
    ...(Object.fromEntries(groups) as Record<string, unknown>),
  }
}

/** Pinned keys of the topology, and the keys that were accepted on this machine. */
function knownHostsText({topology, site}: Inventory): string {
  const accepted = existsSync(site.knownHosts) ? readFileSync(site.knownHosts, 'utf8') : ''
  return `${pinnedLines(topology)}${accepted}`
}

function pinnedLines(topology: Inventory['topology']): string {
  const port = topology.ssh.port ?? 22
  return topology.hosts
    .flatMap(({address, hostKey}) => {
      if (hostKey?.includes(' ') !== true) return []
      return [`${port === 22 ? address : `[${address}]:${port}`} ${hostKey}\n`]
    })
    .join('')
}

function writeYaml(file: string, value: unknown): void {
  writeFileSync(file, `---\n${stringify(value, {lineWidth: 0})}`)
}
