/** Flags of commands that take several nodes, one after the other. */

import {Flags} from '@oclif/core'

export const sequenceFlags = {
  'max-failed': Flags.integer({
    description: 'nodes that may fail before no other is touched',
    default: 0,
    min: 0,
  }),
  'ungated': Flags.boolean({
    description:
      'do not ask how the cluster is, wait for nothing: for a cluster that is down anyway',
    default: false,
  }),
}
