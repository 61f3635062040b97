/**
 * Performs what the kernel orders, one case per effect. Outcomes come back as events; nothing here
 * decides or waits.
 */

import {unreachable} from '../../base/assert.ts'
import type {DurableState, KernelEffect} from '../../core/kernel/events.ts'
import type {ClusterView} from '../../model/cluster-view.ts'
import type {Log} from '../observe/log.ts'
import type {PeerSender} from '../peer/send.ts'
import {sha256Hex} from '../peer/session.ts'
import type {Runtime} from './runtime.ts'

export interface PerformDeps {
  readonly runtime: () => Pick<Runtime, 'resolveAnswer' | 'resolveReply'>
  readonly sender: Pick<PeerSender, 'send'>
  /** Durable, then `persisted(token, sha)`. In order of tokens. */
  readonly persist: (token: number, state: DurableState) => void
  readonly publish: (view: ClusterView) => void
  readonly lease: (untilMs: number) => void
  /** Removes what belongs to the cluster, then `decommissioned`. */
  readonly decommission: (order: Extract<KernelEffect, {type: 'decommission'}>) => void
  readonly exit: (exit: Extract<KernelEffect, {type: 'exit'}>) => void
  readonly log: Log
}

export function createPerform(deps: PerformDeps): (effect: KernelEffect) => void {
  return (effect) => {
    switch (effect.type) {
      case 'persist':
        return deps.persist(effect.token, sealed(effect.state))
      case 'send':
        return deps.sender.send(effect)
      case 'answer':
        return deps.runtime().resolveAnswer(effect.askId, effect.answer)
      case 'reply':
        return deps.runtime().resolveReply(effect.askId, effect.result)
      case 'publish':
        return deps.publish(effect.view)
      case 'lease':
        return deps.lease(effect.untilMs)
      case 'decommission':
        return deps.decommission(effect)
      case 'log':
        return deps.log[effect.level](effect.text, effect.facts)
      case 'exit':
        return deps.exit(effect)
      default:
        return unreachable(effect)
    }
  }
}

/**
 * A record that this node proposes has no digest yet: it is computed here, once, before it is
 * stored.
 */
function sealed(state: DurableState): DurableState {
  const {accepted} = state
  if (accepted === null || accepted.sha !== '') return state
  return {...state, accepted: {...accepted, sha: sha256Hex(accepted.text)}}
}
