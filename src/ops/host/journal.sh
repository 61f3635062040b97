# Beginning of every script that changes a host: the host's lock and the journal of the run. The sender
# puts it before the script. $RUN is the run's id, "-" outside of any run; $root comes from the script.

acting=

plain() { printf %s "$1" | tr -d '\000-\037"\\' | head -c 2000; }

# Takes the lock or gives 75: shared with the other processes of the run, which its helper (lock.sh) has
# made the holder, else alone. Children keep it: it is free when the last of them has ended.
#   hold SECONDS
hold() {
  mkdir -p "$root/run/lock" && exec 9>>"$root/run/lock/aisctl.lock" || return 1
  if [ "$RUN" = - ]; then flock -w "$1" 9 || return 75; return 0; fi
  journal=$root/var/lib/aisctl/runs/$RUN/host.jsonl
  flock -s -w "$1" 9 && grep -qF "\"run\":\"$RUN\"" "$root/run/lock/aisctl.holder" 2>/dev/null || return 75
  # Power lost within a line: it ends here and means nothing.
  [ ! -s "$journal" ] || [ -z "$(tail -c 1 -- "$journal")" ] || echo >>"$journal"
}

# One line, on disk before anything goes on.
#   note begin|done|failed ACT [WHAT]
note() {
  [ "$RUN" != - ] || return 0
  printf '{"at":"%s","act":"%s","state":"%s","what":"%s"}\n' "$(date -u +%FT%TZ)" "$2" "$1" "$(plain "${3-}")" >>"$journal" &&
    sync -- "$journal" || { acting=; echo "cannot write the journal $journal" >&2; exit 1; }
}

# Intent before the act, outcome after it.
begin() { acting=$1; note begin "$1" "${2-}"; }
finished() { note done "$acting" "${1-}"; acting=; }
