/** Hosts as far as they keep something of their cluster: what facts.sh says there, and the key. */

import {gzipSync} from 'node:zlib'
import {AisError} from '../../../src/base/errors.ts'
import type {Host} from '../../../src/ops/host/host.ts'
import {sha256} from '../../../src/ops/host/manifest.ts'
import {formatSavedState, type SavedState} from '../../../src/ops/site/site.ts'

/** What one host keeps. */
export interface Kept {
  readonly state?: SavedState
  readonly key?: string
  /** Of its node files. */
  readonly uuid?: string
  /** It cannot be reached. */
  readonly off?: boolean
  readonly login?: string
}

const KEY_FILE = '/etc/aisnode/secrets/cluster-key'
const PIECE_CHARS = 64

/** Hosts by address. @returns what connects to them, and the addresses that were asked */
export function keptHosts(kept: Readonly<Record<string, Kept>>): {
  connect: (host: {name: string; address: string}) => Host
  asked: string[]
} {
  const asked: string[] = []
  return {
    asked,
    connect: ({name, address}) => ({
      name,
      address,
      close: () => Promise.resolve(),
      run: ({argv}) => {
        const host = kept[address]
        if (host === undefined || host.off === true) {
          return Promise.reject(new AisError({code: 'UNREACHABLE', message: `${name}: no answer`}))
        }
        if (argv[0] === 'cat') return Promise.resolve(answer(host.key ?? ''))
        asked.push(address)
        return Promise.resolve(answer(factsText(host)))
      },
    }),
  }
}

function answer(stdout: string): {status: number; stdout: string; stderr: string} {
  return {status: 0, stdout, stderr: ''}
}

/** In short pieces, as facts.sh tells what is long. */
function factsText({state, key, uuid, login = '0'}: Kept): string {
  const packed = state === undefined ? '' : gzipSync(formatSavedState(state)).toString('base64')
  const pieces = packed.match(new RegExp(`.{1,${PIECE_CHARS}}`, 'g')) ?? []
  return [
    `uid\t${login}`,
    ...(key === undefined ? [] : [`hash ${KEY_FILE}\t${sha256(key)}`]),
    ...pieces.map((piece) => `topology.gz\t${piece}`),
    ...(uuid === undefined ? [] : [`uuid /etc/aisnode/target.json\t${uuid}`]),
    'done\tyes',
  ].join('\n')
}
