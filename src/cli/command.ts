/**
 * The one base command: `--json`, the endpoint of the cluster, errors with a hint and a documented
 * exit code. A command parses, confirms, calls one function of `ops` or `client`, and renders what it
 * returned.
 */

import {Command, Flags} from '@oclif/core'
import {BugError} from '../base/assert.ts'
import {AisError} from '../base/errors.ts'

export abstract class AisctlCommand extends Command {
  static override readonly enableJsonFlag = true

  static override readonly baseFlags = {
    cluster: Flags.string({
      description: 'cluster name or gateway URL',
      env: 'AISCTL_CLUSTER',
      helpGroup: 'GLOBAL',
    }),
  }

  override async catch(error: Error & {exitCode?: number}): Promise<unknown> {
    if (error instanceof AisError) {
      process.exitCode = error.exit
      if (this.jsonEnabled()) {
        const {code, message, hint, details} = error
        this.logJson({error: {code, message, hint, details}})
      } else {
        this.logToStderr(`Error: ${error.message}`)
        if (error.hint !== undefined) this.logToStderr(`  ${error.hint}`)
      }
      return undefined
    }
    if (error instanceof BugError) {
      process.exitCode = 70
      this.logToStderr(`This is a defect of aisctl: ${error.message}`)
      this.logToStderr(`  Please report it with the output of: DEBUG=* aisctl ${process.argv.slice(2).join(' ')}`)
      return undefined
    }
    return super.catch(error)
  }
}
