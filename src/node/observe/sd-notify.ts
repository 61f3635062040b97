/**
 * Talks to systemd: READY, STATUS, WATCHDOG, STOPPING, EXTEND_TIMEOUT. Node has no datagram sockets
 * of AF_UNIX, and forking a large process stalls it, so one small shell started early passes each
 * line on to `systemd-notify`, in order. Without NOTIFY_SOCKET all of it does nothing.
 */

import {spawn, type ChildProcess} from 'node:child_process'

export interface Notifier {
  readonly ready: (status: string) => void
  readonly status: (text: string) => void
  readonly stopping: (status: string) => void
  /** Asks for more time before the stop is cut short. */
  readonly extend: (ms: number) => void
  /** Tells the watchdog, twice per interval, as long as `alive()` says so. */
  readonly watch: (alive: () => boolean) => void
  /** Ends the pump; resolves when it is gone. */
  readonly close: () => Promise<void>
}

type Variables = Readonly<Record<string, string | undefined>>

const PUMP = 'while IFS= read -r line; do systemd-notify "$line"; done'
/** The pump ends with its input; one that hangs is left to systemd. */
const CLOSE_TIMEOUT_MS = 1000

export function createNotifier(variables: Variables): Notifier {
  const socket = variables['NOTIFY_SOCKET']
  const pump = socket === undefined || socket === '' ? null : startPump()
  const send = (line: string): void => {
    if (pump?.stdin?.writable === true) pump.stdin.write(`${line.replaceAll('\n', ' ')}\n`)
  }
  let watchdog: NodeJS.Timeout | undefined
  return {
    ready: (status) => {
      send('READY=1')
      send(`STATUS=${status}`)
    },
    status: (text) => send(`STATUS=${text}`),
    stopping: (status) => {
      send('STOPPING=1')
      send(`STATUS=${status}`)
    },
    extend: (ms) => send(`EXTEND_TIMEOUT_USEC=${ms * 1000}`),
    watch: (alive) => {
      const intervalUs = Number(variables['WATCHDOG_USEC'] ?? 0)
      if (pump === null || intervalUs <= 0) return
      watchdog = setInterval(() => {
        if (alive()) send('WATCHDOG=1')
      }, intervalUs / 2000)
      watchdog.unref()
    },
    close: async () => {
      clearInterval(watchdog)
      if (pump !== null) await endPump(pump)
    },
  }
}

function startPump(): ChildProcess {
  const pump = spawn('/bin/sh', ['-c', PUMP], {stdio: ['pipe', 'ignore', 'inherit']})
  // A pump that is gone must not end the node; the write then fails here and nowhere else.
  pump.on('error', () => undefined)
  pump.stdin.on('error', () => undefined)
  pump.unref()
  return pump
}

async function endPump(pump: ChildProcess): Promise<void> {
  if (pump.exitCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
    pump.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    pump.stdin?.end()
  })
}
