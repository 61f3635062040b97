/** What `aisctl check` finds beyond a deploy's own questions, and what it mends. */

import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import t from 'tap'
import {explain, EXPLANATIONS} from '../../src/ops/check/explain.ts'
import {kernelFindings, kernelSettings} from '../../src/ops/check/kernel.ts'
import {mendLines, parseMended} from '../../src/ops/check/mend.ts'
import {pathFindings} from '../../src/ops/check/paths.ts'
import {serviceFindings} from '../../src/ops/check/services.ts'
import {hostScript} from '../../src/ops/payload/package-root.ts'
import {parseSurvey} from '../../src/ops/survey/host-survey.ts'
import {surveyLines} from '../../src/ops/survey/survey.ts'
import {topologyOf} from '../helpers/ops/sample-topology.ts'
import {HEARD_MS, surveyOf, surveyText, type SurveyChanges} from '../helpers/ops/sample-survey.ts'

const texts = (found: readonly {severity: string; id: string; what: string}[]): string[] =>
  found.map(({severity, id, what}) => `${severity} ${id}: ${what}`)

t.test('a survey that breaks off is none', (t) => {
  const whole = surveyText()
  const heard = {beforeMs: HEARD_MS - 10, afterMs: HEARD_MS + 10}
  t.equal(parseSurvey(whole.replace('done\tyes\n', ''), heard), undefined)
  t.match(parseSurvey(whole, heard), {clock: {offsetMs: 0, uncertaintyMs: 10}, container: ''})
  t.end()
})

t.test('every host is asked to try every other, and peers come last', (t) => {
  const topology = topologyOf()
  const [host] = topology.hosts
  if (host === undefined) return t.fail('the sample has hosts')
  const lines = surveyLines(topology, host, {
    nodes: true,
    sysctls: ['vm.swappiness'],
    services: true,
  })
  t.match(lines.at(-1), /^peer h2\/fd00::2 fd00::2 51081 51082 51083$/)
  t.equal(lines.filter((line) => line.startsWith('peer ')).length, 1)
  t.ok(lines.includes('unit aisnode@target-2.service target-2'))
  return t.end()
})

t.test('hosts with what suits them have no finding', (t) => {
  const [host] = topologyOf().hosts
  if (host === undefined) return t.fail('the sample has hosts')
  const survey = surveyOf({'path h2/a': 'eth0 1500 1500', 'reach h2/a 51080': 'refused'})
  t.strictSame(kernelFindings('h1', survey), [])
  t.strictSame(serviceFindings(host, survey), [])
  t.strictSame(
    pathFindings(
      new Map([
        ['h1', survey],
        ['h2', surveyOf()],
      ]),
    ),
    [],
  )
  t.strictSame(mendLines(survey), [])
  return t.end()
})

t.test(
  'a link that carries less than its interface says is found, and the host that all ways share',
  (t) => {
    const way = (to: string, arrives: string): SurveyChanges => ({
      [`path ${to}/x`]: `eth0 1500 ${arrives}`,
    })
    const surveys = new Map([
      ['h1', surveyOf({...way('h2', '1450'), ...way('h3', '1500')})],
      ['h2', surveyOf({...way('h1', '1450'), ...way('h3', '1450')})],
      ['h3', surveyOf({...way('h1', '1500'), ...way('h2', '1450')})],
    ])
    const [found, ...more] = pathFindings(surveys)
    t.equal(found?.host, 'h2')
    t.equal(
      found?.what,
      'packets between it and h1, h3 pass up to 1450 bytes only; eth0 says MTU 1500',
    )
    t.strictSame(more, [], 'once, not once per way')
    t.strictSame(
      pathFindings(new Map([['h1', surveyOf({'path h2/x': 'eth0 1500 unknown'})]])),
      [],
      'pings that nobody answers prove nothing',
    )
    t.end()
  },
)

t.test('an interface with another MTU than the others is found', (t) => {
  const surveys = new Map(
    ['1500', '1500', '9000'].map((mtu, index) => [
      `h${index + 1}`,
      surveyOf({[`path x${index}/x`]: `eth0 ${mtu} ${mtu}`}),
    ]),
  )
  t.strictSame(texts(pathFindings(surveys)), [
    'error mtu: eth0 has MTU 9000, the other hosts have 1500',
  ])
  t.end()
})

t.test('a port that is filtered is told apart from one where nobody listens', (t) => {
  const find = (changes: SurveyChanges): string[] =>
    texts(
      pathFindings(
        new Map([
          ['h1', surveyOf(changes)],
          ['h2', surveyOf({firewall: 'ufw'})],
        ]),
      ),
    )
  t.match(find({'reach h2/a 51082': 'silent', 'reach h2/a 51083': 'refused'}), [
    'error filtered: port 51082 of h2 (a) is filtered for it: it gets no answer',
  ])
  t.match(find({'reach h2/a 51082': 'silent'}), [
    'error unreachable-peer: it does not reach h2 (a) at all',
  ])
  t.match(
    find({'reach h2/a 51082': 'silent', 'path h2/a': 'eth0 1500 1500'}),
    ['error filtered'],
    'it answers pings',
  )
  const [found] = pathFindings(
    new Map([
      ['h1', surveyOf({'reach h2/a 1': 'unreachable No route to host', 'reach h2/a 2': 'open'})],
      ['h2', surveyOf({firewall: 'ufw'})],
    ]),
  )
  t.match(found?.fix, '(h2 runs ufw)')
  t.strictSame(
    pathFindings(new Map([['h1', surveyOf({'reach h2/a 1': 'silent'})]])),
    [],
    'h2 was not reached by us either',
  )
  t.end()
})

t.test(
  'kernel settings are computed from memory and speed, and asked only where they can be set',
  (t) => {
    const asked = (memory: number, mbits: number, key: string): string =>
      kernelSettings(memory, mbits).find((one) => one.key === key)?.asked ?? ''
    const gib = 1024 ** 3
    t.equal(asked(256 * gib, 100_000, 'net.ipv4.tcp_rmem'), '4096 131072 33554432')
    t.equal(asked(256 * gib, 1000, 'net.ipv4.tcp_rmem'), '4096 131072 4194304')
    t.equal(
      asked(gib / 2, 100_000, 'net.ipv4.tcp_wmem'),
      '4096 16384 8388608',
      'a 64th of the memory',
    )
    t.equal(asked(256 * gib, 0, 'vm.min_free_kbytes'), '1342177')
    t.equal(asked(gib, 0, 'vm.min_free_kbytes'), '52429', 'never more than a twentieth')
    const low = {'sysctl vm.swappiness': '60 '}
    t.match(texts(kernelFindings('h1', surveyOf(low))), [
      /^note kernel: vm.swappiness is 60; 10 suits it/,
    ])
    t.strictSame(mendLines(surveyOf(low)), ['sysctl vm.swappiness 10'])
    t.strictSame(kernelFindings('h1', surveyOf({...low, fixed: 'vm.swappiness'})), [])
    t.strictSame(
      mendLines(surveyOf({...low, container: 'lxc', keeper: null})),
      [],
      'not applicable',
    )
    t.end()
  },
)

t.test('who keeps the clock, firewalls and limits are named', (t) => {
  const [host] = topologyOf().hosts
  if (host === undefined) return t.fail('the sample has hosts')
  const find = (changes: SurveyChanges): string[] => texts(serviceFindings(host, surveyOf(changes)))
  t.match(find({keeper: null}), ['warning clock-keeper: nobody keeps its clock'])
  t.match(find({synchronized: 'no'}), ['warning clock-keeper: chrony runs, but its clock is not'])
  t.strictSame(mendLines(surveyOf({keeper: null})), ['keeper'])
  t.strictSame(find({keeper: null, container: 'systemd-nspawn'}), [])
  t.match(find({'firewall': 'firewalld', 'firewall-drops': 'nft 7'}), [
    'note firewall: it has a firewall: firewalld (7 rules of nft drop or reject)',
  ])
  t.match(find({'open-files': '1024'}), ['warning open-files: its services may open 1024 files'])
  return t.end()
})

t.test('disks are judged by what is on them and by how they are named', (t) => {
  const topology = topologyOf()
  const host = topology.hosts[1]
  if (host === undefined) return t.fail('the sample has a host with a disk')
  const find = (disk: string, mount: string): string[] =>
    texts(serviceFindings(host, surveyOf({'disk /ais/mp1': disk, 'mount /ais/mp1': mount})))
  const mounted = 'mounted 1832 aisnode:aisnode 750 rw,noatime,rw'
  t.strictSame(find('/dev/sdb 1000 S1 W1 TYPE=xfs ', mounted), [])
  t.match(find('absent', 'absent'), ['error disk: UUID=1234-ABCD of /ais/mp1 is not there'])
  t.match(find('/dev/sdb 1000 S1 W1 ', 'bare 5 root:root 555'), [
    'error signature: UUID=1234-ABCD of /ais/mp1 has no filesystem',
  ])
  t.match(find('/dev/sdb 1000 S1 W1 PTTYPE=gpt ', 'bare 5 root:root 555'), [
    /holds a partition table \(gpt\)/,
  ])
  return t.end()
})

t.test('what is mended is read back, kept over a boot, and set again by undo', (t) => {
  const root = t.testdir({proc: {sys: {vm: {swappiness: '60\n'}}}})
  const script = Buffer.concat([hostScript('journal.sh'), hostScript('mend.sh')]).toString()
  const run = (verb: string, input = ''): string =>
    spawnSync('sh', ['-c', script, 'mend', verb, root], {
      input,
      encoding: 'utf8',
      env: {...process.env, NODE_OPTIONS: '', RUN: '-'},
    }).stdout
  const setting = join(root, 'proc/sys/vm/swappiness')
  const file = join(root, 'etc/sysctl.d/90-aisctl-check.conf')
  t.equal(run('fix', 'sysctl vm.swappiness 10\nend\n'), 'fixed vm.swappiness 10\n')
  t.equal(readFileSync(setting, 'utf8'), '10\n')
  t.match(readFileSync(file, 'utf8'), /^vm\.swappiness = 10$/m)
  t.equal(run('fix', 'sysctl vm.swappiness 5\nend\n'), 'fixed vm.swappiness 5\n')
  t.equal(run('undo'), 'undone vm.swappiness 60\n', 'what was before the first of them')
  t.equal(readFileSync(setting, 'utf8'), '60\n')
  t.notOk(existsSync(file))
  t.equal(run('undo'), '', 'there is nothing more to undo')
  mkdirSync(dirname(setting), {recursive: true})
  writeFileSync(setting, '60\n')
  t.equal(run('fix', 'sysctl vm.absent 1\nend\n'), 'failed vm.absent \n')
  t.strictSame(parseMended('h1', 'fixed a 1 2\nnoise\n'), [
    {host: 'h1', state: 'fixed', key: 'a', value: '1 2'},
  ])
  t.end()
})

t.test('every id that the sources name has a page', (t) => {
  const folder = new URL('../../src/ops/check/', import.meta.url)
  const sources = ['findings.ts', 'paths.ts', 'kernel.ts', 'services.ts', 'survival.ts']
  for (const name of sources) {
    const text = readFileSync(new URL(name, folder), 'utf8')
    for (const [, id = ''] of text.matchAll(/\bid: '([a-z-]+)'/g)) t.ok(id in EXPLANATIONS, id)
  }
  for (const id of ['unreachable', 'host-auth', 'host-key-unknown']) t.ok(id in EXPLANATIONS, id)
  t.end()
})

t.test('every finding has a page that says what is asked, why, and how it is undone', (t) => {
  t.match(explain('mtu'), ['mtu', /asked: the largest packet/, /why:/, /mend:/, /undo:/])
  t.throws(() => explain('nonsense'), {code: 'NOT_FOUND'})
  for (const [id, {asked, why}] of Object.entries(EXPLANATIONS))
    t.ok(asked !== '' && why !== '', id)
  t.end()
})
