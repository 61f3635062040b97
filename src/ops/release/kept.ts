/**
 * Releases of the daemon that this machine has put on a cluster's hosts: which one they are to run,
 * which one they ran before, and the bundles of both, so that a deploy of a new host ships what the
 * others run. No entry: what this installation brings.
 */

import {copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {parseJsonObject} from '../host/output.ts'
import type {Payload} from '../payload/payload.ts'
import type {Release} from '../payload/release.ts'
import type {Site} from '../site/site.ts'

const KEPT_FORMAT = 1

export interface KeptRelease {
  readonly version: string
  readonly sha256: string
}

export interface KeptReleases {
  readonly format: 1
  /** What an upgrade has made it; absent: what this installation brings. */
  readonly current?: KeptRelease
  /** What ran before; absent: nothing, or the way back was closed. */
  readonly previous?: KeptRelease
  /** What the last deploy has shipped. */
  readonly deployed?: KeptRelease
  /** What some nodes were made to run, to be tried. */
  readonly tried?: KeptRelease
}

/** @throws AisError INCOMPATIBLE, BAD_CONFIG */
export function readKept(site: Site): KeptReleases {
  const file = listFile(site)
  if (!existsSync(file)) return {format: KEPT_FORMAT}
  const value = parseJsonObject(readFileSync(file, 'utf8')) as Partial<KeptReleases> | undefined
  if (value?.format === KEPT_FORMAT) return value as KeptReleases
  throw new AisError({
    code: value === undefined ? 'BAD_CONFIG' : 'INCOMPATIBLE',
    message: `${file} is ${value === undefined ? 'damaged' : 'of a newer aisctl'}`,
    hint: 'move it away: a deploy then ships what this installation brings',
  })
}

/** Writes the list. */
export function writeKept(site: Site, kept: KeptReleases): void {
  mkdirSync(directoryOf(site), {recursive: true, mode: 0o700})
  const next = `${listFile(site)}.${process.pid}.new`
  writeFileSync(next, `${JSON.stringify(kept, null, 2)}\n`, {mode: 0o600, flush: true})
  renameSync(next, listFile(site))
}

/** Keeps the bundle's bytes, once. */
export function keepBundle(site: Site, {sha256, file}: Release): void {
  const kept = bundleFile(site, sha256)
  if (existsSync(kept)) return
  mkdirSync(directoryOf(site), {recursive: true, mode: 0o700})
  copyFileSync(file, `${kept}.${process.pid}.new`)
  renameSync(`${kept}.${process.pid}.new`, kept)
}

/** A kept release, to be shipped. @throws AisError NOT_FOUND when its bytes are not here */
export function keptRelease(site: Site, {version, sha256}: KeptRelease): Release {
  const file = bundleFile(site, sha256)
  if (existsSync(file)) return {version, sha256, file}
  throw new AisError({
    code: 'NOT_FOUND',
    message: `the bundle of release ${version} (${sha256.slice(0, 12)}) is not on this machine`,
    hint: 'give it as a file: aisctl cluster upgrade --release FILE',
  })
}

/** The payload with the release that the cluster is to run, when this machine has upgraded it. */
export function withKept(payload: Payload, site: Site): Payload {
  const {current} = readKept(site)
  return current === undefined ? payload : {...payload, release: keptRelease(site, current)}
}

/** Notes what a deploy has shipped: an upgrade that follows can go back to it. */
export function noteDeployed(site: Site, release: Release): void {
  const kept = readKept(site)
  const {version, sha256} = release
  if (kept.deployed?.sha256 === sha256) return
  keepBundle(site, release)
  writeKept(site, {...kept, deployed: {version, sha256}})
}

/** Notes what an upgrade has brought, and what it can go back to. */
export function noteUpgraded(site: Site, release: Release): void {
  const kept = readKept(site)
  const {version, sha256} = release
  const before = kept.current ?? kept.deployed
  keepBundle(site, release)
  const same = before === undefined || before.sha256 === sha256
  const previous = same ? kept.previous : before
  const current = {version, sha256}
  const deployed = kept.deployed === undefined ? {} : {deployed: kept.deployed}
  const way = previous === undefined ? {} : {previous}
  writeKept(site, {format: KEPT_FORMAT, current, ...way, ...deployed})
}

/** Notes what some nodes run: an upgrade of all can name it. */
export function noteTried(site: Site, release: Release): void {
  const {version, sha256} = release
  keepBundle(site, release)
  writeKept(site, {...readKept(site), tried: {version, sha256}})
}

/** The release before. @throws AisError REFUSED when there is no way back */
export function releaseBefore(site: Site): Release {
  const {previous} = readKept(site)
  if (previous !== undefined) return keptRelease(site, previous)
  throw new AisError({
    code: 'REFUSED',
    message:
      'there is no release to go back to: none was brought from this machine, or the way back is closed',
    hint: 'give one: aisctl cluster upgrade --release FILE',
  })
}

/** A release that this machine has, by its version or the start of its hash; undefined: none. */
export function releaseNamed(site: Site, word: string): Release | undefined {
  const {current, previous, deployed, tried} = readKept(site)
  const found = [tried, current, previous, deployed].find(
    (one) => one !== undefined && (one.version === word || one.sha256.startsWith(word)),
  )
  return found === undefined ? undefined : keptRelease(site, found)
}

function directoryOf({directory}: Site): string {
  return join(directory, 'releases')
}

function listFile(site: Site): string {
  return join(directoryOf(site), 'releases.json')
}

function bundleFile(site: Site, sha256: string): string {
  return join(directoryOf(site), `${sha256}.mjs`)
}
