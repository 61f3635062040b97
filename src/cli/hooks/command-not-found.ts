/** A command that does not exist: the nearest that does, instead of a question or a guess. */

import type {Hook} from '@oclif/core'
import {AisError} from '../../base/errors.ts'
import {nearest} from '../../model/config/nearest.ts'

const hook: Hook<'command_not_found'> = async ({id, config}) => {
  const typed = id.replaceAll(':', ' ')
  const names = [...config.commandIDs, ...config.topics.map(({name}) => name)]
  const close = nearest(
    typed,
    names.map((name) => name.replaceAll(':', ' ')),
  )
  throw new AisError({
    code: 'USAGE',
    message: `${JSON.stringify(typed)} is not a command of aisctl`,
    hint: close === undefined ? 'see all commands: aisctl --help' : `did you mean: aisctl ${close}`,
  })
}

export default hook
