/**
 * The text of a new topology: commented, so that the file itself says what may be written. Given
 * the answers of `aisctl init`; the first deploy adds nothing to it.
 */

import {Document, type YAMLMap} from 'yaml'
import {newUuid} from '../site/site.ts'
import {readTopology} from './read.ts'
import {resolveTopology} from './resolve.ts'
import {TOPOLOGY_FORMAT} from './schema.ts'

export {newUuid}

export interface TopologyAnswers {
  readonly name: string
  readonly uuid: string
  readonly user: string
  readonly become: 'none' | 'sudo' | 'sudo-password'
  readonly identity?: string
  /** Names or addresses. A host may be in both lists. */
  readonly proxies: readonly string[]
  readonly targets: readonly string[]
  /** Of every target. */
  readonly mountpaths: readonly string[]
}

const HEAD = ` The topology of one cluster. Check it: aisctl check · make it so: aisctl deploy
 Editors: the JSON Schema of this file is aisctl's topology.schema.json.`

/** @returns YAML that read.ts accepts */
export function topologyText(answers: TopologyAnswers): string {
  const hosts = [...new Set([...answers.proxies, ...answers.targets])]
  const document = new Document({
    format: TOPOLOGY_FORMAT,
    cluster: {name: answers.name, uuid: answers.uuid},
    ssh: {
      user: answers.user,
      ...(answers.identity === undefined ? {} : {identity: answers.identity}),
      become: answers.become,
    },
    defaults: {mountpaths: answers.mountpaths.map((path) => ({path}))},
    hosts: hosts.map((host) => hostEntry(host, answers)),
  })
  document.commentBefore = HEAD
  comment(document, 'cluster', ' Name and uuid stay for the life of the cluster.')
  comment(document, 'ssh', COMMENT_SSH)
  comment(document, 'defaults', COMMENT_DEFAULTS)
  comment(document, 'hosts', COMMENT_HOSTS)
  document.comment = COMMENT_REST
  return document.toString({lineWidth: 100})
}

/** How many hosts a text names. @throws AisError BAD_TOPOLOGY when it cannot be deployed */
export function checkTopologyText(text: string, name: string): number {
  const source = readTopology(text, name)
  return resolveTopology(source, source.file.cluster.uuid ?? newUuid()).hosts.length
}

const COMMENT_SSH = ` How hosts are reached; what is left out comes from ssh's own configuration.
   port: 22 · identity: ~/.ssh/id_ed25519 · jump: user@bastion:22
   become: none (the login is root), sudo (without a password), sudo-password (asked once)`
const COMMENT_DEFAULTS = ` Of every target that has no mountpaths of its own. One filesystem each, mounted already; or
 name its disk and it is mounted by a unit:  {path: /ais/mp1, disk: UUID=…}`
const COMMENT_HOSTS = ` Per host: address, hostKey (pins it: "ssh-ed25519 AAAA…" or SHA256:…), zone,
   networks: {public: …, control: …, data: …}
 Per node: role, instance (target, target-2 …), id, electable, ports, mountpaths;
   removed: true once it has left (aisctl node decommission)`
const COMMENT_REST = ` Cluster settings, applied when the cluster is founded:
 config:
   keepalivetracker: {proxy: {interval: 10s}}
 Of the hosts (not in containers):
 tuning:
   sysctl: {net.core.somaxconn: 65535}
   limits: {openFiles: 1048576, memoryMax: 80%}`

function hostEntry(host: string, answers: TopologyAnswers): Record<string, unknown> {
  const name = /^[0-9.]+$|:/.test(host) ? hostNameOf(host) : (host.split('.')[0] ?? host)
  return {
    name,
    ...(name === host ? {} : {address: host}),
    nodes: [
      ...(answers.proxies.includes(host) ? [{role: 'proxy'}] : []),
      ...(answers.targets.includes(host) ? [{role: 'target'}] : []),
    ],
  }
}

function hostNameOf(address: string): string {
  return `h-${address.replaceAll(/[.:]+/g, '-').replace(/^-|-$/g, '')}`
}

function comment(document: Document, key: string, text: string): void {
  const pair = (document.contents as YAMLMap).items.find(
    (item) => (item.key as {value?: unknown}).value === key,
  )
  const node = pair?.key as {commentBefore?: string; spaceBefore?: boolean} | undefined
  if (node === undefined) return
  node.commentBefore = text
  node.spaceBefore = true
}
