#!/usr/bin/env node
// Plain JavaScript that an old Node can parse: hands over to the packaged Node unless this one is 24.
import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

const packaged = fileURLToPath(
  new URL(`../node_modules/node-linux-${process.arch}/bin/node`, import.meta.url),
)
if (Number(process.versions.node.split('.')[0]) >= 24 || !existsSync(packaged)) {
  const {execute} = await import('@oclif/core')
  await execute({dir: import.meta.url})
} else {
  const {status, signal} = spawnSync(packaged, process.argv.slice(1), {stdio: 'inherit'})
  process.exitCode = signal === null ? (status ?? 1) : 1
}
