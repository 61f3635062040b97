/** What `cluster restore` can be told. */

import {Flags} from '@oclif/core'
import {durationFlag, yesFlag} from './flags.ts'

/** Nodes start, join and catch up. */
const PATIENCE_MS = 120_000

export const restoreFlags = {
  'passphrase-file': Flags.string({
    description: 'file that holds the passphrase',
    helpValue: 'FILE',
  }),
  'lost': Flags.string({
    description: 'a host that is gone for good',
    helpValue: 'HOST',
    multiple: true,
  }),
  'write-topology': Flags.string({description: 'write the topology, too', helpValue: 'FILE'}),
  'dry-run': Flags.boolean({description: 'look and show, do nothing', default: false}),
  'accept-new': Flags.boolean({description: 'trust the keys of hosts that are not known yet'}),
  'timeout': durationFlag({description: 'how long the nodes may take', default: PATIENCE_MS}),
  'yes': yesFlag,
  'cluster-name': Flags.string({
    description: 'with --yes: the name of the cluster, as it would be typed',
    helpValue: 'NAME',
  }),
}
