/**
 * Editing a topology: the operator's editor works on a copy, the copy is read as strictly as a
 * deploy reads it, and only what can be deployed takes the place of the file.
 */

import {mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {basename, join} from 'node:path'
import {execa} from 'execa'
import {AisError} from '../../base/errors.ts'
import {lineDiff} from '../line-diff.ts'
import {readSite, siteOf} from '../site/site.ts'
import {checkImmutable} from '../topology/immutable.ts'
import {readTopology} from '../topology/read.ts'
import {resolveTopology} from '../topology/resolve.ts'

/** Where nothing else is set; every Unix has it. */
const EDITOR_DEFAULT = 'vi'

/** A copy of the file in the editor's hands. */
export interface Editing {
  /** Opens the editor on the copy. @throws AisError INTERRUPTED when it fails */
  edit(): Promise<void>
  /** How the file would change; empty: not at all. @throws AisError BAD_TOPOLOGY, REFUSED */
  diff(): string[]
  /** Puts the copy in the place of the file. @throws AisError REFUSED when that has changed */
  save(): void
  /** Removes the copy. Call it whatever happened. */
  discard(): void
}

/** @throws AisError NOT_FOUND when there is no such file */
export function beginEdit(file: string): Editing {
  const before = readOrRefuse(file)
  const directory = mkdtempSync(join(tmpdir(), 'aisctl-edit-'))
  const copy = join(directory, basename(file))
  writeFileSync(copy, before, {mode: 0o600})
  const now = (): string => readFileSync(copy, 'utf8')
  return {
    edit: () => openEditor(copy),
    diff: () => {
      const text = now()
      if (text === before) return []
      check(text, basename(file))
      return lineDiff(before, text)
    },
    save: () => {
      if (readOrRefuse(file) !== before) {
        const message = `${file} has changed meanwhile; nothing was written`
        throw new AisError({code: 'REFUSED', message, hint: 'edit it again: aisctl config edit'})
      }
      const next = `${file}.${process.pid}.new`
      writeFileSync(next, now(), {mode: statSync(file).mode & 0o777, flush: true})
      renameSync(next, file)
    },
    discard: () => rmSync(directory, {recursive: true, force: true}),
  }
}

/** As a deploy reads it, and against what is deployed. */
function check(text: string, name: string): void {
  const source = readTopology(text, name)
  const deployed = readSite(siteOf(source.file.cluster.name))
  const uuid = deployed?.topology.cluster.uuid ?? source.file.cluster.uuid ?? ''
  const topology = resolveTopology(source, uuid)
  if (deployed !== undefined) checkImmutable(deployed.topology, topology)
}

async function openEditor(copy: string): Promise<void> {
  const {VISUAL, EDITOR} = process.env
  const editor = [VISUAL, EDITOR].find((word) => word !== undefined && word !== '')
  // It may be a command line, such as "code --wait".
  const line = `${editor ?? EDITOR_DEFAULT} "$1"`
  const result = await execa('sh', ['-c', line, 'aisctl', copy], {reject: false, stdio: 'inherit'})
  if (!result.failed) return
  throw new AisError({
    code: 'INTERRUPTED',
    message: `the editor ended with status ${String(result.exitCode ?? 'none')}; nothing was changed`,
    hint: 'choose another: EDITOR=nano aisctl config edit',
  })
}

function readOrRefuse(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const {code} = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'EACCES') throw cause
    const message = `cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : code}`
    throw new AisError({code: 'NOT_FOUND', message, hint: 'write one: aisctl init'}, cause)
  }
}
