/** Where a playbook is run from, and with which words, as the flags of `ansible run` say. */

import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {AisError, cacheDir, dataDir, loadInventory, loadInventoryExport} from 'aisctl/kit'

export interface RunFlags {
  readonly 'file': string
  readonly 'from'?: string | undefined
  readonly 'limit'?: string | undefined
  readonly 'check': boolean
  readonly 'extra-vars'?: readonly string[] | undefined
  readonly 'bundle'?: string | undefined
}

/** Words for ansible-playbook. */
export function argvOf(flags: RunFlags): readonly string[] {
  return [
    ...(flags.limit === undefined ? [] : ['--limit', flags.limit]),
    ...(flags.check ? ['--check', '--diff'] : []),
    ...(flags['extra-vars'] ?? []).flatMap((one) => ['--extra-vars', one]),
  ]
}

interface Place {
  readonly directory: string
  /** Removes what was made for this run. */
  leave(): void
}

/** An export that is there, or one that lasts as long as the run. */
export async function inventoryFor({from, file, bundle}: RunFlags): Promise<Place> {
  mkdirSync(dataDir(), {recursive: true})
  if (from !== undefined) {
    if (existsSync(join(from, 'ansible.cfg'))) return {directory: from, leave: () => undefined}
    throw new AisError({
      code: 'USAGE',
      message: `${from} is no export`,
      hint: `make one: aisctl ansible export ${from}`,
    })
  }
  const {buildInventory} = await loadInventory()
  const {exportInventory} = await loadInventoryExport()
  const inventory = await buildInventory({file, ...(bundle === undefined ? {} : {bundle})})
  mkdirSync(cacheDir(), {recursive: true})
  // The name is new and the directory its owner's alone: it holds the cluster key.
  const directory = mkdtempSync(join(cacheDir(), 'ansible-'))
  exportInventory(inventory, directory, {linked: true})
  return {directory, leave: () => rmSync(directory, {recursive: true, force: true})}
}

/** As the export lists them. */
export function hostsIn(directory: string): readonly string[] {
  return JSON.parse(readFileSync(join(directory, 'hosts.json'), 'utf8')) as readonly string[]
}
