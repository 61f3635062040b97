#!/bin/sh
# Holds this host for one run, as long as whoever started it gives signs of life, and keeps that run's
# files. Runs on the host, as root, with sh, coreutils and util-linux. What goes into the files is not
# decided here.
#
#   lock.sh [ROOT]
#
# Standard input: words of ten bytes, "OP LENGTH\n" with the length in seven digits, each followed by
# LENGTH bytes. T takes the lock (body: the holder, one line of JSON), B is a sign of life, Q lets go.
# The others name a file below /var/lib/aisctl in the first line of their body: A appends, P puts, R removes,
# C appends to a chain of hashes; K removes what is old. Each but B and Q is answered by one line of JSON when
# it is on disk: {"taken":HEAD,"state":SHA256} {"held":HOLDER} {"ok":true} {"error":WHY}.
set -u
umask 077
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
root=${1-}
kept=$root/var/lib/aisctl
lock=$root/run/lock
silence=15
runs_kept=20
audit_bytes=4194304
mine=no

wrong() { printf '{"error":"%s"}\n' "$(plain "$1")"; }

# From the foreground: on a terminal it may not read otherwise.
listen() { timeout --foreground $silence head -c "$1"; }

held() {
  holder=$(head -c 2000 "$lock/aisctl.holder" 2>/dev/null)
  printf '{"held":%s}\n' "${holder:-null}"
  exit 75
}

# Exclusively while the holder's name is written, so that no work of an older run goes on or begins.
take() {
  mkdir -p "$lock" "$kept/runs" "$kept/debts" && exec 9>>"$lock/aisctl.lock" || exit 1
  flock -n 9 || held
  cp "$STAGE/body" "$lock/aisctl.holder.new" && mv -fT "$lock/aisctl.holder.new" "$lock/aisctl.holder" || exit 1
  flock -s -n 9 || held
  mine=yes
  mend_end "$kept/audit.jsonl"
  printf '{"taken":"%s","state":"%s"}\n' "$(head_of audit.jsonl)" "$(sha256sum 2>/dev/null <"$kept/topology.json" | cut -c1-64)"
}

# Hash of the last line of a chain.
head_of() {
  for file in "$kept/$1" "$kept/$1.1"; do
    [ ! -s "$file" ] || { tail -n 1 -- "$file" | sha256sum | cut -c1-64; return; }
  done
  printf none
}

mend_end() { [ ! -s "$1" ] || [ -z "$(tail -c 1 -- "$1")" ] || echo >>"$1"; }

append() { mend_end "$1"; cat "$STAGE/rest" >>"$1" && sync -- "$1" "${1%/*}"; }

put() { cat "$STAGE/rest" >"$1.new" && sync -- "$1.new" && mv -fT -- "$1.new" "$1" && sync -- "${1%/*}"; }

chain() {
  mend_end "$1"
  head=$(head_of "${1##*/}")
  if [ -s "$1" ] && [ "$(stat -c %s -- "$1")" -gt $audit_bytes ]; then mv -fT -- "$1" "$1.1"; fi
  line=$(cat "$STAGE/rest")
  printf '{"prev":"%s",%s\n' "$head" "${line#?}" >>"$1" && sync -- "$1" "${1%/*}"
}

# The newest stay, and those without an end.
prune() {
  ls -1 "$kept/runs" | sort | head -n -$runs_kept | while read -r run; do
    ! grep -q '"act":"end"' "$kept/runs/$run/host.jsonl" 2>/dev/null || rm -rf -- "${kept:?}/runs/$run"
  done
}

perform() {
  IFS= read -r name <"$STAGE/body" || name=
  case $name in ''|/*|*..*) wrong "not a name: $name"; return ;; esac
  tail -n +2 -- "$STAGE/body" >"$STAGE/rest"
  case $name in */*) mkdir -p "$kept/${name%/*}" && sync -- "$kept" "$kept/${name%%/*}" ;; esac
  case $1 in
    A) append "$kept/$name" ;;
    P) put "$kept/$name" ;;
    C) chain "$kept/$name" ;;
    R) rm -f -- "$kept/$name" && sync -- "$kept" ;;
  esac 2>"$STAGE/why" && echo '{"ok":true}' || wrong "$(head -n 1 "$STAGE/why")"
}

while word=$(listen 10) && [ ${#word} = 9 ]; do
  op=${word%% *} length=${word#* }
  while [ "${length#0}" != "$length" ]; do length=${length#0}; done
  : >"$STAGE/body"
  [ -z "$length" ] || listen "$length" >"$STAGE/body" || break
  [ "$(stat -c %s "$STAGE/body")" = "${length:-0}" ] || break
  case $op in
    T) take ;;
    B) ;;
    # Who has not taken the lock leaves the name of its holder there.
    Q) [ $mine = no ] || rm -f -- "$lock/aisctl.holder"; exit 0 ;;
    K) prune; echo '{"ok":true}' ;;
    A|P|C|R) perform "$op" ;;
    *) break ;;
  esac
done
exit 0
