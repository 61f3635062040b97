/**
 * `playground down`: ends the processes that `up` started, and no others; then removes what they
 * left.
 */

import {rmSync} from 'node:fs'
import {forgetCluster} from 'aisctl/kit'
import type {StopOutcome} from './processes.ts'
import {stopNodes} from './processes.ts'
import type {PlaygroundRecord} from './record.ts'
import {playgroundDir} from './record.ts'

export interface DownResult extends StopOutcome {
  readonly name: string
  /** The directory that is gone; null when it was kept. */
  readonly removed: string | null
}

export interface DownOptions {
  readonly keepData: boolean
  /** Said before anything is removed. */
  onRemove?(directory: string): void
}

export async function bringDown(
  record: PlaygroundRecord,
  {keepData, onRemove}: DownOptions,
): Promise<DownResult> {
  const outcome = await stopNodes(record, record.nodes)
  if (keepData) return {...outcome, name: record.name, removed: null}
  const directory = playgroundDir(record.name)
  onRemove?.(directory)
  forgetCluster(record.name)
  rmSync(directory, {recursive: true, force: true})
  return {...outcome, name: record.name, removed: directory}
}
