/** The daemon's bundle of this installation: one file, shipped as it is. */

import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {AisError} from '../../base/errors.ts'
import type {ReleaseFact} from '../host/manifest.ts'
import {packageRoot, packageVersion} from './package-root.ts'
import {hashFile} from './packed-file.ts'
import type {Runtime} from './runtime.ts'

/** A release on this machine. */
export interface Release extends ReleaseFact {
  readonly file: string
}

/** All that a deploy ships. */
export interface Payload {
  readonly release: Release
  readonly architectures: readonly string[]
  /** @throws AisError NOT_FOUND that names the command which adds it */
  runtime(arch: string): Promise<Runtime>
}

/** @param file another bundle than this installation's. @throws AisError NOT_FOUND */
export async function findRelease(file?: string): Promise<Release> {
  const bundle = file ?? join(packageRoot(), 'dist', 'aisnode.mjs')
  if (!existsSync(bundle)) {
    throw new AisError({
      code: 'NOT_FOUND',
      message: `there is no bundle of aisnode at ${bundle}`,
      hint: 'in a checkout, make it: npm run build',
    })
  }
  return {version: packageVersion(), sha256: await hashFile(bundle), file: bundle}
}
