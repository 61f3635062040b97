/**
 * What `playground up` wrote down about one playground: enough to start its nodes again, to find
 * their processes and to remove everything. Not what the cluster knows about itself: ask it.
 */

import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError, dataDir} from 'aisctl/kit'

export interface PlaygroundNode {
  readonly id: string
  readonly role: 'proxy' | 'target'
  /** `proxy-1`, `target-3`: its directory below the playground's. */
  readonly instance: string
  readonly ports: {readonly public: number; readonly control: number; readonly data: number}
}

export interface PlaygroundRecord {
  readonly format: 1
  readonly name: string
  readonly uuid: string
  readonly mountpaths: number
  readonly nodes: readonly PlaygroundNode[]
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/

/** @throws AisError BAD_NAME */
export function checkPlaygroundName(name: string): string {
  if (NAME.test(name)) return name
  throw new AisError({
    code: 'BAD_NAME',
    message: `playground name ${JSON.stringify(name)} is not valid`,
    hint: 'use at most 32 letters, digits, "-" and "_", the first a letter or digit',
  })
}

export function playgroundsDir(): string {
  return join(dataDir(), 'playground')
}

export function playgroundDir(name: string): string {
  return join(playgroundsDir(), checkPlaygroundName(name))
}

export function nodeDir(name: string, node: PlaygroundNode): string {
  return join(playgroundDir(name), node.instance)
}

export function readRecord(name: string): PlaygroundRecord | undefined {
  const file = recordFile(name)
  if (!existsSync(file)) return undefined
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as PlaygroundRecord
    if (value.format === 1 && Array.isArray(value.nodes)) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new AisError({
    code: 'BAD_CONFIG',
    message: `${file} is damaged`,
    hint: `remove the playground and make a new one: rm -r ${playgroundDir(name)}`,
  })
}

export function writeRecord(record: PlaygroundRecord): void {
  mkdirSync(playgroundDir(record.name), {recursive: true, mode: 0o700})
  const file = recordFile(record.name)
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, {mode: 0o600})
  renameSync(`${file}.new`, file)
}

/** Names of all playgrounds of this machine, in order. */
export function playgroundNames(): readonly string[] {
  const directory = playgroundsDir()
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => NAME.test(name) && existsSync(recordFile(name)))
    .toSorted()
}

function recordFile(name: string): string {
  return join(playgroundDir(name), 'playground.json')
}
