/**
 * `aisctl check --fix` and `--undo`: mends on every host what is safe to mend and can be undone,
 * reads it back, and keeps there what was before. Two plans; each host is a step.
 */

import {AisError} from '../../base/errors.ts'
import type {Fleet} from '../fleet.ts'
import {commandError, runScript} from '../host/script.ts'
import type {Plan, Step} from '../plan/plan.ts'
import type {HostSurvey} from '../survey/host-survey.ts'
import {lackingSettings} from './kernel.ts'

const HOSTS_PARALLEL = 16
const MEND_TIMEOUT_MS = 120_000

/** One thing that was mended or undone, as read back on the host. */
export interface Mended {
  readonly host: string
  readonly state: 'fixed' | 'undone' | 'failed'
  readonly key: string
  readonly value: string
}

/** What would be mended on a host; empty in a container, whose kernel is the machine's outside. */
export function mendLines(survey: HostSurvey): string[] {
  if (survey.container !== '') return []
  return [
    ...lackingSettings(survey).map(({key, asked}) => `sysctl ${key} ${asked}`),
    ...(survey.keepers.length === 0 && survey.synchronized !== undefined ? ['keeper'] : []),
  ]
}

/** Mends what the surveys lack. Hosts with nothing to mend are skipped. */
export function planMend(fleet: Fleet, surveys: ReadonlyMap<string, HostSurvey>): Plan {
  const steps = fleet.topology.hosts.flatMap(({name}): Step[] => {
    const survey = surveys.get(name)
    if (survey === undefined) return []
    const lines = mendLines(survey)
    const container = survey.container !== ''
    const nothing = container ? 'not applicable (container)' : 'nothing that is safe to mend'
    return [
      {
        id: `${name}/mend`,
        title: 'mend what is safe',
        host: name,
        skip: () => Promise.resolve(lines.length === 0 ? nothing : null),
        preview: () => lines,
        run: () => mend(fleet, name, 'fix', lines),
      },
    ]
  })
  return {title: `mend hosts of ${fleet.topology.cluster.name}`, steps, parallel: HOSTS_PARALLEL}
}

/** Sets again what was before `--fix`, on every host. */
export function planUndo(fleet: Fleet): Plan {
  const steps = fleet.topology.hosts.map(({name}): Step => ({
    id: `${name}/undo`,
    title: 'set again what was before',
    host: name,
    preview: () => ['what /var/lib/aisctl/mended says'],
    run: () => mend(fleet, name, 'undo', []),
  }))
  return {title: `undo on hosts of ${fleet.topology.cluster.name}`, steps, parallel: HOSTS_PARALLEL}
}

async function mend(
  fleet: Fleet,
  name: string,
  verb: 'fix' | 'undo',
  lines: readonly string[],
): Promise<readonly Mended[]> {
  const host = fleet.host(name)
  const result = await runScript(host, {
    script: 'mend.sh',
    args: [verb],
    lines,
    timeoutMs: MEND_TIMEOUT_MS,
  })
  if (result.status !== 0) throw commandError(host, 'mend.sh', result, 'did not end well')
  const mended = parseMended(name, result.stdout)
  const failed = mended.filter(({state}) => state === 'failed')
  if (failed.length === 0) return mended
  throw new AisError({
    code: 'PARTIAL',
    message: failed.map(({key, value}) => `${name}: ${key} stays ${value}`).join('\n'),
    hint: 'what was set before is kept on the host: aisctl check --undo',
    details: {mended},
  })
}

/** Lines of mend.sh. */
export function parseMended(host: string, text: string): readonly Mended[] {
  return text.split('\n').flatMap((line): Mended[] => {
    const [state = '', key = '', ...value] = line.split(' ')
    if (state !== 'fixed' && state !== 'undone' && state !== 'failed') return []
    return [{host, state, key, value: value.join(' ')}]
  })
}
