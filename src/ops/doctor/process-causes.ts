/** Causes in how a process ended: memory, the watchdog, and everything else that systemd tells. Pure. */

import {constants} from 'node:os'
import type {JournalLine} from '../survey/host-survey.ts'
import {
  isRunning,
  isSettled,
  nodeCause,
  seenNodes,
  type Cause,
  type Patient,
  type Seen,
} from './cause.ts'

export function processCauses(patient: Patient): Cause[] {
  return seenNodes(patient).flatMap((seen) => {
    const found = oomCause(seen) ?? watchdogCause(seen)
    return found === undefined ? [] : [found]
  })
}

/** What a unit that does not run says of itself; for nodes of which nothing better is known. */
export function unitCauses(patient: Patient): Cause[] {
  return seenNodes(patient).flatMap((seen) => {
    const found = unitCause(seen)
    return found === undefined ? [] : [found]
  })
}

function oomCause(seen: Seen): Cause | undefined {
  const {unit, survey} = seen
  if (unit === undefined || isSettled(seen)) return undefined
  const told = bySystemd(unit.journal).some(({text}) => /oom-kill|OOM killer/.test(text))
  const kernel = survey.kernel.find(
    (line) => /Out of memory|oom-kill/.test(line) && /MainThread|node/.test(line),
  )
  if (unit.properties['Result'] !== 'oom-kill' && !told && kernel === undefined) return undefined
  return nodeCause(seen, 'process', {
    id: 'oom',
    what: `it was killed because memory ran out (OOM)${kernel === undefined ? '' : `: ${kernel.slice(0, 160)}`}`,
    why: 'the memory of the host, or the MemoryMax of its unit or slice, was used up',
    fix: 'more memory, fewer nodes on the host, or a larger tuning.limits.memoryMax in the topology',
  })
}

function watchdogCause(seen: Seen): Cause | undefined {
  const {unit} = seen
  if (unit === undefined) return undefined
  const stopped = unit.process === 'T'
  const times = bySystemd(unit.journal).filter(({text}) =>
    /Watchdog timeout|result 'watchdog'/.test(text),
  )
  const ended = unit.properties['Result'] === 'watchdog' || (times.length > 0 && !isSettled(seen))
  if (!stopped && !ended) return undefined
  const state = stopped
    ? 'its process is stopped by a signal (state T)'
    : 'its main thread did not answer'
  return nodeCause(seen, 'process', {
    id: 'watchdog',
    what: `${state}: the watchdog ${ended ? 'has ended it' : 'will end it'} after 30 s`,
    why: 'a node that tells nothing for so long is ended and started again',
    fix: stopped
      ? `see who stops it; let it run on: kill -CONT ${unit.properties['MainPID'] ?? ''}`
      : `see what it said before: aisctl logs ${seen.node.id}; a host without CPU or a disk that hangs can be the reason`,
  })
}

function bySystemd(journal: readonly JournalLine[]): readonly JournalLine[] {
  return journal.filter(({from}) => from === 'systemd')
}

/** What exit statuses of systemd's own mean, as `systemctl status` words them. */
const EXITS: Readonly<Record<number, string>> = {
  78: 'its configuration is not valid (78)',
  200: 'its working directory cannot be entered (200/CHDIR)',
  203: 'its program cannot be run (203/EXEC)',
  209: 'its output cannot be set up (209/STDOUT)',
  216: 'its group is unknown (216/GROUP)',
  217: 'its user is unknown (217/USER)',
  226: 'its sandbox cannot be set up: a path of the unit is missing (226/NAMESPACE)',
  228: 'the filter of system calls cannot be set up (228/SECCOMP)',
  233: 'its runtime directory cannot be made (233/RUNTIME_DIRECTORY)',
  238: 'its state directory cannot be made (238/STATE_DIRECTORY)',
  243: 'its credentials cannot be loaded (243/CREDENTIALS)',
}
/** siginfo's words for how a process ended. */
const EXITED = '1'

function unitCause(seen: Seen): Cause | undefined {
  const {unit, node} = seen
  if (isRunning(unit)) return undefined
  const state = unit?.properties ?? {}
  const cause = (what: string, fix: string): Cause =>
    nodeCause(seen, 'unit', {
      id: 'unit-failed',
      what,
      why: 'its keys answer 503 while it is away',
      fix,
    })
  if (unit === undefined || state['LoadState'] !== 'loaded')
    return cause('its unit is not installed', 'aisctl deploy')
  const last = lastWords(unit.journal)
  const look = `aisctl logs ${node.id} -n 50`
  const inactive = state['ActiveState'] === 'inactive' && state['Result'] === 'success'
  if (inactive) return cause('it is stopped, in order', `aisctl node start ${node.id}`)
  if (state['ActiveState'] === 'activating' && state['SubState'] === 'start') {
    return cause(`it is starting: ${state['StatusText'] ?? ''}`, look)
  }
  return cause(`its unit has failed: ${endText(state)}${last === '' ? '' : `: ${last}`}`, look)
}

function endText(state: Readonly<Record<string, string>>): string {
  const status = Number(state['ExecMainStatus'] ?? 0)
  const restarts = state['NRestarts'] === '0' ? '' : `, started ${state['NRestarts']} times again`
  if (state['ExecMainCode'] === EXITED)
    return `${EXITS[status] ?? `exit status ${status}`}${restarts}`
  if (status > 0) return `killed by ${signalName(status)}${restarts}`
  return `${state['Result'] ?? 'unknown'}${restarts}`
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number)
  return found?.[0] ?? `signal ${number}`
}

/** The last thing that the node itself has said. */
function lastWords(journal: readonly JournalLine[]): string {
  const own = journal.filter(
    ({from, text}) => from !== 'systemd' && !text.startsWith('{"level":"info"'),
  )
  return (own.at(-1)?.text ?? '').slice(0, 200)
}
