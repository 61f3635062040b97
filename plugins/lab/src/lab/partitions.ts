/**
 * Network faults as rules on the lab's bridge: they act between hosts; whoever runs in the lab's
 * namespace sits on the bridge itself and still reaches every host.
 */

import {AisError} from 'aisctl/kit'
import {hostName} from './names.ts'
import {insideNetwork} from './network.ts'
import {attempt, run} from './run.ts'
import type {LabState} from './state.ts'

const TABLE = 'bridge aislab'
const CHAIN = `${TABLE} faults`
/** Loss is counted in hundredths of a percent. */
const LOSS_STEPS = 10_000

/** Frames between the hosts and all other hosts are lost. */
export function cutRules(numbers: readonly number[]): string[] {
  return numbers.flatMap((number) => [rule(from(number), 'drop'), rule(to(number), 'drop')])
}

/** Hosts of different groups do not reach each other; a host of no group reaches all. */
export function splitRules(groups: readonly (readonly number[])[]): string[] {
  return groups.flatMap((group) =>
    groups
      .filter((other) => other !== group)
      .flatMap((other) => group.flatMap((a) => other.flatMap((b) => oneWayRules(a, b)))),
  )
}

/** Frames from one host to another are lost; the way back is open. */
export function oneWayRules(source: number, target: number): string[] {
  return [rule(`${from(source)} ${to(target)}`, 'drop')]
}

/** A share of the frames between the host and all others is lost, in both directions. */
export function lossRules(number: number, percent: number): string[] {
  const share = Math.round((percent / 100) * LOSS_STEPS)
  const chance = `numgen random mod ${LOSS_STEPS} < ${share}`
  return [rule(`${from(number)} ${chance}`, 'drop'), rule(`${to(number)} ${chance}`, 'drop')]
}

/** What one host sends to these TCP ports of another is lost; everything else passes. */
export function portRules(source: number, target: number, ports: readonly number[]): string[] {
  const way = `${from(source)} ${to(target)} tcp dport { ${ports.join(', ')} }`
  return [rule(way, 'drop')]
}

/** Adds rules to those that act. */
export async function addRules(lab: LabState, rules: readonly string[]): Promise<void> {
  const script = [
    `add table ${TABLE}`,
    `add chain ${CHAIN} { type filter hook forward priority 0; }`,
    ...rules,
  ]
  await run(insideNetwork(lab, ['nft', '--file', '-']), {input: `${script.join('\n')}\n`})
}

/** Removes all rules. */
export async function removeRules(lab: LabState): Promise<void> {
  const script = `add table ${TABLE}\ndelete table ${TABLE}\n`
  await run(insideNetwork(lab, ['nft', '--file', '-']), {input: script})
}

/** The rules that act, as the kernel words them. */
export async function actingRules(lab: LabState): Promise<string[]> {
  const argv = insideNetwork(lab, ['nft', 'list', 'table', ...TABLE.split(' ')])
  const {status, stdout} = await attempt(argv)
  if (status !== 0) return []
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.endsWith('drop'))
}

/** Host numbers of `"1 2" "3 4"`; no host stands in two groups. */
export function parseGroups(
  words: readonly string[],
  parse: (words: readonly string[]) => number[],
): number[][] {
  const groups = words.map((word) => parse(word.split(/[\s,]+/).filter((part) => part !== '')))
  const all = groups.flat()
  if (groups.length >= 2 && new Set(all).size === all.length) return groups
  throw new AisError({
    code: 'USAGE',
    message: 'a split needs two or more groups, and no host in two of them',
    hint: 'aisctl lab split "1 2" "3 4 5"',
  })
}

function rule(match: string, verdict: string): string {
  return `add rule ${CHAIN} ${match} ${verdict}`
}

// A host with a delay line is heard on the line's far end, so both names mean it.
function from(number: number): string {
  return `iifname { "vb-${hostName(number)}", "db-${hostName(number)}" }`
}

function to(number: number): string {
  return `oifname { "vb-${hostName(number)}", "db-${hostName(number)}" }`
}
