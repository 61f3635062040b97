#!/usr/bin/env node
// Starts the daemon: the bundle in dist/ unless a source is newer than it, then the sources
// themselves. Plain JavaScript that an old Node can parse: hands over to the packaged Node unless
// this one is 24.
import {spawn} from 'node:child_process'
import {existsSync, readdirSync, statSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
// In an installed package npm puts Node's package beside this one.
const packaged = ['../node_modules', '../..']
  .map((folder) => at(`${folder}/node-linux-${process.arch}/bin/node`))
  .find((path) => existsSync(path))

if (Number(process.versions.node.split('.')[0]) >= 24 || packaged === undefined) {
  const {enableCompileCache} = await import('node:module')
  if (enableCompileCache !== undefined) enableCompileCache()
  const bundle = at('../dist/aisnode.mjs')
  const source = at('../src/node/main.ts')
  await import(isCurrent(bundle) ? bundle : source)
} else {
  const child = spawn(packaged, process.argv.slice(1), {stdio: 'inherit'})
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (status, signal) => {
    process.exitCode = signal === null ? (status ?? 1) : 1
  })
}

/** Whether the bundle is there and no source of the daemon is newer. */
function isCurrent(bundle) {
  if (!existsSync(bundle)) return false
  const built = statSync(bundle).mtimeMs
  return ['base', 'model', 'wire', 'core', 'node'].every((folder) => {
    const root = at(`../src/${folder}`)
    if (!existsSync(root)) return true
    return readdirSync(root, {recursive: true}).every(
      (name) => statSync(`${root}/${name}`).mtimeMs <= built,
    )
  })
}
