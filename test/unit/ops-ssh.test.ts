/** Commands over SSH: what is heard of their end. */

import {EventEmitter} from 'node:events'
import t from 'tap'
import {startCommand, statusOf} from '../../src/ops/host/ssh-host.ts'
import type {SshConnection} from '../../src/ops/host/ssh-connect.ts'

type Told = (channel: EventEmitter) => void

/** A client whose commands end as they are told, as soon as they have begun. */
function clientThat(tell: Told): Pick<SshConnection, 'client'> {
  const exec = (_line: string, _options: object, begun: (error: undefined, c: unknown) => void) => {
    const channel = new EventEmitter()
    begun(undefined, channel)
    tell(channel)
    setImmediate(() => channel.emit('close'))
  }
  return {client: {exec} as unknown as SshConnection['client']}
}

async function endOf(tell: Told): Promise<number> {
  return statusOf(await startCommand(clientThat(tell), 'true', false, 'h1'), {}, 'h1')
}

t.test('the end of a command is heard though it comes together with its start', async (t) => {
  t.equal(await endOf((channel) => channel.emit('exit', 0)), 0)
  t.equal(await endOf((channel) => channel.emit('exit', 3)), 3)
  t.equal(await endOf((channel) => channel.emit('exit', null, 'KILL')), 128)
})

t.test('a channel that closes without a word of its end is a lost connection', async (t) => {
  await t.rejects(
    endOf(() => undefined),
    {code: 'UNREACHABLE', message: 'h1: the connection was lost while a command ran'},
  )
})
