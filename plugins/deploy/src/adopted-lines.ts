/** What an adoption has found, host by host where they differ, and what to type next. */

import type {Adopted} from 'aisctl/kit'

/** @param file where the topology was to be written */
export function adoptedLines(adopted: Adopted, file: string): string[] {
  const {cluster, uuid, generation, holders, dissent, silent, otherSsh} = adopted
  const known = holders.length === 1 ? '1 host holds' : `${holders.length} hosts hold`
  return [
    ...dissent.map(({host, says}) => `${host} ${says}; the next deploy brings it up to date.`),
    ...silent.map(({host, why}) => `${host} was not asked: ${why}`),
    ...(otherSsh.length === 0
      ? []
      : [`${otherSsh.join(', ')}: as given here; the next deploy writes it to the hosts.`]),
    adopted.written === undefined
      ? `${file} was there already and stays as it is. Compare it: aisctl config diff -f ${file}`
      : `${file} is written.`,
    `${cluster} (uuid ${uuid}) is known here: generation ${generation}, ${known} it.`,
    `Next: aisctl deploy -f ${file} --dry-run · aisctl show cluster --cluster ${cluster}`,
  ]
}
