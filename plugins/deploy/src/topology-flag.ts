/** Flags that several commands share: the topology, and what is shipped. */

import {Flags} from 'aisctl/kit'

export const topologyFlag = Flags.custom<string>({
  char: 'f',
  description: 'the topology file',
  env: 'AISCTL_TOPOLOGY',
  helpValue: 'FILE',
  parse: (text) => Promise.resolve(text),
})

export const DEFAULT_TOPOLOGY = 'topology.yaml'

/** Absent: what this installation has. */
export const bundleFlag = Flags.custom<string>({
  description: 'what is shipped: a file of aisctl bundle create',
  env: 'AISCTL_BUNDLE',
  helpValue: 'FILE',
  parse: (text) => Promise.resolve(text),
})
