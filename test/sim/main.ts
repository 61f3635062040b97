/**
 * `npm run sim -- --seeds N [--seed S] [--for MIN] [--append FILE] [--json] [--mutants]`. A failing
 * seed replays exactly with `--seed S --seeds 1 --trace`. The last line of stdout is one JSON object.
 */

import {appendFileSync} from 'node:fs'
import {parseArgs} from 'node:util'

import {optionsOf} from './world/options.ts'
import {runWorld} from './world/world.ts'

const {values} = parseArgs({
  options: {
    seeds: {type: 'string', default: '100'},
    seed: {type: 'string', default: '1'},
    for: {type: 'string'},
    append: {type: 'string'},
    json: {type: 'boolean', default: false},
    mutants: {type: 'boolean', default: false},
    trace: {type: 'boolean', default: false},
  },
})
const first = Number(values.seed)
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const outcome = runWorld(optionsOf(seed), values.trace ? {trace: console.log} : {})
  if (!outcome.converged || outcome.violations.length > 0)
    console.log(seed, outcome.converged, outcome.convergedMs, outcome.violations)
}
if (values.append !== undefined) appendFileSync(values.append, '')
