/** The collection as Ansible sees it: a module run alone, and a directory that playbooks run from. */

import {spawn, spawnSync} from 'node:child_process'
import {mkdirSync, symlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import type {LeaderCluster} from '../leader-cluster.ts'

const COLLECTION = fileURLToPath(new URL('../../../ansible', import.meta.url))

/** The Python that Ansible itself runs with; undefined when Ansible is not there. */
export function ansiblePython(): string | undefined {
  const {stdout, error} = spawnSync('ansible-playbook', ['--version'], {encoding: 'utf8'})
  if (error !== undefined) return undefined
  return /python version = .*\((\/[^)]+)\)/.exec(stdout)?.[1] ?? 'python3'
}

/** A directory in which Python and Ansible find the collection. */
export function collectionsIn(directory: string): string {
  const at = join(directory, 'collections')
  mkdirSync(join(at, 'ansible_collections', 'aisctl'), {recursive: true})
  symlinkSync(COLLECTION, join(at, 'ansible_collections', 'aisctl', 'cluster'))
  return at
}

/** The nodes of a pretended cluster as an inventory names them, two on a host. */
export function inventoryNodes({nodes}: LeaderCluster): readonly InventoryNode[] {
  return nodes.map(({id, role, url}, at) => ({
    id,
    role,
    url,
    host: `h${Math.floor(at / 2) + 1}`,
    unit: `aisnode@${id}.service`,
  }))
}

export interface InventoryNode {
  readonly id: string
  readonly role: string
  readonly url: string
  readonly host: string
  readonly unit: string
}

export interface ModuleAnswer {
  readonly changed?: boolean
  readonly failed?: boolean
  readonly msg?: string
  readonly [key: string]: unknown
}

export interface Python {
  readonly python: string
  /** Where it finds the collection. */
  readonly collections: string
}

/** Runs one module as Ansible does on a host, with its arguments on standard input. */
export async function runModule(
  {python, collections}: Python,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<ModuleAnswer> {
  const file = join(COLLECTION, 'plugins', 'modules', `${name}.py`)
  const child = spawn(python, ['-B', file], {
    env: {...process.env, PYTHONPATH: collections},
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(JSON.stringify({ANSIBLE_MODULE_ARGS: args}))
  const [out, problem] = await Promise.all([text(child.stdout), text(child.stderr)])
  const line = out.split('\n').find((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`${name}: ${out}${problem}`)
  return JSON.parse(line) as ModuleAnswer
}

/** Inventory and configuration for playbooks against a pretended cluster, on this machine. */
export function playbookDirectory(directory: string, cluster: LeaderCluster, python: string): void {
  collectionsIn(directory)
  const nodes = inventoryNodes(cluster)
  const hosts = [...new Set(nodes.map(({host}) => host))]
  const variables = (host: string): object => ({
    aisctl_nodes: nodes.filter((node) => node.host === host),
  })
  const targetsFirst = nodes.toSorted((a, b) => (a.role === b.role ? 0 : a.role < b.role ? 1 : -1))
  const inventory = {
    aisnode: {
      hosts: Object.fromEntries(hosts.map((host) => [host, variables(host)])),
      vars: {
        ansible_connection: 'local',
        ansible_python_interpreter: python,
        aisctl_cluster: 'pretended',
        aisctl_uuid: 'uuid',
        aisctl_order: targetsFirst.map(({id}) => id),
      },
    },
  }
  writeFileSync(join(directory, 'inventory.json'), JSON.stringify(inventory))
  writeFileSync(join(directory, 'ansible.cfg'), CONFIG)
}

const CONFIG = `[defaults]
inventory = inventory.json
collections_path = ./collections
collections_paths = ./collections
callbacks_enabled = aisctl.cluster.events
local_tmp = ./tmp
`
