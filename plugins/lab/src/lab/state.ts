/**
 * What a lab is, as one value: kept in `lab.json` of its directory, written whole by rename. Which
 * hosts run, what is mounted and which faults act is never written down but looked at, except for
 * disks that were taken away: those must stay away over a power-off.
 */

import {existsSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from 'aisctl/kit'

const LAB_FORMAT = 1

/** One host; its name is `h` and its number. */
export interface LabHost {
  readonly number: number
  readonly disks: number
  /** Numbers of disks that are not there until `heal`. */
  readonly away: readonly number[]
}

export interface LabState {
  readonly format: typeof LAB_FORMAT
  readonly name: string
  /** The lab's own directory; everything of it lies below. */
  readonly directory: string
  /** Third number of its 10.43.x.0/24. */
  readonly subnet: number
  readonly diskBytes: number
  readonly systemBytes: number
  /** Key of the base image its hosts stand on. */
  readonly base: string
  /** Cluster that the topology file names. */
  readonly clusterUuid: string
  readonly proxies: number
  readonly targets: number
  readonly hosts: readonly LabHost[]
}

/** The lab in a directory; undefined when there is none. */
export function readLab(directory: string): LabState | undefined {
  const file = join(directory, 'lab.json')
  if (!existsSync(file)) return undefined
  const state = JSON.parse(readFileSync(file, 'utf8')) as LabState
  if (state.format === LAB_FORMAT) return state
  throw new AisError({
    code: 'INCOMPATIBLE',
    message: `${file} has format ${String(state.format)}; this release knows ${LAB_FORMAT}`,
    hint: 'use the release that made the lab, or remove it with that one',
  })
}

/** Writes the lab down, whole or not at all. */
export function writeLab(state: LabState): void {
  const file = join(state.directory, 'lab.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/** The host with this number. */
export function hostOf(state: LabState, number: number): LabHost {
  const host = state.hosts.find((one) => one.number === number)
  if (host !== undefined) return host
  throw new AisError({
    code: 'NOT_FOUND',
    message: `lab ${state.name} has no host ${number}`,
    hint: `its hosts are ${state.hosts.map((one) => one.number).join(' ')}`,
  })
}

/** A lab with one host changed. */
export function withHost(state: LabState, host: LabHost): LabState {
  const others = state.hosts.filter((one) => one.number !== host.number)
  return {...state, hosts: [...others, host].sort((a, b) => a.number - b.number)}
}

/** Host numbers out of words: `1`, `h1`, or `all`; all of them exist. */
export function parseHosts(state: LabState, words: readonly string[]): number[] {
  if (words.length === 1 && words[0] === 'all') return state.hosts.map((host) => host.number)
  const numbers = words.map((word) => parseHost(state, word))
  if (numbers.length > 0) return [...new Set(numbers)]
  throw new AisError({
    code: 'USAGE',
    message: 'no host is named',
    hint: `name some of ${state.hosts.map((host) => host.number).join(' ')}, or all`,
  })
}

/** One host number out of a word. */
export function parseHost(state: LabState, word: string): number {
  const digits = /^h?(\d{1,4})$/.exec(word)?.[1]
  if (digits !== undefined) return hostOf(state, Number(digits)).number
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(word)} is no host`,
    hint: 'hosts are numbers: 1, or h1',
  })
}
