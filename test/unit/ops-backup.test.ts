/**
 * Backups: the file, its secrets, what goes into it, and whether it may be brought back. How a
 * gateway takes the record is tested with the daemon.
 */

import {readFileSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync, gzipSync} from 'node:zlib'
import t from 'tap'
import type {ClusterRecord} from '../../src/model/record.ts'
import {AisError} from '../../src/base/errors.ts'
import {restoreLines, shownOf} from '../../src/cli/render/restore-view.ts'
import type {Fleet} from '../../src/ops/fleet.ts'
import type {Host} from '../../src/ops/host/host.ts'
import {sha256} from '../../src/ops/host/manifest.ts'
import {lineDiff} from '../../src/ops/line-diff.ts'
import {planError, runPlan} from '../../src/ops/plan/run.ts'
import {formatSavedState, siteOf, writeSite, type SavedState} from '../../src/ops/site/site.ts'
import {planBackup} from '../../src/ops/state/backup.ts'
import {
  backupText,
  openSecrets,
  parseBackup,
  passphraseOf,
  sealSecrets,
  type Backup,
  type BackedRecord,
} from '../../src/ops/state/backup-file.ts'
import {judgeRestore} from '../../src/ops/state/judge-restore.ts'
import {openRestore, writeTopology} from '../../src/ops/state/restore.ts'
import {newSurvey, type Survey} from '../../src/ops/state/survey-cluster.ts'
import {readTopology} from '../../src/ops/topology/read.ts'
import {nodesOf, resolveTopology} from '../../src/ops/topology/resolve.ts'
import {encodeRecord} from '../../src/wire/record.ts'
import {started} from '../helpers/kernel-stage.ts'

const stage = started(2, 2)
const CONTENT: ClusterRecord = stage.record()
const [P1 = '', P2 = ''] = Object.values(CONTENT.smap.nodes).flatMap(({id, role}) =>
  role === 'proxy' ? [id] : [],
)
const [T1 = '', T2 = ''] = Object.values(CONTENT.smap.nodes).flatMap(({id, role}) =>
  role === 'target' ? [id] : [],
)
const TEXT = `format: 1
cluster: {name: sample}
defaults: {mountpaths: [{path: /ais/mp1}]}
hosts:
  - {name: h1, address: 10.0.0.1, nodes: [{role: proxy, id: ${P1}}, {role: target, id: ${T1}}]}
  - {name: h2, address: 10.0.0.2, nodes: [{role: proxy, id: ${P2}}]}
  - {name: h3, address: 10.0.0.3, nodes: [{role: target, id: ${T2}}]}
`
const TOPOLOGY = resolveTopology(readTopology(TEXT, 'topology.yaml'), CONTENT.uuid)
const STATE: SavedState = {format: 1, generation: 3, topology: TOPOLOGY}
const KEY = `${'cd'.repeat(32)}\n`
const PASSPHRASE = 'correct horse battery'

function recordAt(index: number): BackedRecord {
  const text = encodeRecord({...CONTENT, index})
  const packed = gzipSync(text).toString('base64')
  return {epoch: CONTENT.epoch, index, sha: sha256(text), packed}
}

const RECORD = recordAt(50)
const BACKUP: Backup = {
  format: 1,
  made: '2026-01-02T03:04:05.000Z',
  state: STATE,
  record: RECORD,
  auditHeads: {h1: 'none'},
}

/** All hosts answer; the nodes that are named keep a record. */
function surveyWith(keep: Readonly<Record<string, BackedRecord>>, silent: string[] = []): Survey {
  const survey = newSurvey()
  for (const {name, nodes} of TOPOLOGY.hosts) {
    if (silent.includes(name)) {
      survey.silent.set(name, `${name}: no answer`)
      continue
    }
    survey.words.push({host: name, given: false, uuids: [], state: STATE})
    survey.kept.push(...nodes.map((node) => ({node, record: keep[node.id] ?? null})))
  }
  return survey
}

t.test('a backup is read as it was written; what is damaged, cut or newer is refused', (t) => {
  const text = backupText(BACKUP)
  t.strictSame(parseBackup(text, 'b'), BACKUP)
  t.throws(() => parseBackup(text.slice(0, -9), 'b'), {code: 'BAD_CHECKSUM'})
  t.throws(() => parseBackup(text.replace('"h1"', '"h7"'), 'b'), {
    message: 'b is damaged or cut off',
  })
  t.throws(() => parseBackup(text.replace('backup 1 ', 'backup 2 '), 'b'), {code: 'INCOMPATIBLE'})
  t.throws(() => parseBackup('format: 1', 'b'), {code: 'BAD_REQUEST'})
  t.end()
})

t.test('secrets open with their passphrase alone, and in their own cluster', (t) => {
  const sealed = sealSecrets({'cluster-key': KEY}, PASSPHRASE, 'uuid-one')
  t.strictSame(openSecrets(sealed, PASSPHRASE, 'uuid-one'), {'cluster-key': KEY})
  t.notMatch(JSON.stringify(sealed), 'cdcd')
  t.throws(() => openSecrets(sealed, 'another one', 'uuid-one'), {code: 'FORBIDDEN'})
  t.throws(() => openSecrets(sealed, PASSPHRASE, 'uuid-two'), {code: 'FORBIDDEN'})
  t.throws(() => openSecrets({...sealed, n: 2 ** 30}, PASSPHRASE, 'u'), {code: 'INCOMPATIBLE'})
  t.equal(passphraseOf(`${PASSPHRASE}\r\nmore`, 'f'), PASSPHRASE)
  t.throws(() => passphraseOf('short\n', 'f'), {code: 'BAD_REQUEST'})
  t.end()
})

/** Hosts that answer as theirs do; `kept` by instance. */
function fleetOf(kept: Readonly<Record<string, BackedRecord>>): Fleet {
  const host = (name: string): Host => ({
    name,
    address: name,
    close: () => Promise.resolve(),
    run: ({argv, onLine}) => {
      const say = (lines: readonly string[], status = 0) => {
        lines.forEach((line) => onLine?.(line, 'stdout'))
        return Promise.resolve({status, stdout: lines.join('\n'), stderr: ''})
      }
      if (name === 'h3') {
        return Promise.reject(new AisError({code: 'UNREACHABLE', message: 'h3: no answer'}))
      }
      if (argv[0] === 'cat') return Promise.resolve({status: 0, stdout: KEY, stderr: ''})
      if (argv.includes('record')) {
        const config = argv.at(-1) ?? ''
        if (config.includes('target')) return say([], 127)
        const record = kept[name] ?? null
        const {packed = '', ...mark} = record ?? {}
        const told = {format: 1, record: record === null ? null : mark}
        return say([JSON.stringify(told), packed.slice(0, 100), packed.slice(100)])
      }
      const state = gzipSync(formatSavedState(STATE)).toString('base64')
      const key = `hash /etc/aisnode/secrets/cluster-key\t${sha256(KEY)}`
      return say(['uid\t0', key, `topology.gz\t${state}`, `head\t${name}-head`, 'done\tyes'])
    },
  })
  return {topology: TOPOLOGY, host, enter: () => undefined, close: () => Promise.resolve()}
}

t.test(
  'a backup holds the newest record, the state of the majority and the sealed key',
  async (t) => {
    const directory = t.testdir({passphrase: `${PASSPHRASE}\n`})
    process.env['AISCTL_STATE_DIR'] = directory
    t.teardown(() => delete process.env['AISCTL_STATE_DIR'])
    const site = siteOf('sample')
    writeSite(site, STATE)
    const file = join(directory, 'prod.backup')
    const options = {
      file,
      passphraseFile: join(directory, 'passphrase'),
      topologyFile: site.stateFile,
      client: {} as never,
      nodes: [],
      timeoutMs: 1,
      now: () => 0,
    }
    const fleet = fleetOf({h1: recordAt(50), h2: recordAt(51)})
    const {plan, conclude} = planBackup(options, () => fleet)
    const outcome = await runPlan(plan)
    t.equal(planError(plan, outcome), undefined)
    t.equal(statSync(file).mode & 0o777, 0o600)
    const text = readFileSync(file, 'utf8')
    t.notMatch(text, KEY.trim())
    const backup = parseBackup(text, file)
    t.equal(backup.record?.index, 51)
    t.equal(
      gunzipSync(Buffer.from(backup.record?.packed ?? '', 'base64')).toString(),
      encodeRecord({...CONTENT, index: 51}),
    )
    t.strictSame(backup.auditHeads, {h1: 'h1-head', h2: 'h2-head'})
    t.match(
      conclude(outcome.results).line,
      /^h3 was not asked: h3: no answer\n.* generation 3, record /,
    )
    t.throws(() => planBackup(options, () => fleet), {code: 'REFUSED', message: /is there already/})
    const wrong = {...options, file: join(directory, 'b'), passphraseFile: join(directory, 'none')}
    t.throws(() => planBackup(wrong, () => fleet), {code: 'NOT_FOUND'})
  },
)

t.test('a backup is never brought back over a majority that lives, or may live', (t) => {
  const judge = (survey: Survey, lost: string[] = []) => judgeRestore(BACKUP, survey, lost)
  const majority = surveyWith({[P1]: RECORD, [T1]: RECORD, [T2]: RECORD})
  t.throws(() => judge(majority), {code: 'REFUSED', message: /^a majority lives: p\[/})
  const one = surveyWith({[P2]: recordAt(1)})
  t.throws(() => judge(one), {
    code: 'REFUSED',
    message: `p[${P2}] may lead and keeps a record; nothing was changed`,
  })
  const leaderless = surveyWith({[T1]: RECORD, [T2]: RECORD})
  t.equal(judge(leaderless).leader.role, 'proxy', 'a majority that nobody may lead')
  const hidden = surveyWith({[T1]: RECORD}, ['h2', 'h3'])
  t.throws(() => judge(hidden), {message: /could not be asked: with them a majority may live/})
  t.equal(judge(hidden, ['h2']).leader.id, P1, 'one of them is gone: the rest is no majority')
  const foreign = surveyWith({})
  foreign.words[0] = {host: 'h1', given: false, uuids: ['other-uuid']}
  t.throws(() => judge(foreign), {code: 'WRONG_CLUSTER', message: /h1 is of other-uuid/})
  t.end()
})

t.test('the newest record that is left counts, and a gateway that answers takes it', (t) => {
  const verdict = judgeRestore(BACKUP, surveyWith({[T1]: recordAt(60), [T2]: recordAt(40)}), [])
  t.match(verdict, {fromSurvivor: true, record: {index: 60}, keepers: [T1, T2], members: 4})
  t.equal(verdict.leader.id, CONTENT.smap.primary)
  const none = {...BACKUP, state: STATE}
  const {record, ...without} = none
  t.ok(record)
  t.throws(() => judgeRestore(without, surveyWith({}), []), {code: 'NOT_FOUND'})
  const bare = surveyWith({})
  bare.bare.push(P1, P2)
  t.throws(() => judgeRestore(BACKUP, bare, []), {
    message: /is not installed on/,
    hint: /aisctl deploy/,
  })
  const away = surveyWith({}, ['h1', 'h2'])
  t.throws(() => judgeRestore(BACKUP, away, ['h1', 'h2']), {message: /no gateway of the record/})
  t.equal(nodesOf(TOPOLOGY).length, 4)
  t.end()
})

t.test('what a restore would do is told before it is asked', (t) => {
  const survey = surveyWith({}, ['h3'])
  const view = {backup: BACKUP, survey, verdict: judgeRestore(BACKUP, survey, [])}
  t.match(restoreLines(view), [
    'The backup is of 2026-01-02T03:04:05.000Z, generation 3.',
    'The hosts keep the same topology.',
    'h3 was not asked: h3: no answer',
    'No node keeps a record.',
    /^The record \d+\.50 of the backup would count: 4 members, 0 buckets\.$/,
    /^p\[.*\] on h\d would take it and lead/,
  ])
  t.match(shownOf(view), {fromSurvivor: false, silent: {h3: 'h3: no answer'}})
  const other = {...STATE, generation: 4, topology: {...TOPOLOGY, logLevel: 'debug' as const}}
  const changed = {
    ...view,
    survey: {
      ...survey,
      words: [{...survey.words[0], host: 'h1', given: false, uuids: [], state: other}],
    },
  }
  t.match(
    restoreLines(changed).join('\n'),
    /another topology, generation 4:\n[^]*\n- {2}logLevel: debug/,
  )
  const nothing = {...view, survey: {...survey, words: []}}
  t.ok(restoreLines(nothing).includes('The hosts keep no topology.'))
  t.end()
})

t.test('the file of a backup is read before anything connects', async (t) => {
  const directory = t.testdir({'a.backup': backupText(BACKUP), 'b.backup': 'x'})
  process.env['AISCTL_STATE_DIR'] = directory
  t.teardown(() => delete process.env['AISCTL_STATE_DIR'])
  const options = {lost: [], timeoutMs: 1, acceptNew: false, askSecret: () => Promise.resolve('')}
  const open = (name: string) => openRestore({...options, file: join(directory, name)})
  t.throws(() => open('none'), {code: 'NOT_FOUND'})
  t.throws(() => open('b.backup'), {code: 'BAD_REQUEST'})
  const restore = open('a.backup')
  t.strictSame(
    restore.look.steps.map(({id}) => id),
    ['h1/ask', 'h2/ask', 'h3/ask'],
  )
  const survey = surveyWith({})
  const view = {backup: BACKUP, survey, verdict: judgeRestore(BACKUP, survey, [])}
  const {leader} = view.verdict
  t.strictSame(
    restore.act(view).steps.map(({id}) => id),
    [
      'site/keep',
      'cluster/stop',
      `${leader.host}/record`,
      'cluster/recover',
      'cluster/start',
      'cluster/wait',
    ],
  )
  const stopped = ({survey: heard}: {survey: Survey}): number => {
    const found = {...view, survey: heard, verdict: judgeRestore(BACKUP, heard, [])}
    const step = restore.act(found).steps.find(({id}) => id === 'cluster/stop')
    return step?.preview().length ?? 0
  }
  t.equal(stopped(view), 3, 'a recovery is refused while one of those that it gives up answers')
  t.equal(stopped({survey: surveyWith({[T1]: RECORD, [T2]: RECORD})}), 1, 'who keeps one runs on')
  t.ok(writeTopology(BACKUP, join(directory, 'topology.yaml')))
  t.notOk(writeTopology(BACKUP, join(directory, 'topology.yaml')), 'never over another')
  writeSite(siteOf('sample'), {
    ...STATE,
    topology: {...TOPOLOGY, cluster: {name: 'sample', uuid: 'older'}},
  })
  t.throws(() => open('a.backup'), {code: 'WRONG_CLUSTER', message: /uuid older here/})
  await restore.close()
})

t.test('a difference is shown with a few lines around it', (t) => {
  const lines = Array.from({length: 20}, (_, at) => `line ${at + 1}`)
  const before = `${lines.join('\n')}\n`
  t.strictSame(lineDiff(before, before), [])
  t.strictSame(lineDiff(before, before.replace('line 10', 'LINE 10')), [
    '@@ 7',
    ' line 7',
    ' line 8',
    ' line 9',
    '-line 10',
    '+LINE 10',
    ' line 11',
    ' line 12',
    ' line 13',
  ])
  t.strictSame(lineDiff('', 'a\n'), ['+a'])
  const long = 'x\n'.repeat(6000)
  t.equal(lineDiff(long, `${long}y`).length, 12_001, 'too long to be compared: all of it')
  t.end()
})
