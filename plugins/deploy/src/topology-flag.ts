/** The flag that names the topology, the same in every command that reads one. */

import {Flags} from 'aisctl/kit'

export const topologyFlag = Flags.custom<string>({
  char: 'f',
  description: 'the topology file',
  env: 'AISCTL_TOPOLOGY',
  helpValue: 'FILE',
  parse: (text) => Promise.resolve(text),
})

export const DEFAULT_TOPOLOGY = 'topology.yaml'
