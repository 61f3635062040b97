/**
 * Which release `aisctl cluster upgrade` means: this installation's own, a file, one that this
 * machine has brought before, or the one before; and the end of the way back.
 */

import {existsSync} from 'node:fs'
import {basename} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {openDeployed} from '../deploy/open.ts'
import type {LifecycleOptions, LifecyclePlan} from '../lifecycle.ts'
import {openPayload, type Payload} from '../payload/payload.ts'
import type {Site} from '../site/site.ts'
import {
  keptRelease,
  readKept,
  releaseBefore,
  releaseNamed,
  writeKept,
  type KeptRelease,
} from './kept.ts'
import {planUpgrade} from './upgrade.ts'

export interface ReleaseMeant {
  readonly topologyFile: string
  /** FILE, VERSION or the start of a hash; absent: this installation's own. */
  readonly release?: string
  readonly rollback: boolean
}

/** What is to be shipped. @throws AisError NOT_FOUND, REFUSED */
export async function payloadMeant(meant: ReleaseMeant): Promise<Payload> {
  const {site} = openDeployed(meant.topologyFile)
  const own = await openPayload()
  if (meant.rollback) return {...own, release: releaseBefore(site)}
  if (meant.release === undefined) return own
  if (existsSync(meant.release)) return fromFile(meant.release)
  const known = releaseNamed(site, meant.release)
  if (known !== undefined) return {...own, release: known}
  throw new AisError({
    code: 'NOT_FOUND',
    message: `${meant.release} is neither a file nor a release that this machine has brought`,
    hint: `known: ${versionsOf(site) || 'none'}`,
  })
}

/** `aisnode-1.3.0.mjs` says its version. */
async function fromFile(file: string): Promise<Payload> {
  const payload = await openPayload(file)
  const version = /(\d+\.\d+\.\d+[0-9A-Za-z.+-]*)\.mjs$/.exec(basename(file))?.[1]
  return version === undefined ? payload : {...payload, release: {...payload.release, version}}
}

function versionsOf(site: Site): string {
  const {current, previous, deployed} = readKept(site)
  const all = [current, previous, deployed].flatMap((one) => (one === undefined ? [] : [one]))
  return [...new Set(all.map(({version, sha256}) => `${version} (${sha256.slice(0, 12)})`))].join(
    ', ',
  )
}

export interface UpgradeAgain extends LifecycleOptions {
  readonly release: KeptRelease
  readonly maxFailed: number
  readonly ungated: boolean
  readonly canaryMs: number
}

/** The plan of an upgrade that was interrupted: what runs the release already is found to do so. */
export async function planUpgradeAgain(options: UpgradeAgain): Promise<LifecyclePlan> {
  const {site} = openDeployed(options.topologyFile)
  const payload = {...(await openPayload()), release: keptRelease(site, options.release)}
  return planUpgrade({...options, payload})
}

/** Closes the way back. Gives the last line. */
export function finalizeUpgrade(topologyFile: string): string {
  const {topology, site} = openDeployed(topologyFile)
  const {previous, ...kept} = readKept(site)
  const {name} = topology.cluster
  if (previous === undefined)
    return `${name}: there is no way back that is open. Look: aisctl show cluster`
  writeKept(site, kept)
  return `${name} stays with ${kept.current?.version ?? 'its release'}: ${previous.version} is no way back any more. Look: aisctl show cluster`
}
