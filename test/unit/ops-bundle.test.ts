/**
 * Bundles: the same inputs give the same bytes, what is damaged is not used, and what comes out is
 * what went in.
 */

import {execFileSync} from 'node:child_process'
import {chmodSync, existsSync, readFileSync, utimesSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import t, {type Test} from 'tap'
import {sha256} from '../../src/ops/host/manifest.ts'
import {createBundle, type CreatedBundle} from '../../src/ops/payload/bundle-create.ts'
import {parseAbout, parseSums, sumsText} from '../../src/ops/payload/bundle-layout.ts'
import {isBundle, openBundle} from '../../src/ops/payload/bundle-open.ts'
import {openPayload, type Payload} from '../../src/ops/payload/payload.ts'
import {fakeRuntime} from '../helpers/ops/run-aisctl.ts'

const DAEMON = 'a daemon'
const NODE = fakeRuntime(62).toString('latin1')

interface Place {
  readonly directory: string
  readonly payload: Payload
  readonly program: ReadonlyMap<string, string>
  make(name: string): Promise<CreatedBundle>
}

/** A machine with small stand-ins for what is shipped, and a cache of its own. */
function place(t: Test): Place {
  const directory = t.testdir({'aisnode.mjs': DAEMON, 'node': NODE, 'aisctl.js': 'program'})
  process.env['AISCTL_STATE_DIR'] = join(directory, 'state')
  t.teardown(() => delete process.env['AISCTL_STATE_DIR'])
  const payload: Payload = {
    release: {version: '1.2.3', sha256: sha256(DAEMON), file: join(directory, 'aisnode.mjs')},
    architectures: ['x64'],
    runtime: (arch) =>
      Promise.resolve({
        arch,
        version: '24.0.0',
        sha256: sha256(Buffer.from(readFileSync(join(directory, 'node')))),
        file: join(directory, 'node'),
      }),
  }
  const program = new Map([['aisctl/bin/aisctl.js', join(directory, 'aisctl.js')]])
  const make = (name: string): Promise<CreatedBundle> =>
    createBundle({file: join(directory, name), payload, program, report: () => undefined})
  return {directory, payload, program, make}
}

t.test('the same inputs give the same bytes, whatever the time and the modes', async (t) => {
  const {directory, make} = place(t)
  const first = await make('a.tar')
  utimesSync(join(directory, 'aisctl.js'), 1, 1)
  chmodSync(join(directory, 'aisctl.js'), 0o600)
  const second = await make('b.tar')
  t.equal(first.sha256, second.sha256)
  t.match(first, {version: '1.2.3', architectures: ['x64']})
  const listed = execFileSync('tar', ['-tf', first.file], {encoding: 'utf8'}).trim().split('\n')
  t.strictSame(
    listed.map((path) => path.replace('aisctl-bundle/', '')),
    [
      'bundle.json',
      'SHA256SUMS',
      'aisctl',
      'aisnode.mjs',
      'node_modules/aisctl/bin/aisctl.js',
      'runtime/x64/node.gz',
    ],
  )
  execFileSync('tar', ['-xf', first.file, '-C', directory])
  const unpacked = {cwd: join(directory, 'aisctl-bundle')}
  execFileSync('sha256sum', ['-c', '--status', 'SHA256SUMS'], unpacked)
})

t.test('what comes out of a bundle is what went in, packed or unpacked', async (t) => {
  const {directory, payload, make} = place(t)
  const {file} = await make('a.tar')
  execFileSync('tar', ['-xf', file, '-C', directory])
  for (const from of [file, join(directory, 'aisctl-bundle')]) {
    const opened = await openPayload(from)
    t.match(opened, {release: {version: '1.2.3'}, architectures: ['x64']})
    t.equal(readFileSync(opened.release.file, 'utf8'), DAEMON)
    const runtime = await opened.runtime('x64')
    t.equal(runtime.sha256, (await payload.runtime('x64')).sha256)
    t.ok(readFileSync(runtime.file).equals(readFileSync(join(directory, 'node'))))
    await t.rejects(opened.runtime('arm64'), {code: 'NOT_FOUND', hint: /--arch x64,arm64/})
  }
  const alone = await openPayload(join(directory, 'aisnode.mjs'))
  t.equal(alone.release.sha256, sha256(DAEMON), 'a daemon alone is none')
  t.notOk(isBundle(join(directory, 'nothing')))
})

t.test('nothing of a damaged bundle is used', async (t) => {
  const {directory, make} = place(t)
  const {file} = await make('a.tar')
  const bytes = readFileSync(file)
  const at = bytes.indexOf(DAEMON)
  bytes[at] = 0x41
  writeFileSync(join(directory, 'b.tar'), bytes)
  await t.rejects(openBundle(join(directory, 'b.tar')), {
    code: 'BAD_CHECKSUM',
    message: /aisnode.mjs is not what it was; nothing of it was used/,
  })
  writeFileSync(join(directory, 'c.tar'), bytes.subarray(0, 1000))
  await t.rejects(openBundle(join(directory, 'c.tar')), {code: 'BAD_CHECKSUM'})
  execFileSync('tar', ['-xf', file, '-C', directory])
  const folder = join(directory, 'aisctl-bundle')
  execFileSync('rm', [join(folder, 'runtime/x64/node.gz')])
  await t.rejects(openBundle(folder), {message: /runtime\/x64\/node.gz is missing/})
  execFileSync('rm', [join(folder, 'SHA256SUMS')])
  await t.rejects(openBundle(folder), {message: /SHA256SUMS is missing/})
  t.throws(() => parseAbout('{"format": 2}', 'b'), {code: 'INCOMPATIBLE'})
  t.throws(() => parseAbout('[]', 'b'), {code: 'BAD_REQUEST'})
  const sums = new Map([
    ['b/c', 'b'.repeat(64)],
    ['a', 'a'.repeat(64)],
  ])
  t.strictSame([...parseSums(sumsText(sums)).keys()], ['a', 'b/c'])
  t.equal(parseSums(`${'a'.repeat(64)}  ../x\n${'a'.repeat(64)}  /x\n`).size, 0)
  t.notOk(existsSync(join(directory, 'd.tar')))
})
