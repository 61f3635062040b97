/** Causes in what is written: node files, the cluster's key, the marks of mountpaths. Pure. */

import {parseSettings} from '../../model/config/config.ts'
import {isRefusal} from '../../model/ids.ts'
import {parseNodeFile, type NodeFile} from '../../model/config/node-file.ts'
import {parseJsonObject} from '../host/output.ts'
import {nodeCause, seenNodes, type Cause, type Patient, type Seen} from './cause.ts'

const REDEPLOY = 'aisctl deploy writes it again from the topology'

export function fileCauses(patient: Patient): Cause[] {
  const seen = seenNodes(patient)
  const ids = new Map<string, string[]>()
  for (const one of seen) {
    const id = nodeFileOf(one)?.id
    if (id !== undefined) ids.set(id, [...(ids.get(id) ?? []), one.place])
  }
  return seen.flatMap((one) => [
    ...nodeFileCauses(one, patient.topology.cluster.uuid, ids),
    ...keyCauses(one),
    ...markCauses(one, patient.topology.cluster.uuid),
  ])
}

function pathOf({node}: Seen): string {
  return `/etc/aisnode/${node.instance}.json`
}

/** Its file when it is whole; what is wrong with it otherwise is told by nodeFileCauses. */
function nodeFileOf(seen: Seen): NodeFile | undefined {
  const value = parseJsonObject(seen.survey.files[pathOf(seen)] ?? '')
  const parsed = value === undefined ? undefined : parseNodeFile(value)
  return parsed === undefined || 'code' in parsed ? undefined : parsed
}

function nodeFileCauses(
  seen: Seen,
  uuid: string,
  ids: ReadonlyMap<string, readonly string[]>,
): Cause[] {
  const path = pathOf(seen)
  const text = seen.survey.files[path]
  const cause = (id: string, what: string): Cause[] => [
    nodeCause(seen, 'configuration', {
      id,
      what,
      why: 'a node with a wrong configuration does not start, and no restart mends it',
      fix: REDEPLOY,
    }),
  ]
  if (text === undefined) return cause('node-file', `${path} is missing`)
  const broken = jsonProblem(text)
  if (broken !== undefined) return cause('node-file', `${path}:${broken}`)
  const parsed = parseNodeFile(JSON.parse(text))
  if ('code' in parsed)
    return cause(
      'node-file',
      `${path}${lineText(text, parsed.message)}: ${parsed.message.replace('node file: ', '')}`,
    )
  if (parsed.uuid !== uuid) {
    return cause('wrong-cluster', `${path} names the cluster ${parsed.uuid}; this one is ${uuid}`)
  }
  const twins = (ids.get(parsed.id ?? '') ?? []).filter((place) => place !== seen.place)
  if (twins.length > 0 && parsed.id !== seen.node.id) {
    return cause(
      'duplicate-id',
      `${path} has the id ${parsed.id}, which is that of ${twins.join(', ')}`,
    )
  }
  if (parsed.id !== seen.node.id) {
    return cause('node-file', `${path} has the id ${parsed.id}; the topology says ${seen.node.id}`)
  }
  const founding = parseSettings(parsed.foundingConfig ?? {})
  if (!isRefusal(founding)) return []
  return cause('node-file', `${path}: foundingConfig: ${founding.message}`)
}

/** `5:3: expected …`, or undefined for good JSON. */
function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(error.message) ?? []
    const sentence = error.message.replace(/ in JSON at position.*| \(line.*/, '')
    // An end that comes too early has no place of its own.
    const end = text.trimEnd().split('\n').length
    return `${line ?? end}${column === undefined ? '' : `:${column}`}: no JSON: ${sentence}`
  }
}

/** `:7` when the key that the message names stands on one line. */
function lineText(text: string, message: string): string {
  const path = /^node file: ([^ :]+)/.exec(message)?.[1] ?? ''
  const key =
    path
      .split('.')
      .at(-1)
      ?.replace(/\[\d+\]$/, '') ?? ''
  const at = text.split('\n').findIndex((line) => key !== '' && line.includes(`"${key}"`))
  return at < 0 ? '' : `:${at + 1}`
}

const KEY = '/etc/aisnode/secrets/cluster-key'

function keyCauses(seen: Seen): Cause[] {
  const stat = seen.survey.stats[KEY]
  if (stat === undefined) return []
  const why = 'without it no node proves itself to another; systemd does not even start the unit'
  const cause = (what: string): Cause[] => [
    nodeCause(seen, 'configuration', {id: 'credential', what, why, fix: REDEPLOY}),
  ]
  if (stat === null) return cause(`its credential ${KEY} is missing`)
  if (stat.size === 0) return cause(`its credential ${KEY} is empty`)
  if (!stat.owner.startsWith('root:') || !stat.mode.endsWith('00')) {
    return cause(`its credential ${KEY} is open to others (${stat.mode} ${stat.owner})`)
  }
  return []
}

function markCauses(seen: Seen, uuid: string): Cause[] {
  return seen.node.mountpaths.flatMap(({path}): Cause[] => {
    const mount = seen.survey.mounts[path]
    if (mount?.kind !== 'mounted' || mount.mark === '') return []
    const mark = parseJsonObject(mount.mark)
    const cause = (what: string): Cause[] => [
      nodeCause(seen, 'configuration', {
        id: 'wrong-cluster',
        what,
        why: 'what is on it belongs to somebody else; the node writes nothing there',
        fix: 'put the right disk in its place; aisctl never takes over a marked one',
      }),
    ]
    if (mark === undefined)
      return cause(`the mark of ${path} (.aisnode/mountpath.json) cannot be read`)
    if (mark['uuid'] !== uuid)
      return cause(`the disk at ${path} belongs to the cluster ${String(mark['uuid'])}`)
    if (mark['target'] === seen.node.id) return []
    return cause(`the disk at ${path} belongs to t[${String(mark['target'])}]`)
  })
}
