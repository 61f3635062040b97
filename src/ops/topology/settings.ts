/**
 * The cluster settings of a topology: checked against the table that nodes use, before any host is
 * asked.
 */

import type {JsonValue} from '../../model/bucket.ts'
import {checkTogether, parseSetting, parseSettings} from '../../model/config/config.ts'
import {isRefusal} from '../../model/ids.ts'
import {pathText, type TopologyProblem, type TopologySource} from './read.ts'

type Leaf = readonly [path: readonly string[], value: unknown]

/** Settings by dotted key, as they are written. */
export function dottedSettings(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(leaves(config, []).map(([path, value]) => [path.join('.'), value]))
}

/** What is wrong with them, each where it stands. */
export function settingProblems(source: TopologySource): TopologyProblem[] {
  const config = source.file.config ?? {}
  const wrong = leaves(config, []).flatMap(([path, value]): TopologyProblem[] => {
    const parsed = parseSetting(path.join('.'), value as JsonValue)
    if (!isRefusal(parsed)) return []
    return [problemAt(source, ['config', ...path], parsed)]
  })
  if (wrong.length > 0) return wrong
  const parsed = parseSettings(config)
  const together = isRefusal(parsed) ? parsed : checkTogether(parsed)
  return together === undefined ? [] : [problemAt(source, ['config'], together)]
}

function problemAt(
  source: TopologySource,
  path: readonly string[],
  {message, hint}: {readonly message: string; readonly hint?: string},
): TopologyProblem {
  const text = hint === undefined ? message : `${message} (${hint})`
  return {...source.locate(path), path: pathText(path), message: text}
}

function leaves(tree: Readonly<Record<string, unknown>>, before: readonly string[]): Leaf[] {
  return Object.entries(tree).flatMap(([key, value]): Leaf[] => {
    const path = [...before, key]
    const branch = typeof value === 'object' && value !== null && !Array.isArray(value)
    return branch ? leaves(value as Record<string, unknown>, path) : [[path, value]]
  })
}
