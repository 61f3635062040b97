/**
 * AIStore's own Python SDK, unmodified, against a live cluster. It is installed from the Python
 * package index into the cache of node_modules; where that cannot be done the test is skipped, in
 * CI it fails.
 */

import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import t from 'tap'
import {startCluster} from './live-cluster.ts'

const SDK = 'aistore==2.0.0'
const INSTALL_MS = 180_000
const RUN_MS = 120_000
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/python-sdk', import.meta.url))
const SCRIPT = fileURLToPath(new URL('python-sdk.py', import.meta.url))
const inCi = process.env['CI'] !== undefined && !['', 'false'].includes(process.env['CI'])

/** The interpreter that has the SDK, or what went wrong with installing it. */
function pythonWithSdk(): {readonly python: string} | {readonly problem: string} {
  const python = join(CACHE, 'bin', 'python')
  const has = (): boolean => spawnSync(python, ['-c', 'import aistore']).status === 0
  if (existsSync(python) && has()) return {python}
  const steps = [
    ['python3', '-m', 'venv', CACHE],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', SDK],
  ]
  for (const [program = '', ...args] of steps) {
    const {status, stderr, error} = spawnSync(program, args, {timeout: INSTALL_MS})
    if (status !== 0) {
      return {problem: `${program} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`}
    }
  }
  return {python}
}

const NAMES = ['-x', '.y', 'a', 'a/b', 'c d', 'é%?#x', 'ü/日本語']

t.test("AIStore's Python SDK works unchanged", async (t) => {
  const found = pythonWithSdk()
  if ('problem' in found) {
    if (inCi) t.fail(found.problem)
    else t.comment(`SKIPPED, nothing was tested: ${found.problem}`)
    return
  }
  const cluster = await startCluster()
  t.teardown(() => cluster.stop())
  const gateway = cluster.nodes[1]?.url ?? ''
  const {status, stdout, stderr} = spawnSync(found.python, [SCRIPT, gateway], {timeout: RUN_MS})
  t.equal(status, 0, stderr.toString().slice(-2000))
  t.strictSame(JSON.parse(stdout.toString()), {
    ready: true,
    uuid: 'na8a52NmR',
    targets: ['tnode0003', 'tnode0004', 'tnode0005', 'tnode0006'],
    performance: ['tnode0003', 'tnode0004', 'tnode0005', 'tnode0006'],
    buckets: ['from-python'],
    props: 'ais',
    objects: Object.fromEntries(NAMES.map((name) => [name, [true, true, true, '1']])),
    range: 'content',
    mirror_paths: 1,
    listed: NAMES,
    paged: NAMES,
    prefix: ['a', 'a/b'],
    sizes: NAMES.map((name) => Buffer.byteLength(`content of ${name}`)),
    deleted: 'raised ErrObjNotFound',
    missing: 'raised ErrBckNotFound',
    left: [],
  })
})
