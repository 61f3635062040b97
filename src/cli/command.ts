/**
 * The one base command: `--json`, which cluster is meant, errors with a hint and a documented exit
 * code. A command parses, confirms, calls one function of `ops` or `client`, and renders what it
 * returned.
 */

import {Command, Flags, type Interfaces} from '@oclif/core'
import {BugError} from '../base/assert.ts'
import {AisError} from '../base/errors.ts'
import type {ClusterClient} from '../client/cluster.ts'
import {openCluster} from '../client/cluster.ts'
import type {FoundCluster} from '../client/find-cluster.ts'
import {findCluster} from '../client/find-cluster.ts'
import {knownClusters} from '../client/known-clusters.ts'
import {hasEffect, isSettingKey} from '../model/config/schema.ts'
import {prettyJson} from './render/json.ts'
import type {Paint} from './render/paint.ts'
import {paintFor} from './render/paint.ts'
import type {ProgressLine} from './render/progress.ts'
import {progressLine, silent} from './render/progress.ts'
import {isExit, report} from './report.ts'

export abstract class AisctlCommand extends Command {
  static override readonly enableJsonFlag = true

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
    let told = ''
    const onRetry = ({message}: AisError): void => {
      if (message !== told) this.logToStderr(`${message}; trying again`)
      told = message
    }
    // The first Ctrl-C ends what is under way in order, the second ends aisctl.
    const abort = new AbortController()
    process.once('SIGINT', () => abort.abort())
    const {endpoints} = this.found(flags)
    return openCluster({endpoints, onRetry, signal: abort.signal})
  }

  protected get paint(): Paint {
    return paintFor(process.stdout)
  }

  private line: ProgressLine = silent

  /** A line of progress on stderr; silent with --json. Ended when the command fails. */
  protected progress(): ProgressLine {
    this.line = this.jsonEnabled() ? silent : progressLine(process.stderr)
    return this.line
  }

  /** oclif complains of a wrong flag as such, of a wrong argument with a bare Error. */
  protected override async parse<
    F extends Interfaces.OutputFlags<F>,
    B extends Interfaces.OutputFlags<B>,
    A extends Interfaces.OutputArgs<A>,
  >(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    try {
      return await super.parse(options, argv)
    } catch (error) {
      const known = error instanceof AisError || error instanceof BugError
      if (known || !(error instanceof Error) || 'oclif' in error) throw error
      const hint = 'see how it is used: add --help to the command'
      throw new AisError({code: 'USAGE', message: error.message, hint}, error)
    }
  }

  protected print(lines: readonly string[]): void {
    if (lines.length > 0) this.log(lines.join('\n'))
  }

  override warn(input: Error | string): Error | string {
    const text = typeof input === 'string' ? input : input.message
    this.logToStderr(`${paintFor(process.stderr)('yellow', 'Warning:')} ${text}`)
    return input
  }

  /** Says which of these settings nothing heeds, though they are kept. */
  protected warnOf(keys: readonly string[]): void {
    const inert = keys.filter((key) => isSettingKey(key) && !hasEffect(key))
    if (inert.length === 0) return
    this.warn(`${inert.join(', ')}: kept for AIStore's tools, without effect in this release`)
  }

  protected override logJson(json: unknown): void {
    process.stdout.write(`${prettyJson(json)}\n`)
  }

  override async catch(error: Error): Promise<unknown> {
    if (isExit(error)) throw error
    this.line.end()
    report(error, this.jsonEnabled())
    return undefined
  }
}
