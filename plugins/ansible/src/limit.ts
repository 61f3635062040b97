/** Which hosts `--limit` means, as far as names tell; Ansible itself decides. */

/** All of them when it is more than a list of names. */
export function hostsMeant(hosts: readonly string[], limit: string | undefined): readonly string[] {
  const names = limit?.split(',').map((name) => name.trim()) ?? []
  const plain = names.length > 0 && names.every((name) => hosts.includes(name))
  return plain ? hosts.filter((host) => names.includes(host)) : hosts
}
