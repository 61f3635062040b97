/** Marks of destroyed buckets: how long the record keeps them. */

import t from 'tap'
import {destroyedBuckets} from '../../src/core/metasync/destroyed.ts'
import {GLOBAL_NAMESPACE} from '../../src/model/bucket.ts'
import type {Command} from '../../src/model/command.ts'
import type {BucketName} from '../../src/model/ids.ts'
import type {ClusterRecord} from '../../src/model/record.ts'
import {started} from '../helpers/kernel-stage.ts'

type Stage = ReturnType<typeof started>

function bucketCommand(type: 'create-bucket' | 'destroy-bucket', name: string): Command {
  const ref = {name: name as BucketName, provider: 'ais' as const, namespace: GLOBAL_NAMESPACE}
  return type === 'create-bucket'
    ? {type, ref, set: {}, durability: 'default'}
    : {type, ref, purge: true}
}

function recordOf(stage: Stage): ClusterRecord {
  const leader = stage.processes.find((process) => process.view()?.leading === true)
  return stage.record(leader?.index ?? 0)
}

function marksOf(stage: Stage): number {
  return destroyedBuckets(recordOf(stage).bmd).length
}

t.test('a mark stays until every target has said that nothing is left', (t) => {
  const stage = started(3, 3)
  for (const name of ['one', 'two']) {
    t.equal(stage.ask(0, bucketCommand('create-bucket', name)).type, 'done')
    t.equal(stage.ask(0, bucketCommand('destroy-bucket', name)).type, 'done')
  }
  const [first, second] = destroyedBuckets(recordOf(stage).bmd)
  t.match([first, second], [{purge: true}, {purge: true}])
  const targets = stage.processes.filter((process) => process.facts.self.role === 'target')
  const away = targets.at(-1)
  away?.kill(false)
  for (const process of targets) process.reportCleared(recordOf(stage).index)
  stage.run(5000)
  t.equal(marksOf(stage), 2, 'one was away and has not said so')

  away?.start()
  stage.run(5000)
  away?.reportCleared(first?.deletedAt ?? 0)
  t.ok(stage.until(() => marksOf(stage) === 1) >= 0, 'it has cleared the first one')
  t.equal(destroyedBuckets(recordOf(stage).bmd)[0]?.bid, second?.bid)
  away?.reportCleared(recordOf(stage).index)
  t.ok(stage.until(() => marksOf(stage) === 0) >= 0)
  const {index} = recordOf(stage)
  stage.run(5000)
  t.equal(recordOf(stage).index, index, 'once')
  t.end()
})
