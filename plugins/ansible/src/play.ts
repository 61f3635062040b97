/**
 * `ansible-playbook` as a plan: a step for every host, each told of by the events of the callback
 * plugin. One process does it all; a step ends when the process does.
 */

import {spawn} from 'node:child_process'
import {closeSync, openSync} from 'node:fs'
import {createInterface} from 'node:readline'
import type {Readable} from 'node:stream'
import {AisError, type Plan, type Step, type StepContext} from 'aisctl/kit'
import {parseEvent, type AnsibleEvent} from './events.ts'

/** Where the callback plugin writes. */
const EVENTS_FD = 3

export interface PlayOptions {
  /** An export: inventory, configuration and collection. */
  readonly directory: string
  /** `restart`; of another collection: its full name. */
  readonly playbook: string
  readonly hosts: readonly string[]
  /** Further words for ansible-playbook. */
  readonly argv: readonly string[]
  /** Ansible's own words go there. */
  readonly logFile: string
}

export interface Play {
  readonly plan: Plan
  /** Of ansible-playbook; null: it was never started. */
  exitCode(): number | null
  /** In check mode: what would be done, by host. */
  steps(): ReadonlyMap<string, readonly string[]>
  /** Hosts on which something was changed. */
  changed(): ReadonlySet<string>
}

/** What was heard so far; steps that wait for a host are told. */
interface Heard {
  readonly watchers: Map<string, StepContext>
  readonly failures: Map<string, string>
  readonly steps: Map<string, string[]>
  readonly changed: Set<string>
}

export function playOf(options: PlayOptions): Play {
  const {hosts, playbook, logFile} = options
  const heard: Heard = {
    watchers: new Map(),
    failures: new Map(),
    steps: new Map(),
    changed: new Set(),
  }
  let code: number | null = null
  let running: Promise<number> | undefined
  const run = async (signal: AbortSignal): Promise<number> => {
    running ??= runPlaybook(options, {signal, tell: (event) => listen(heard, event)})
    return (code = await running)
  }
  const steps = hosts.map((host): Step => {
    return {
      id: `${host}/play`,
      title: playbook,
      host,
      preview: () => [`ansible-playbook ${nameOf(playbook)}`],
      run: async (context) => {
        heard.watchers.set(host, context)
        const ended = await run(context.signal)
        const why = heard.failures.get(host)
        if (why !== undefined) throw failed(`${host}: ${why}`, logFile)
        // A failure that no host was told of: a playbook that cannot be read, an interrupt.
        if (ended !== 0 && heard.failures.size === 0) {
          throw failed(`ansible-playbook ended with ${ended}`, logFile)
        }
      },
    }
  })
  return {
    plan: {title: `play ${playbook}`, steps, parallel: Math.max(1, hosts.length)},
    exitCode: () => code,
    steps: () => heard.steps,
    changed: () => heard.changed,
  }
}

function failed(message: string, logFile: string): AisError {
  return new AisError({code: 'PARTIAL', message, hint: `what Ansible said: ${logFile}`})
}

function listen({watchers, failures, steps, changed}: Heard, event: AnsibleEvent): void {
  const {host, name, text, state} = event
  const watcher = watchers.get(host)
  if (event.event === 'start') watcher?.report({text: name})
  if (event.event === 'progress') watcher?.report({text})
  if (event.event !== 'result') return
  if (state === 'failed' || state === 'unreachable') {
    const why = text === '' ? state : text
    if (!failures.has(host)) failures.set(host, `${name}: ${why}`)
  }
  if (state === 'changed') changed.add(host)
  if (event.steps.length > 0) steps.set(host, [...(steps.get(host) ?? []), ...event.steps])
}

interface Ears {
  readonly signal: AbortSignal
  tell(event: AnsibleEvent): void
}

/** @throws AisError MISSING_TOOL when Ansible is not there */
async function runPlaybook(
  {directory, playbook, argv, logFile}: PlayOptions,
  {signal, tell}: Ears,
): Promise<number> {
  // Of the last run alone: it grows no further.
  const log = openSync(logFile, 'w', 0o600)
  try {
    const child = spawn('ansible-playbook', [nameOf(playbook), ...argv], {
      cwd: directory,
      env: {...process.env, ANSIBLE_NOCOLOR: '1', AISCTL_EVENTS_FD: String(EVENTS_FD)},
      stdio: ['ignore', log, log, 'pipe'],
      // A Ctrl-C of the terminal reaches it once, from here.
      detached: true,
    })
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(notStarted(error)))
      child.once('exit', (code) => resolve(code ?? 1))
    })
    const interrupt = (): void => void child.kill('SIGINT')
    signal.addEventListener('abort', interrupt)
    const events = child.stdio[EVENTS_FD] as Readable
    createInterface({input: events}).on('line', (line) => {
      const event = parseEvent(line)
      if (event !== undefined) tell(event)
    })
    try {
      return await ended
    } finally {
      signal.removeEventListener('abort', interrupt)
      events.destroy()
    }
  } finally {
    closeSync(log)
  }
}

function notStarted(error: Error): AisError {
  return new AisError(
    {
      code: 'USAGE',
      message: `ansible-playbook cannot be started: ${error.message}`,
      hint: 'install it: apt-get install ansible-core, or pip install ansible-core',
    },
    error,
  )
}

function nameOf(playbook: string): string {
  return playbook.includes('.') || playbook.includes('/') ? playbook : `aisctl.cluster.${playbook}`
}
