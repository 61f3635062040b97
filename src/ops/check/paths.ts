/**
 * What is wrong with the ways between hosts: packets that interfaces promise and the network does
 * not carry, ports that something in between filters. Judged from what the hosts have tried on each
 * other. Pure.
 */

import type {HostSurvey} from '../survey/host-survey.ts'
import type {Finding} from './findings.ts'

export type Surveys = ReadonlyMap<string, HostSurvey>

const MTU_WHY =
  'small requests pass and large ones hang: heartbeats look well while objects and records do not arrive'
const FILTER_WHY =
  'every node talks to every other; a majority that cannot be asked decides nothing'

/** All findings about ways between hosts. */
export function pathFindings(surveys: Surveys): Finding[] {
  return [...mtuFindings(surveys), ...filterFindings(surveys)]
}

interface Way {
  readonly from: string
  readonly to: string
  readonly device: string
  readonly mtu: number
  readonly arrives: number
}

function mtuFindings(surveys: Surveys): Finding[] {
  const ways = [...surveys].flatMap(([from, {paths}]) =>
    Object.entries(paths).flatMap(([to, {device, mtu, arrives}]): Way[] =>
      arrives === undefined ? [] : [{from, to: hostIn(to), device, mtu, arrives}],
    ),
  )
  return [...narrowFindings(ways), ...unequalFindings(ways)]
}

/** The network carries less than the interface promises. */
function narrowFindings(ways: readonly Way[]): Finding[] {
  const narrow = ways.filter(({mtu, arrives}) => arrives < mtu)
  const found: Finding[] = []
  let left = narrow
  while (left[0] !== undefined) {
    const host = mostNamed(left)
    const own = left.filter(({from, to}) => from === host || to === host)
    left = left.filter((way) => !own.includes(way))
    const [way] = own
    if (way === undefined) break
    const others = [...new Set(own.map(({from, to}) => (from === host ? to : from)))]
    const size = Math.max(...own.map(({arrives}) => arrives))
    const carries = size === 0 ? 'less than 576 bytes' : `${size} bytes`
    found.push({
      id: 'mtu',
      severity: 'error',
      host,
      what: `packets between it and ${others.join(', ')} pass up to ${carries} only; ${way.device} says MTU ${way.mtu}`,
      why: MTU_WHY,
      fix: `give every switch port and interface on the way the same MTU, or lower it at the hosts: ip link set ${way.device} mtu ${size === 0 ? '…' : size}`,
    })
  }
  return found
}

/** Interfaces towards the same network differ. */
function unequalFindings(ways: readonly Way[]): Finding[] {
  const mtuOf = new Map(ways.map(({from, mtu}) => [from, mtu]))
  const counts = new Map<number, number>()
  for (const mtu of mtuOf.values()) counts.set(mtu, (counts.get(mtu) ?? 0) + 1)
  if (counts.size < 2) return []
  const [usual = 0] = [...counts].toSorted((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? []
  return [...mtuOf].flatMap(([host, mtu]): Finding[] => {
    if (mtu === usual) return []
    const device = ways.find(({from}) => from === host)?.device ?? ''
    const what = `${device} has MTU ${mtu}, the other hosts have ${usual}`
    const fix = `ip link set ${device} mtu ${usual}, and in the configuration of its network`
    return [{id: 'mtu', severity: 'error', host, what, why: MTU_WHY, fix}]
  })
}

function mostNamed(ways: readonly Way[]): string {
  const counts = new Map<string, number>()
  for (const name of ways.flatMap(({from, to}) => [from, to])) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? ''
}

function filterFindings(surveys: Surveys): Finding[] {
  return [...surveys].flatMap(([from, {reach}]) =>
    Object.entries(reach).flatMap(([peer, ports]) => filterFinding(surveys, from, peer, ports)),
  )
}

function filterFinding(
  surveys: Surveys,
  from: string,
  peer: string,
  ports: Readonly<Record<string, string>>,
): Finding[] {
  const to = hostIn(peer)
  const shut = Object.entries(ports).filter(([, found]) => isShut(found))
  const [first] = shut
  // A host that was not reached at all is told of already, once.
  if (first === undefined || !surveys.has(to)) return []
  const list = shut.map(([port]) => port).join(', ')
  const noun = shut.length === 1 ? 'port' : 'ports'
  const how = first[1] === 'silent' ? 'gets no answer' : first[1]
  const all = shut.length === Object.keys(ports).length && !answersPings(surveys, from, peer)
  const address = peer.slice(to.length + 1)
  return [
    {
      id: all ? 'unreachable-peer' : 'filtered',
      severity: 'error',
      host: from,
      what: all
        ? `it does not reach ${to} (${address}) at all: ${how}`
        : `${noun} ${list} of ${to} (${address}) ${shut.length === 1 ? 'is' : 'are'} filtered for it: it ${how}`,
      why: FILTER_WHY,
      fix: all
        ? `look at routes and cables between ${from} and ${to}: ip route get ${address}`
        : `open ${noun} ${list} from ${from} to ${to} in the firewalls of both and between them${firewallText(surveys, [from, to])}`,
    },
  ]
}

function isShut(found: string): boolean {
  return found !== 'open' && found !== 'refused'
}

function answersPings(surveys: Surveys, from: string, peer: string): boolean {
  return surveys.get(from)?.paths[peer]?.arrives !== undefined
}

/** ` (h2 runs firewalld)`: a firewall that was read is named. */
function firewallText(surveys: Surveys, hosts: readonly string[]): string {
  const named = hosts.flatMap((host) => {
    const running = surveys.get(host)?.firewalls ?? []
    return running.length === 0 ? [] : [`${host} runs ${running.join(', ')}`]
  })
  return named.length === 0 ? '' : ` (${named.join('; ')})`
}

/** `h2` of `h2/10.0.0.2`. */
function hostIn(peer: string): string {
  return peer.slice(0, peer.indexOf('/'))
}
