/**
 * From a command line to a running node: what to do, the configuration, the node's identity,
 * signals, and the one way out with an error: a clear line, then a status that systemd understands.
 */

import {AisError, type Refusal} from '../base/errors.ts'
import type {NodeFile} from '../model/config/node-file.ts'

import {parseArgv, USAGE, type Flags} from './config/argv.ts'
import {loadConfig, loadNodeFile, type NodeConfig} from './config/load.ts'
import {EXIT_CONFIGURATION, EXIT_FAILED} from './exit.ts'
import {reasonOf} from './observe/log.ts'
import {forgetStartErrors, noteStartError} from './observe/start-errors.ts'
import {
  finishDeparture,
  goneRefusal,
  leaverOf,
  readDeparture,
  type Departure,
} from './store/decommission.ts'
import {forgetWithoutCounter} from './store/state/lost-counter.ts'
import {ensureStateDirectory} from './store/state/meta-store.ts'
import {readIdentity, settleIdentity, type NodeIdentity} from './store/state/node-identity.ts'
import {startMainThread} from './threads/main-thread.ts'
import {VERSION} from './version.ts'

/** Runs what the arguments ask for. @param entry the program's own file, for its threads */
export async function runProcess(argv: readonly string[], entry: URL): Promise<void> {
  try {
    const command = parseArgv(argv)
    switch (command.type) {
      case 'usage':
        process.stdout.write(USAGE)
        process.exitCode = command.asked ? 0 : EXIT_CONFIGURATION
        return
      case 'version':
        process.stdout.write(`${VERSION}\n`)
        return
      case 'fsck':
        return await runFsck(command.flags)
      case 'record':
        return await runRecord(command.flags)
      case 'run':
        return await runNode(command.flags, entry)
    }
  } catch (error) {
    failWith(error)
  }
}

/** Calls in flight per mountpath, and room for everything else (DESIGN: threads). */
const POOL_PER_MOUNTPATH = 4
const POOL_SPARE = 8
/** Mountpaths that may be attached while the node runs: threads that wait cost next to nothing. */
const ATTACHED_MAX = 4

async function runNode(flags: Flags, entry: URL): Promise<void> {
  const config = loadConfig(flags, process.env)
  const {file} = config
  // libuv reads this when its pool is first used, which is after this line.
  const mountpaths = (file.mountpaths ?? []).length + (file.role === 'target' ? ATTACHED_MAX : 0)
  const pool = POOL_PER_MOUNTPATH * mountpaths + POOL_SPARE
  process.env['UV_THREADPOOL_SIZE'] = String(pool)
  makeStateDirectory(file.state)
  const departure = readDeparture(file.state)
  if (departure?.state === 'gone') throw await endDeparture(file, departure)
  const identity = await settle(config)
  const amnesia =
    identity.origin === 'mountpaths'
      ? 'the state directory is empty, the data disks are not'
      : file.role === 'target'
        ? forgetWithoutCounter(file.state)
        : ''
  const ignored = (): void => undefined
  process.on('SIGHUP', ignored)
  process.on('SIGPIPE', ignored)
  const main = await startMainThread({config, id: identity.id, amnesia, departure, entry, fail})
  forgetStartErrors(process.env)
  process.on('SIGTERM', main.stop)
  process.on('SIGINT', main.stop)
  process.on('SIGUSR2', main.dump)
}

/** What a decommission has left on the disks of a node that is no member any more is removed. */
async function endDeparture(file: NodeFile, departure: Departure): Promise<AisError> {
  const problems = await finishDeparture(leaverOf(file, readIdentity(file.state)))
  return goneRefusal(file.state, departure, problems)
}

function makeStateDirectory(path: string): void {
  try {
    ensureStateDirectory(path)
  } catch (cause) {
    throw new AisError(
      {
        code: 'BAD_CONFIG',
        message: `state directory ${path}: ${reasonOf(cause)}`,
        hint: 'create its parent directory, or correct state in the node file',
      },
      cause,
    )
  }
}

/** The id; data disks are looked at only when the state directory does not know it. */
async function settle(config: NodeConfig): Promise<NodeIdentity> {
  const {role, state: stateDirectory, mountpaths = []} = config.file
  const question = {stateDirectory, role, configured: config.configuredId}
  if (role === 'proxy' || readIdentity(stateDirectory) !== undefined) {
    return settleIdentity(question)
  }
  const {markedTargets} = await import('./store/mountpath/mountpath-mark.ts')
  return settleIdentity({...question, marked: markedTargets(mountpaths.map(({path}) => path))})
}

async function runFsck(flags: Flags): Promise<void> {
  const {file} = loadNodeFile(flags)
  const {runFsck: check} = await import('./store/fsck.ts')
  process.exitCode = await check(file, flags.switches.json === true)
}

/** Tells the record that is kept, or takes the one on standard input. */
async function runRecord(flags: Flags): Promise<void> {
  const {file} = loadNodeFile(flags)
  const {takeRecord, tellRecord} = await import('./store/state/kept-record.ts')
  if (flags.switches.take === true) {
    const {text} = await import('node:stream/consumers')
    process.stdout.write(`${JSON.stringify(takeRecord(file, await text(process.stdin)))}\n`)
  } else {
    process.stdout.write(
      tellRecord(file)
        .map((line) => `${line}\n`)
        .join(''),
    )
  }
}

function failWith(error: unknown): never {
  if (!(error instanceof AisError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return fail({code: 'INTERNAL', message: text}, EXIT_FAILED)
  }
  const status = ['BAD_CONFIG', 'USAGE', 'INCOMPATIBLE', 'BAD_NAME'].includes(error.code)
    ? EXIT_CONFIGURATION
    : EXIT_FAILED
  return fail({code: error.code, message: error.message, hint: error.hint ?? ''}, status)
}

/** The one line, then the end. Nothing is cleaned up: whatever counts is on disk already. */
function fail(refusal: Refusal, status: number): never {
  const hint = refusal.hint === undefined || refusal.hint === '' ? '' : `; ${refusal.hint}`
  process.stderr.write(`aisnode: ${refusal.message}${hint}\n`)
  // Nothing else is to happen meanwhile; until the node has started, SIGTERM ends it at once.
  if (status === EXIT_FAILED) pause(noteStartError(process.env, refusal.message))
  process.exit(status)
}

function pause(ms: number): void {
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
