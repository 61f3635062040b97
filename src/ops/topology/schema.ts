/**
 * The shape of `topology.yaml`, format 1, as one strict schema: types, checks and the shipped JSON
 * Schema derive from it. It says what may be written; what is left out is filled in by resolve.ts,
 * and where in the file a mistake is, by read.ts.
 */

import {z} from 'zod'
import {isClusterUuid, isNodeId} from '../../model/ids.ts'

/** Number of the topology's shape. */
export const TOPOLOGY_FORMAT = 1
/** Hosts of one cluster: each has a node (MEMBERS_MAX), or had one and is still to be cleaned up. */
export const HOSTS_MAX = 512
/** Nodes of one host: ports of a role go up by ten for each. */
export const NODES_PER_HOST_MAX = 32
/** Disks of one target. */
export const MOUNTPATHS_MAX = 256

// Nothing here may begin with "-" or hold a blank, quote, ";", "$" or line break: these words
// become arguments of ssh and file names on hosts.
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/
const ADDRESS = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/
const USER = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/
const JUMP_HOP = String.raw`(?:[A-Za-z_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?`
const JUMP = new RegExp(`^${JUMP_HOP}(?:,${JUMP_HOP})*$`)
const LOCAL_PATH = /^(?:~\/|\/)[A-Za-z0-9._@+/-]+$/
const HOST_KEY = /^(?:SHA256:[A-Za-z0-9+/]{43}|[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2})$/
const HOST_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/
const DISK = /^(?:UUID=[A-Fa-f0-9-]{4,36}|\/dev\/disk\/by-[a-z]+\/[A-Za-z0-9._:+-]+)$/
const INSTANCE = /^(?:proxy|target)(?:-(?:[2-9]|[12][0-9]|3[0-2]))?$/
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const SYSCTL = /^[a-z0-9_-]+(?:[./][A-Za-z0-9_-]+)+$/
const SYSCTL_VALUE = /^[A-Za-z0-9 ._-]{1,128}$/
const BYTES_OR_SHARE = /^(?:[0-9]+[KMGT]?|[0-9]{1,3}%|infinity)$/

function text(pattern: RegExp, form: string): z.ZodString {
  return z.string({error: `expected ${form}`}).regex(pattern, {error: `expected ${form}`})
}

const name = text(NAME, 'a name of letters, digits, "." and "-"')
const address = text(ADDRESS, 'a host name, an IPv4 or an IPv6 address')
const port = z.int({error: 'expected a port'}).min(1).max(65_535)

const mountpath = z.strictObject({
  path: text(HOST_PATH, 'an absolute path of plain names, such as /ais/mp1'),
  disk: text(DISK, 'UUID=… or /dev/disk/by-…').optional(),
  label: text(LABEL, 'a word of letters, digits, ".", "_" and "-"').optional(),
})
const mountpaths = z.array(mountpath).min(1).max(MOUNTPATHS_MAX)

const node = z.strictObject({
  role: z.enum(['proxy', 'target'], {error: 'expected proxy or target'}),
  instance: text(INSTANCE, 'proxy, proxy-2 … or target, target-2 …').optional(),
  id: z
    .string()
    .refine(isNodeId, {error: 'expected 8 to 32 letters, digits, "-" or "_"'})
    .optional(),
  electable: z.boolean().optional(),
  removed: z.boolean().optional(),
  ports: z
    .strictObject({public: port.optional(), control: port.optional(), data: port.optional()})
    .optional(),
  mountpaths: mountpaths.optional(),
})

const networks = z.strictObject({
  public: address.optional(),
  control: address.optional(),
  data: address.optional(),
})

const host = z.strictObject({
  name,
  address: address.optional(),
  hostKey: text(HOST_KEY, '"TYPE BASE64" as in known_hosts, or SHA256:…').optional(),
  zone: name.optional(),
  networks: networks.optional(),
  nodes: z.array(node).min(1).max(NODES_PER_HOST_MAX),
})

/** What `topology.yaml` may hold. */
export const topologySchema = z.strictObject({
  format: z.literal(TOPOLOGY_FORMAT, {error: `expected the number ${TOPOLOGY_FORMAT}`}),
  cluster: z.strictObject({
    name,
    uuid: z
      .string()
      .refine(isClusterUuid, {error: 'expected 9 to 32 letters, digits, "-" or "_"'})
      .optional(),
    version: text(/^[0-9A-Za-z.+-]{1,64}$/, 'a version, such as 0.1.0').optional(),
  }),
  ssh: z
    .strictObject({
      user: text(USER, 'a login name').optional(),
      port: port.optional(),
      identity: text(LOCAL_PATH, 'the path of a private key').optional(),
      jump: text(JUMP, '[user@]host[:port], several with commas').optional(),
      become: z.enum(['none', 'sudo', 'sudo-password']).optional(),
    })
    .optional(),
  defaults: z
    .strictObject({
      mountpaths: mountpaths.optional(),
      dataWorkers: z.int().min(1).max(64).optional(),
      logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
    })
    .optional(),
  hosts: z.array(host).min(1).max(HOSTS_MAX),
  config: z.record(z.string(), z.json()).optional(),
  tuning: z
    .strictObject({
      sysctl: z
        .record(
          text(SYSCTL, 'a kernel setting, such as net.core.somaxconn'),
          z.union([z.int(), text(SYSCTL_VALUE, 'a number or a plain text')]),
        )
        .optional(),
      limits: z
        .strictObject({
          openFiles: z.int().min(1024).max(1_073_741_816).optional(),
          memoryMax: text(BYTES_OR_SHARE, 'bytes (8G), a share (50%) or infinity').optional(),
          tasksMax: z.int().min(64).optional(),
        })
        .optional(),
    })
    .optional(),
})

/** `topology.yaml` as written, checked against its schema, nothing filled in. */
export type TopologyFile = z.infer<typeof topologySchema>

/** The JSON Schema that editors use; shipped as topology.schema.json beside this file. */
export function topologyJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(topologySchema, {io: 'input', reused: 'inline'}),
    $id: 'aisctl-topology-1',
    title: 'Topology of an AIS cluster, format 1',
  }
}
