/**
 * Where scenarios play: a running cluster, its nodes as a client finds them, and what can be done
 * to them. On lab hosts everything can; on processes of this machine no network or power can go.
 */

export interface StageNode {
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** Number of its lab host; 0 on a playground. */
  readonly host: number
  /** Unit instance or directory: `proxy`, `target-2`. */
  readonly instance: string
  /** `host:port` of the public and control listeners. */
  readonly endpoint: string
  readonly control: string
}

/** Faults give the moment before they began, by `nowMs`: what is measured counts from there. */
export interface Stage {
  readonly uuid: string
  readonly nodes: readonly StageNode[]
  /** SIGKILL to all processes of the nodes at once. */
  kill(nodes: readonly StageNode[]): Promise<number>
  /** An ordered stop; resolves when the process has ended. `status`: how. */
  stop(node: StageNode): Promise<{readonly atMs: number; readonly status: string}>
  /** Starts what does not run; does not wait until it serves. */
  start(nodes: readonly StageNode[]): Promise<void>
  /** Stops the nodes' processes at their next step; they notice nothing. */
  freeze(nodes: readonly StageNode[]): Promise<number>
  thaw(nodes: readonly StageNode[]): Promise<number>
  /** Which process the node is now; differs after every start. '' while there is none. */
  processOf(node: StageNode): string
  /** The end of what the node has logged, for people. */
  logOf(node: StageNode, lines: number): Promise<string>
  /** Absent where there are no hosts. */
  readonly hosts?: HostFaults
  /** Absent on hosts. */
  readonly local?: LocalNodes
}

/** What only nodes on this machine allow. */
export interface LocalNodes {
  /** Where the node's file and its data are. */
  directoryOf(node: StageNode): string
  /** Something that was added to the cluster and ends with it. */
  atEnd(act: () => void): void
  end(): void
}

/** What can happen to hosts and to the network between them. Numbers of hosts. */
export interface HostFaults {
  powerOff(hosts: readonly number[]): Promise<number>
  powerOn(hosts: readonly number[]): Promise<void>
  freeze(hosts: readonly number[]): Promise<number>
  thaw(hosts: readonly number[]): Promise<number>
  /** Apart from all other hosts; the watcher still reaches them. */
  cut(hosts: readonly number[]): Promise<number>
  split(groups: readonly (readonly number[])[]): Promise<number>
  /** What the first sends to the second is lost. */
  oneWay(pairs: readonly (readonly [from: number, to: number])[]): Promise<number>
  /** Does something to one data disk of the host, numbered from 1. */
  disk(host: number, disk: number, what: 'eio' | 'heal'): Promise<void>
  /** Ends every fault of the network and every freeze. */
  heal(): Promise<number>
  delay(hosts: readonly number[], delay: Delay): Promise<void>
  /** Runs a shell script on the host as root; its output. */
  run(host: number, script: string): Promise<string>
  /** A command line that runs with the host's network instead of ours. */
  inside(host: number, argv: readonly string[]): readonly string[]
}

export interface Delay {
  readonly delayMs: number
  readonly jitterMs: number
  readonly lossPercent: number
}

/** The nodes of these ids, in that order. */
export function nodesOf(stage: Stage, ids: readonly string[]): readonly StageNode[] {
  return ids.map((id) => {
    const node = stage.nodes.find((one) => one.id === id)
    if (node === undefined) throw new Error(`no node ${id} on this stage`)
    return node
  })
}

/** Public endpoints of the gateways, but for these. */
export function gatewaysBut(stage: Stage, ids: readonly string[] = []): readonly string[] {
  return stage.nodes
    .filter(({role, id}) => role === 'proxy' && !ids.includes(id))
    .map(({endpoint}) => endpoint)
}

/** Local nodes, where the stage has them. */
export function localOf(stage: Stage): LocalNodes {
  if (stage.local === undefined) throw new Error('this needs a playground: hosts keep their files')
  return stage.local
}

/** Host faults, where the stage has them. */
export function hostsOf(stage: Stage): HostFaults {
  if (stage.hosts === undefined) throw new Error('this needs a lab: a playground has no hosts')
  return stage.hosts
}
