#!/bin/bash
# Waits until the SSH server of every address greets. Prints the addresses that did not in time.
#
# usage: wait-ssh.sh SECONDS ADDRESS...
deadline=$((SECONDS + $1))
shift
greets() {
  timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/22" && read -r -t 1 -u 3 line && [[ $line == SSH-* ]]' "$1"
}
failed=0
for address in "$@"; do
  until greets "$address" 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "$address"
      failed=1
      break
    fi
    sleep 0.05
  done
done
exit "$failed"
