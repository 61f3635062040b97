/** Orders about mountpaths as an operator types them, against a gateway that answers. */

import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {fileURLToPath} from 'node:url'
import t, {type Test} from 'tap'
import {loadConfig} from '../../src/cli/main.ts'
import {mountpathsPage} from '../../src/cli/show/mountpaths-page.ts'
import StorageMountpathAttach from '../../src/cli/commands/storage/mountpath/attach.ts'
import StorageMountpathCheck from '../../src/cli/commands/storage/mountpath/check.ts'
import StorageMountpathDetach from '../../src/cli/commands/storage/mountpath/detach.ts'
import StorageMountpathDisable from '../../src/cli/commands/storage/mountpath/disable.ts'
import StorageMountpathEnable from '../../src/cli/commands/storage/mountpath/enable.ts'
import {plain} from '../../src/cli/render/paint.ts'
import {resilverPage} from '../../src/cli/show/resilver-page.ts'
import {openCluster} from '../../src/client/cluster.ts'
import {readBody} from '../../src/node/peer/body.ts'
import {encodeJson} from '../../src/wire/json.ts'
import {encodeResilver, type ResilverSnap} from '../../src/wire/mountpaths.ts'
import {encodeSmap} from '../../src/wire/smap.ts'
import {HOST, NODES, UUID, recordWith} from '../helpers/gateway.ts'

const config = loadConfig(fileURLToPath(new URL('../..', import.meta.url)), false)
const COMMANDS = {
  attach: StorageMountpathAttach,
  check: StorageMountpathCheck,
  detach: StorageMountpathDetach,
  disable: StorageMountpathDisable,
  enable: StorageMountpathEnable,
} as const

const LISTS = {available: ['/a'], waiting_dd: ['/w'], disabled: ['/d']}

interface Played {
  readonly url: string
  /** `PUT attach-mp /a label`. */
  readonly orders: readonly string[]
}

/** A cluster whose targets follow every order and say what LISTS says. */
async function play(t: Test, job: ResilverSnap | null = null): Promise<Played> {
  const orders: string[] = []
  const {smap} = recordWith(NODES)
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = (await readBody(req, 1 << 20)).toString('utf8')
    const url = new URL(req.url ?? '', `http://${HOST}`)
    const what = url.searchParams.get('what')
    if (url.pathname.endsWith('/mountpaths')) {
      const {action, value} = JSON.parse(body) as {action: string; value: string}
      const more = [...url.searchParams.values()].join(' ')
      orders.push(`${req.method} ${action} ${value} ${more}`.trim())
      res.statusCode = value === '/same' ? 204 : 200
      return void res.end()
    }
    if (what === 'smap') return void res.end(encodeJson(encodeSmap(UUID, smap)))
    if (what === 'resilver') return void res.end(encodeJson(encodeResilver(job)))
    if (what === 'mountpaths') return void res.end(encodeJson(LISTS))
    res.statusCode = 404
    res.end('{}')
  }
  const server = createServer((req, res) => void answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  t.teardown(() => server.close())
  const {port} = server.address() as AddressInfo
  return {url: `http://${HOST}:${port}`, orders}
}

async function type(
  verb: keyof typeof COMMANDS,
  {url}: Played,
  ...words: string[]
): Promise<readonly string[]> {
  const lines: string[] = []
  const Base = COMMANDS[verb] as unknown as typeof StorageMountpathDetach
  class Heard extends Base {
    override log(line = ''): void {
      lines.push(line)
    }
    protected override logJson(): void {}
    override async catch(error: Error): Promise<never> {
      throw error
    }
  }
  await Heard.run([...words, '--cluster', url], await config)
  return lines
}

t.test('a target and a path, one pair or several, and what is true then', async (t) => {
  const played = await play(t)
  t.strictSame(await type('attach', played, 'tTarget01=/a', 't[tTarget02]=/a', '--label', 'nvme'), [
    't[tTarget01]: mountpath "/a" is now attached',
    't[tTarget02]: mountpath "/a" is now attached',
  ])
  t.strictSame(await type('enable', played, 'tTarget01=/same'), [
    't[tTarget01]: mountpath "/same" is already enabled',
  ])
  t.strictSame(await type('disable', played, 'tTarget01=/d', '--no-resilver', '--wait'), [
    't[tTarget01]: mountpath "/d" is now disabled',
  ])
  t.match(await type('disable', played, 'tTarget01=/w'), [/takes no more writes; .* moves away/])
  t.strictSame(await type('detach', played, 'tTarget01=/gone', '--wait'), [
    't[tTarget01]: mountpath "/gone" is now detached',
  ])
  t.match(await type('check', played, 'tTarget01=/a'), [/is now being checked/])
  t.strictSame(played.orders, [
    'PUT attach-mp /a nvme',
    'PUT attach-mp /a nvme',
    'POST enable-mp /same',
    'POST disable-mp /d true',
    'POST disable-mp /w',
    'DELETE detach-mp /gone',
    'POST fshc-mp /a',
  ])
})

t.test('what is no pair, no target or not agreed to is refused, and nothing is sent', async (t) => {
  const played = await play(t)
  for (const word of ['tTarget01', '=/a', 'tTarget01=']) {
    await t.rejects(type('enable', played, word), {code: 'USAGE'}, word)
  }
  await t.rejects(type('enable', played, 'pGateway1=/a'), {code: 'NODE_NOT_FOUND'})
  await t.rejects(type('detach', played, 'tTarget01=/d', '--no-resilver'), {code: 'REFUSED'})
  t.strictSame(played.orders, [])
  await type('detach', played, 'tTarget01=/d', '--no-resilver', '-y')
  t.strictSame(played.orders, ['DELETE detach-mp /d true'])
})

t.test('a wait for one that is still being emptied ends with an error', async (t) => {
  const played = await play(t)
  const waiting = type('disable', played, 'tTarget01=/w', '--wait', '--timeout', '0s')
  await t.rejects(waiting, {code: 'TIMED_OUT'})
})

t.test('resilvers are shown by target, with what keeps them from ending', async (t) => {
  const job = {id: 'r1', beganMs: 0, endedMs: null, objects: 1200, bytes: 2048, problem: '/d: EIO'}
  const {url} = await play(t, job)
  const page = await resilverPage(openCluster({endpoints: [url]}), {all: false, paint: plain})
  t.match(page.lines[1], /r1\s+t\[tTarget01\]\s+1,200\s+2KiB\s.*Running, cannot end yet/)
  t.equal(page.lines.at(-1), 't[tTarget02]: /d: EIO')
  t.match(page.json, {tTarget01: [{id: 'r1', kind: 'resilver'}]})
  const over = await play(t, {...job, endedMs: 5000, problem: ''})
  const client = openCluster({endpoints: [over.url]})
  const now = await resilverPage(client, {all: false, paint: plain})
  t.match(now.lines, [/No target resilvers.*--all/])
  const all = await resilverPage(client, {all: true, paint: plain})
  t.match(all.lines[1], /1970-01-01.*Finished/)
})

t.test('mountpaths of targets that do not answer are not known, and said not to be', async (t) => {
  const {url} = await play(t)
  const page = await mountpathsPage(openCluster({endpoints: [url]}), 'tTarget01', plain)
  t.match(page.lines.join('\n'), /t\[tTarget01\].*not known/)
  t.strictSame(page.json, {tTarget01: null})
})
