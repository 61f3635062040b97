/**
 * Writes topology.schema.json anew: `node src/ops/topology/write-schema.ts`. A test holds it to
 * schema.ts.
 */

import {writeFileSync} from 'node:fs'
import {topologyJsonSchema} from './schema.ts'

writeFileSync(
  new URL('./topology.schema.json', import.meta.url),
  `${JSON.stringify(topologyJsonSchema(), null, 2)}\n`,
)
