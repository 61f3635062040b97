#!/bin/sh
# Says what /var/lib/aisctl of a host keeps: one "KEY<TAB>VALUE" per line, long values as base64 in pieces.
# Changes nothing.
#
#   state.sh ROOT|"" [audit|run ID]      audit: the lines of the audit, too; run: one run, finished or not
set -u
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
root=${1-}
kept=$root/var/lib/aisctl
lock=$root/run/lock/aisctl
unfinished_max=8
journal_bytes=262144

say() { printf '%s\t%s\n' "$1" "$2"; }
# One file, its name in the key.
pieces() { [ ! -r "$2" ] || base64 -w 3000 <"$2" | sed "s|^|$1	|"; }

pieces topology "$kept/topology.json"

# Held by whom. A try to lock would disturb those who take it.
if [ -s "$lock.holder" ] && [ -e "$lock.lock" ] && grep -q ":$(stat -c %i "$lock.lock") " /proc/locks 2>/dev/null; then
  pieces holder "$lock.holder"
fi

ended() { grep -q '"act":"end"' "$kept/runs/$1/host.jsonl" 2>/dev/null; }

count=0
for run in $(ls -1r "$kept/runs" 2>/dev/null); do
  ! ended "$run" || say ended "$run"
  case ${2-} in
    run) [ "$run" = "$3" ] || continue ;;
    *) ! ended "$run" && [ $count -lt $unfinished_max ] || continue ;;
  esac
  count=$((count + 1))
  pieces "header $run" "$kept/runs/$run/header.json"
  tail -c $journal_bytes "$kept/runs/$run/host.jsonl" 2>/dev/null | base64 -w 3000 | sed "s|^|journal $run	|"
done

for debt in "$kept"/debts/*.json; do
  [ ! -f "$debt" ] || { name=${debt##*/}; pieces "debt ${name%.json}" "$debt"; }
done

head=none
for file in "$kept/audit.jsonl.1" "$kept/audit.jsonl"; do
  [ -s "$file" ] || continue
  head=$(tail -n 1 -- "$file" | sha256sum | cut -c1-64)
  [ "${2-}" != audit ] || sed 's/^/audit	/' "$file"
done
say head "$head"
say done yes
