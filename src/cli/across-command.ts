/** What `host exec`, `push` and `pull` have in common: which hosts, how many at once, how it ended. */

import {Args, Flags} from '@oclif/core'
import {AisError} from '../base/errors.ts'
import {HOSTS_PARALLEL, type OnHost} from '../ops/across/hosts.ts'
import type {Moved} from '../ops/across/files.ts'
import {formatSize} from '../base/units.ts'
import {HostsCommand} from './hosts-command.ts'

export const hostArg = Args.custom<string>({description: 'hosts by name'})

export abstract class AcrossCommand extends HostsCommand {
  static override readonly baseFlags = {
    ...HostsCommand.baseFlags,
    all: Flags.boolean({description: 'all hosts of the cluster', default: false}),
    parallel: Flags.integer({
      description: 'hosts at work at once',
      default: HOSTS_PARALLEL,
      min: 1,
      max: 256,
    }),
  }

  /** Says what became of a file on every host. @throws AisError when one of them failed */
  protected concludeMove(done: readonly OnHost<Moved>[], word: string): unknown {
    const good = done.flatMap(({host, result}) => (result === undefined ? [] : [{host, ...result}]))
    this.print(good.map(({host, path, bytes}) => `${host}: ${path}, ${formatSize(bytes)}`))
    const failed = done.flatMap(({error}) => error ?? [])
    const [first] = failed
    if (first === undefined) {
      this.log(`${good.length} ${good.length === 1 ? 'host' : 'hosts'} ${word}.`)
      return {hosts: good}
    }
    throw new AisError(
      {
        code: failed.length === done.length ? first.code : 'PARTIAL',
        message: failed.map(({message}) => message).join('\n'),
        hint: first.hint ?? 'mend it and repeat the command for these hosts',
        details: {hosts: good},
      },
      first,
    )
  }
}
