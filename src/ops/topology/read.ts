/**
 * Reads `topology.yaml`: text → checked value, or every mistake with its line and column. It checks
 * the form of each value; what must hold between values is resolve.ts's business.
 */

import type {Document, Node} from 'yaml'
import {isMap, isPair, isScalar, isSeq, LineCounter, parseDocument} from 'yaml'
import type {z} from 'zod'
import {AisError} from '../../base/errors.ts'
import {nearest} from '../../model/config/nearest.ts'
import type {TopologyFile} from './schema.ts'
import {topologySchema} from './schema.ts'

/** A topology of five hundred hosts takes about 150 KB; comments may take more. */
const TOPOLOGY_BYTES_MAX = 4 * 1024 * 1024
/** Mistakes shown at once: a person mends a few and tries again. */
const PROBLEMS_SHOWN_MAX = 20

/** One mistake, where it is, counted from 1. */
export interface TopologyProblem {
  readonly line: number
  readonly column: number
  /** `hosts[1].nodes[0].rol`; empty for the document. */
  readonly path: string
  readonly message: string
}

/** Where values stand in the text, for mistakes found later (resolve.ts). */
export interface TopologySource {
  readonly name: string
  readonly file: TopologyFile
  locate(path: readonly PropertyKey[]): {readonly line: number; readonly column: number}
}

/**
 * Reads and checks a topology.
 * @param text the file's content
 * @param name how the file is called in messages
 * @throws AisError BAD_TOPOLOGY that lists every mistake
 */
export function readTopology(text: string, name: string): TopologySource {
  if (text.length > TOPOLOGY_BYTES_MAX) {
    throw topologyError(name, [{line: 1, column: 1, path: '', message: 'the file is too large'}])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {lineCounter: lines, uniqueKeys: true})
  const at = (offset: number): {line: number; column: number} => {
    const {line, col} = lines.linePos(offset)
    return {line: Math.max(line, 1), column: Math.max(col, 1)}
  }
  if (document.errors.length > 0) {
    throw topologyError(
      name,
      document.errors.map((error) => ({
        ...at(error.pos[0]),
        path: '',
        message: error.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? error.code,
      })),
    )
  }
  const locate = (path: readonly PropertyKey[]): {line: number; column: number} =>
    at(offsetOf(document, path))
  const value: unknown = document.toJS({maxAliasCount: 100})
  const checked = topologySchema.safeParse(value)
  if (!checked.success) {
    const problems = checked.error.issues.flatMap((issue) => problemsOf(issue, value, locate))
    throw topologyError(name, problems)
  }
  return {name, file: checked.data, locate}
}

/** The error that carries a list of mistakes. */
export function topologyError(name: string, problems: readonly TopologyProblem[]): AisError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
  const shown = sorted.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => {
    const path = problem.path === '' ? '' : `${problem.path}: `
    return `${name}:${problem.line}:${problem.column}: ${path}${problem.message}`
  })
  const more = sorted.length - shown.length
  return new AisError({
    code: 'BAD_TOPOLOGY',
    message: [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n'),
    hint: `nothing was changed; mend ${name} and run the command again`,
    details: {problems: sorted},
  })
}

/** `hosts[1].name` of a path of keys and indexes. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}

type Issue = z.core.$ZodIssue

function problemsOf(
  issue: Issue,
  value: unknown,
  locate: (path: readonly PropertyKey[]) => {line: number; column: number},
): TopologyProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path)
    return issue.keys.map((key) => {
      const close = nearest(key, known)
      const help = close === undefined ? `known: ${known.join(', ')}` : `did you mean "${close}"?`
      const path = [...issue.path, key]
      return {...locate(path), path: pathText(path), message: `unknown key (${help})`}
    })
  }
  return [{...locate(issue.path), path: pathText(issue.path), message: messageOf(issue, value)}]
}

function messageOf(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message
  const found = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  )
  return found === undefined ? `missing; ${issue.message}` : issue.message
}

/** Keys that the schema knows at a path, for the hint of a mistyped one. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let schema: unknown = topologySchema
  for (const key of path) schema = childOf(schema, key)
  return Object.keys(shapeOf(schema) ?? {})
}

function childOf(schema: unknown, key: PropertyKey): unknown {
  const inner = unwrap(schema)
  if (typeof key === 'number') return (inner as {element?: unknown}).element
  return shapeOf(inner)?.[String(key)]
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  return (unwrap(schema) as {shape?: Record<string, unknown>} | undefined)?.shape
}

function unwrap(schema: unknown): unknown {
  const inner = schema as {unwrap?: () => unknown; element?: unknown} | undefined
  return inner?.unwrap !== undefined && inner.element === undefined ? inner.unwrap() : inner
}

/**
 * Offset in the text of the deepest part of a path that is written there; the key, not its value.
 */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: Node | null | undefined = document.contents
  let offset = node?.range?.[0] ?? 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      )
      if (pair === undefined) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node)) {
      node = node.items[Number(key)] as Node | undefined
      offset = node?.range?.[0] ?? offset
    } else {
      return offset
    }
  }
  return offset
}
