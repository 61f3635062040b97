/** All files below a directory as objects, several at a time. Symbolic links are not followed. */

import {readdir} from 'node:fs/promises'
import {join, relative, sep} from 'node:path'
import {AisError} from '../../base/errors.ts'
import {mapParallel} from '../../client/cluster.ts'
import {fileBody, statFile} from '../../client/files.ts'
import type {ObjectClient} from '../../client/objects.ts'
import type {BucketRef} from '../../model/bucket.ts'
import type {ProgressLine} from '../render/progress.ts'

export interface Tree {
  readonly directory: string
  readonly bucket: BucketRef
  /** Put before every name. */
  readonly prefix: string
}

export interface TreeResult {
  readonly objects: number
  readonly bytes: number
}

export async function putTree(
  objects: ObjectClient,
  {directory, bucket, prefix}: Tree,
  line: ProgressLine,
): Promise<TreeResult> {
  const facts = await statFile(directory)
  if (!facts.isDirectory()) {
    throw new AisError({
      code: 'USAGE',
      message: `${directory} is not a directory`,
      hint: 'leave --recursive out to put one file',
    })
  }
  const entries = await readdir(directory, {recursive: true, withFileTypes: true})
  const files = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name))
  let done = 0
  let bytes = 0
  await mapParallel(files, async (file) => {
    const body = await fileBody(file)
    const objectName = prefix + relative(directory, file).split(sep).join('/')
    await objects.put({bucket, objectName}, body)
    bytes += body.sizeBytes
    line.show(`${++done} of ${files.length} files`)
  })
  line.end()
  return {objects: files.length, bytes}
}
