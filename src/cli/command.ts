/**
 * The one base command: `--json`, which cluster is meant, errors with a hint and a documented exit
 * code. A command parses, confirms, calls one function of `ops` or `client`, and renders what it
 * returned.
 */

import {Command, Flags} from '@oclif/core'
import {BugError} from '../base/assert.ts'
import {AisError} from '../base/errors.ts'
import type {ClusterClient} from '../client/cluster.ts'
import {openCluster} from '../client/cluster.ts'
import type {FoundCluster} from '../client/find-cluster.ts'
import {findCluster} from '../client/find-cluster.ts'
import {knownClusters} from '../client/known-clusters.ts'
import {prettyJson} from './render/json.ts'
import type {Paint} from './render/paint.ts'
import {paintFor} from './render/paint.ts'
import type {ProgressLine} from './render/progress.ts'
import {progressLine, silent} from './render/progress.ts'

/** Exit code of a defect of aisctl itself (EX_SOFTWARE). */
const EXIT_DEFECT = 70
const EXIT_USAGE = 2

export abstract class AisctlCommand extends Command {
  static override readonly enableJsonFlag: boolean = true

  static override readonly baseFlags = {
    cluster: Flags.string({
      description: 'a known cluster by name, or the URL of a gateway',
      env: 'AISCTL_CLUSTER',
      helpGroup: 'GLOBAL',
      helpValue: 'NAME|URL',
    }),
  }

  /** The cluster that this command line means. @throws AisError USAGE when that is not clear */
  protected found(flags: {readonly cluster?: string | undefined}): FoundCluster {
    const {clusters, unreadable} = knownClusters()
    for (const file of unreadable) this.warn(`cannot read ${file}; left out`)
    return findCluster({
      wanted: flags.cluster,
      endpoint: process.env['AIS_ENDPOINT'],
      clusters,
    })
  }

  /** A client of that cluster. Nothing is sent yet. */
  protected client(flags: {readonly cluster?: string | undefined}): ClusterClient {
    return openCluster({endpoints: this.found(flags).endpoints})
  }

  protected get paint(): Paint {
    return paintFor(process.stdout)
  }

  /** A line of progress on stderr; silent with --json. */
  protected progress(): ProgressLine {
    return this.jsonEnabled() ? silent : progressLine(process.stderr)
  }

  protected print(lines: readonly string[]): void {
    if (lines.length > 0) this.log(lines.join('\n'))
  }

  protected override logJson(json: unknown): void {
    process.stdout.write(`${prettyJson(json)}\n`)
  }

  override async catch(error: Error & {oclif?: {exit?: number}}): Promise<unknown> {
    const known = asAisError(error)
    if (known !== undefined) {
      this.fail(known)
      return undefined
    }
    if (isExit(error)) throw error
    process.exitCode = EXIT_DEFECT
    const debug = `DEBUG=* aisctl ${process.argv.slice(2).join(' ')}`
    if (this.jsonEnabled()) {
      this.logJson({error: {code: 'DEFECT', message: error.message}})
    } else {
      this.logToStderr(`This is a defect of aisctl: ${error.message}`)
      this.logToStderr(`  please report it with the output of: ${debug}`)
      if (process.env['DEBUG'] !== undefined) this.logToStderr(error.stack ?? '')
    }
    return undefined
  }

  private fail(error: AisError): void {
    process.exitCode = error.exit
    const {code, message, hint, details} = error
    if (this.jsonEnabled()) {
      this.logJson({error: {code, message, hint, details, exit: error.exit}})
      return
    }
    const paint = paintFor(process.stderr)
    this.logToStderr(`${paint('red', 'Error:')} ${message}`)
    if (hint !== undefined) this.logToStderr(`  ${hint}`)
  }
}

/** What an operator can meet: our own errors, and oclif's complaints about the command line. */
function asAisError(error: Error & {oclif?: {exit?: number}}): AisError | undefined {
  if (error instanceof AisError) return error
  if (error instanceof BugError || isExit(error)) return undefined
  if (error.oclif?.exit !== EXIT_USAGE) return undefined
  const [first = '', ...rest] = error.message
    .replace(/\nSee more help with --help$/, '')
    .split('\n')
  const message = [first, ...rest.filter((line) => line.trim() !== '')].join('\n')
  return new AisError(
    {code: 'USAGE', message, hint: 'see how it is used: add --help to the command'},
    error,
  )
}

/** `this.exit(n)`: no failure, the way that oclif ends. */
function isExit(error: Error & {code?: string}): boolean {
  return error.code === 'EEXIT'
}
