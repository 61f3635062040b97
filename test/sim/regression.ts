/**
 * Seeds that have found something: `{world, seed, why}` per line of `seeds/regression.jsonl`, with
 * the plan when it was made smaller or would not be drawn again: `plan` stands for what differs
 * from what the seed draws.
 */

import {readFileSync} from 'node:fs'

import type {Plan} from './kinds.ts'

export interface RegressionEntry {
  readonly world: string
  readonly seed: number
  readonly why: string
  readonly plan?: Plan
}

const FILE = new URL('seeds/regression.jsonl', import.meta.url)

export function readRegression(): readonly RegressionEntry[] {
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RegressionEntry)
}
