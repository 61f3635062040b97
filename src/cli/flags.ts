/** Flags and arguments that several commands share, so that a word means the same everywhere. */

import {Args, Flags} from '@oclif/core'
import {AisError} from '../base/errors.ts'
import {formatDuration, parseDuration, parseSize} from '../base/units.ts'

/** `--timeout 2m`, in milliseconds. */
export const durationFlag = Flags.custom<number>({
  helpValue: 'DURATION',
  parse: async (text) => {
    const ms = parseDuration(/^\d+$/.test(text) ? `${text}s` : text)
    if (ms !== undefined && ms >= 0) return ms
    throw new AisError({
      code: 'USAGE',
      message: `${JSON.stringify(text)} is no duration`,
      hint: 'write it as 10s, 2m or 1h30m; a bare number is seconds',
    })
  },
  defaultHelp: async ({options}) =>
    typeof options.default === 'number' ? formatDuration(options.default) : undefined,
})

/** `--length 64MiB`, in bytes. */
export const sizeFlag = Flags.custom<number>({
  helpValue: 'SIZE',
  parse: async (text) => {
    const bytes = parseSize(text)
    if (bytes !== undefined) return bytes
    throw new AisError({
      code: 'USAGE',
      message: `${JSON.stringify(text)} is no size`,
      hint: 'write it as 4096, 64KiB or 1.5GiB',
    })
  },
})

export const yesFlag = Flags.boolean({
  char: 'y',
  description: 'answer every question with yes',
  default: false,
})

export const refreshFlags = {
  refresh: durationFlag({
    description: 'draw again every so often until interrupted',
    helpValue: 'SECONDS',
  }),
  count: Flags.integer({
    description: 'with --refresh: draw this many times, then end',
    min: 1,
    dependsOn: ['refresh'],
  }),
}

export const nodeArg = Args.custom<string>({
  description: 'node: its id, t[id], an unambiguous start of its id, or HOST/INSTANCE',
})

export const bucketArg = Args.custom<string>({description: 'bucket: NAME or ais://NAME'})
