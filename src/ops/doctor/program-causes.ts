/** Causes in what is run: the shipped Node.js and the libraries of the host. Pure. */

import {nodeCause, seenNodes, type Cause, type Patient, type Seen} from './cause.ts'

const ELF = '7f454c46'
/** Bytes 18 and 19 of an ELF file, little endian, by what `uname -m` says. */
const MACHINES: Readonly<Record<string, string>> = {x86_64: '3e00', aarch64: 'b700'}
const MACHINE_NAMES: Readonly<Record<string, string>> = {'3e00': 'x64', 'b700': 'arm64'}
const REDEPLOY = 'aisctl deploy ships it again'

export function programCauses(patient: Patient): Cause[] {
  return seenNodes(patient).flatMap((seen) => {
    const found = programCause(seen)
    return found === undefined ? [] : [found]
  })
}

function programCause(seen: Seen): Cause | undefined {
  const {survey, node} = seen
  const head = survey.programs[node.instance]
  const path = `/opt/aisnode/${node.instance}/runtime/node`
  if (head === undefined) return undefined
  const broken = (what: string): Cause =>
    nodeCause(seen, 'program', {
      id: 'exec-format',
      what,
      why: 'the kernel cannot run it: the unit fails with 203/EXEC',
      fix: REDEPLOY,
    })
  if (head === 'absent') return broken(`${path} is missing`)
  if (!head.startsWith(ELF)) return broken(`${path} is no program (exec format error)`)
  const machine = head.slice(36, 40)
  const own = MACHINES[survey.arch]
  if (own !== undefined && machine !== own) {
    const made = MACHINE_NAMES[machine] ?? `machine 0x${machine}`
    return broken(`${path} is made for ${made}, this host is ${survey.arch} (exec format error)`)
  }
  return libraryCause(seen, survey.versions[node.instance] ?? '')
}

function libraryCause(seen: Seen, said: string): Cause | undefined {
  const glibc = /version `?'?(GLIBC(?:XX)?_[0-9.]+)'? not found/.exec(said)?.[1]
  if (glibc !== undefined) {
    const library = glibc.startsWith('GLIBCXX') ? 'libstdc++' : 'glibc'
    return nodeCause(seen, 'program', {
      id: 'glibc',
      what: `its Node.js needs ${glibc}: the ${library} of this host is too old`,
      why: 'the dynamic linker refuses to start it',
      fix: 'use Debian 10+, Ubuntu 20.04+ or RHEL 8+, or ship a Node.js made for it: aisctl runtime add FILE',
    })
  }
  const missing = /error while loading shared libraries: ([^:]+):/.exec(said)?.[1]
  if (missing === undefined) return undefined
  return nodeCause(seen, 'program', {
    id: 'libstdcxx',
    what: `its Node.js does not find ${missing}`,
    why: 'the dynamic linker refuses to start it',
    fix: 'apt-get install libstdc++6 (dnf install libstdc++)',
  })
}
