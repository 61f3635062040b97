/**
 * `aisctl adopt`, from the words of a command line to a plan that can be run. Connects to nothing
 * yet; what cannot be a host or a setting of ssh is refused before anything does.
 */

import {AisError} from '../../base/errors.ts'
import {parseJump} from '../host/ssh-config.ts'
import {sudoPassword} from '../host/sudo-password.ts'
import type {SshSettings} from '../topology/resolve.ts'
import {topologySchema} from '../topology/schema.ts'
import {planAdopt, type AdoptPlan} from './adopt.ts'
import {openAcquaintance, sshConnections} from './hear.ts'

export interface PrepareAdoptOptions {
  /** `[USER@]HOST[:PORT]`; user and port count for all hosts. */
  readonly hosts: readonly string[]
  readonly ssh: {
    readonly user?: string
    readonly port?: number
    readonly identity?: string
    readonly jump?: string
    readonly become?: SshSettings['become']
  }
  readonly file: string
  readonly generation?: number
  readonly acceptNew: boolean
  readonly askSecret: (question: string) => Promise<string>
}

export interface PreparedAdopt extends AdoptPlan {
  /** Closes the connections. Call it whatever happened. */
  close(): Promise<void>
}

/** @throws AisError USAGE */
export function prepareAdopt(options: PrepareAdoptOptions): PreparedAdopt {
  const words = options.hosts.map(parseJump)
  const user = words.find((word) => word.user !== undefined)?.user
  const port = words.find((word) => word.port !== undefined)?.port
  const ssh = settingsOf({...withoutNothing({user, port}), ...options.ssh})
  for (const {address} of words) {
    if (!topologySchema.shape.hosts.element.shape.address.safeParse(address).success) {
      throw usage(`${JSON.stringify(address)} is no host name and no address`)
    }
  }
  const acquaintance = openAcquaintance()
  const connections = sshConnections({
    knownHosts: acquaintance.file,
    acceptNew: options.acceptNew,
    sudo: sudoPassword(() => options.askSecret('sudo password:')),
  })
  const adopt = planAdopt({
    hosts: [...new Set(words.map(({address}) => address))],
    ssh,
    connect: connections.connect,
    acquaintance,
    file: options.file,
    now: Date.now,
    ...(options.generation === undefined ? {} : {generation: options.generation}),
  })
  return {
    ...adopt,
    close: async () => {
      await connections.close()
      acquaintance.forget()
    },
  }
}

function settingsOf(given: PrepareAdoptOptions['ssh']): Partial<SshSettings> {
  const checked = topologySchema.shape.ssh.unwrap().safeParse(given)
  if (checked.success) return withoutNothing(checked.data)
  const [first] = checked.error.issues
  throw usage(`--${String(first?.path[0] ?? 'ssh')}: ${first?.message ?? 'not valid'}`)
}

function withoutNothing(value: object): Partial<SshSettings> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined))
}

function usage(message: string): AisError {
  return new AisError({code: 'USAGE', message, hint: 'nothing was asked; see: aisctl adopt --help'})
}
