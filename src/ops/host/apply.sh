#!/bin/sh
# Brings one host to the state that a manifest names, or says what differs. Runs on the host, as root,
# with sh, coreutils, findutils, util-linux and systemd; arrives whole, its sha256 checked, before it
# runs.
#
#   apply.sh apply|check|diff [ROOT]     ROOT is put before every path (tests)
#
# Standard input: frames "KIND LENGTH SHA256 ENCODING PACKED\n" each followed by LENGTH bytes, whose
# hash is PACKED: one "entries", any number of "blob", then "end". Standard output: one JSON object per
# line, one line per entry:
#   {"type":…,"path":…,"state":"same|changed|deferred|missing|not-applicable"}, {"pending":UNIT}
# With diff, what is there of what differs: "have", and "text" in base64, never of secrets or payload.
# Running it twice changes nothing the second time. Mount points are touched only while something is
# mounted there.
set -u
umask 022
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
mode=$1 root=${2-}
pending=$root/var/lib/aisctl/pending
opt=$root/opt/aisnode
reserved=$root/proc/sys/net/ipv4/ip_local_reserved_ports

fail() {
  [ -z "$acting" ] || note failed "$acting" "$1"
  printf '{"error":"%s"}\n' "$(plain "$1" | head -c 500)"
  exit 1
}
report() { printf '{"type":"%s","path":"%s","state":"%s"}\n' "$1" "$2" "$3"; }

# Packed bytes are hashed on their way to the unpacker: the sender has packed them from the content with
# that hash, and a runtime of 108 MB costs as much to hash as to write. Texts are hashed all at once.
receive() {
  mkfifo "$STAGE/tap" || fail "cannot write to $STAGE"
  : >"$STAGE/texts"
  while read -r kind length sha encoding packed; do
    case $encoding in
      plain) head -c "$length" >"$STAGE/$sha" && printf '%s  %s\n' "$sha" "$STAGE/$sha" >>"$STAGE/texts" || damaged ;;
      zstd) unpack 'zstd -dcq' || damaged ;;
      gzip) unpack 'gzip -dc' || damaged ;;
      *) [ "$kind" != end ] || { sha256sum -c --status "$STAGE/texts" || damaged; return 0; }
        fail "unknown encoding $encoding" ;;
    esac
    [ "$kind" != entries ] || entries=$STAGE/$sha
  done
  damaged
}

damaged() { fail "what arrived is damaged or incomplete; nothing was changed"; }

unpack() {
  sha256sum <"$STAGE/tap" >"$STAGE/sum" &
  head -c "$length" | tee "$STAGE/tap" | $1 >"$STAGE/$sha" || return 1
  wait
  read -r sum _ <"$STAGE/sum" && [ "$sum" = "$packed" ]
}

# What the host has: one line of stat per existing path and one of sha256sum per existing file, in the
# order of the entries, so that two readers in step replace a search.
survey() {
  : >"$STAGE/exist"; : >"$STAGE/files"; : >"$STAGE/units"; : >"$STAGE/installed"
  while IFS='|' read -r type path _; do
    case $type in
      file|dir|link) { [ -e "$root$path" ] || [ -L "$root$path" ]; } && printf '%s\0' "$root$path" >>"$STAGE/exist" ;;
      unit)
        printf '%s\n' "$path" >>"$STAGE/units"
        unit_file=$path; case $path in *@*.service) unit_file=${path%%@*}@.service ;; esac
        # systemctl has no answer for a unit without a file; it cannot be enabled.
        [ -f "$root/etc/systemd/system/$unit_file" ] && printf '%s\n' "$path" >>"$STAGE/installed" ;;
    esac
    [ "$type" = file ] && [ -f "$root$path" ] && [ ! -L "$root$path" ] && printf '%s\0' "$root$path" >>"$STAGE/files"
  done <"$entries"
  xargs -0 -r stat -c '%a|%U:%G|%F' -- <"$STAGE/exist" >"$STAGE/stats"
  xargs -0 -r sha256sum -- <"$STAGE/files" >"$STAGE/hashes"
  unit_states=$(ask_units is-active units) enabled_units=$(ask_units is-enabled installed)
}

# One line "UNIT=ANSWER" for each unit of the list $2, from one call, or one by one if an answer is missing.
ask_units() {
  xargs -r systemctl "$1" -- <"$STAGE/$2" >"$STAGE/answers" 2>/dev/null
  if [ "$(wc -l <"$STAGE/answers")" = "$(wc -l <"$STAGE/$2")" ]; then paste -d= "$STAGE/$2" "$STAGE/answers"; return; fi
  while read -r unit; do printf '%s=%s\n' "$unit" "$(systemctl "$1" -- "$unit" 2>/dev/null </dev/null)"; done <"$STAGE/$2"
}

# Whether a list "UNIT=ANSWER" has the unit $2 with the answer $3.
answered() {
  case "
$1
" in *"
$2=$3
"*) return 0 ;; esac
  return 1
}

# What is reserved now ($live, as the kernel writes it: "4000-4010,51080"), for which ports ours was made
# ($former), and which of them nobody had reserved before ($added).
read_reserved() {
  live= former= added=
  # By cat: the kernel tells this one in one piece, and the shell reads letter by letter.
  [ ! -r "$reserved" ] || live=$(cat "$reserved")
  [ ! -r "$root$path" ] || while read -r line; do
    case $line in "# Ports of nodes: "*) former=${line#*: } ;; "# Added: "*) added=${line#*: } ;; esac
  done <"$root$path"
}

# Whether list $1 has port $2.
has_port() {
  IFS=,
  for range in $1; do
    [ "$2" -lt "${range%-*}" ] || [ "$2" -gt "${range#*-}" ] || { unset IFS; return 0; }
  done
  unset IFS
  return 1
}

# Takes port $1 out of the list $live.
release_port() {
  rest=
  IFS=,
  for range in $live; do
    low=${range%-*} high=${range#*-}
    if [ "$1" -lt "$low" ] || [ "$1" -gt "$high" ]; then rest=$rest,$range; continue; fi
    add_range "$low" $(($1 - 1))
    add_range $(($1 + 1)) "$high"
  done
  unset IFS
  live=${rest#,}
}

add_range() {
  if [ "$1" -eq "$2" ]; then rest=$rest,$1; elif [ "$1" -lt "$2" ]; then rest=$rest,$1-$2; fi
}

# What others have reserved stays reserved.
reserve_ports() {
  read_reserved
  kept=
  IFS=,; for port in $added; do if has_port "$value" "$port"; then kept=${kept:+$kept,}$port; else release_port "$port"; fi; done
  IFS=,; for port in $value; do
    has_port "$live" "$port" || { live=${live:+$live,}$port; has_port "$kept" "$port" || kept=${kept:+$kept,}$port; }
  done; unset IFS
  printf '%s\n' "$live" >"$reserved" && live=$(cat "$reserved") && mkdir -p "$root${path%/*}" &&
    printf '%s\n' "# Written by aisctl, with what this host had reserved before." "# Ports of nodes: $value" \
      "# Added: $kept" "net.ipv4.ip_local_reserved_ports = $live" >"$root$path.new" &&
    sync -- "$root$path.new" && mv -fT -- "$root$path.new" "$root$path" || fail "cannot reserve ports: $path"
}

is_mounted() { (cd "$1" 2>/dev/null && mountpoint -q .); }

# state_of: sets $state for the entry in $type $path $mode_ $owner $sha $value; reads fds 4 and 5.
state_of() {
  state=same
  case $type in
    file|dir|link)
      if [ ! -e "$root$path" ] && [ ! -L "$root$path" ]; then state=changed; return; fi
      IFS='|' read -r have_mode have_owner have_kind <&4
      case $type in
        file)
          have_sha=
          if [ -f "$root$path" ] && [ ! -L "$root$path" ]; then read -r have_sha _ <&5; fi
          [ "$have_sha" = "$sha" ] && [ "0$have_mode" = "$mode_" ] && [ "$have_owner" = "$owner" ] || state=changed ;;
        dir)
          [ "$have_kind" = directory ] || fail "$path is no directory"
          [ "$value" = bare ] || { [ "0$have_mode" = "$mode_" ] && [ "$have_owner" = "$owner" ]; } || state=changed ;;
        link) [ -L "$root$path" ] && [ "$(readlink "$root$path")" = "$value" ] || state=changed ;;
      esac ;;
    absent) { [ -e "$root$path" ] || [ -L "$root$path" ]; } && state=changed ;;
    user) id -u "$path" >/dev/null 2>&1 || state=changed ;;
    sysctl) read -r have <"/proc/sys/$(printf %s "$path" | tr . /)" || have=; [ "$have" = "$value" ] || state=changed ;;
    ports)
      read_reserved
      [ "$former" = "$value" ] || state=changed
      IFS=,; for port in $value; do has_port "$live" "$port" || state=changed; done; unset IFS
      # Not there, or read-only as in some containers: nothing that could be done from inside.
      [ -w "$reserved" ] || state=not-applicable ;;
    mount)
      if is_mounted "$root$path"; then
        [ "$(cd "$root$path" && stat -c '0%a|%U:%G' .)" = "$mode_|$owner" ] || state=changed
      else state=missing; fi ;;
    unit)
      if [ "$value" = disabled ]; then
        if answered "$enabled_units" "$path" enabled || is_running "$path"; then state=changed; fi
        return
      fi
      answered "$enabled_units" "$path" enabled || state=changed
      [ "$value" != started ] || answered "$unit_states" "$path" active || answered "$unit_states" "$path" activating ||
        answered "$unit_states" "$path" reloading || state=changed ;;
  esac
}

compare() {
  container=no; systemd-detect-virt -cq && container=yes
  exec 4<"$STAGE/stats" 5<"$STAGE/hashes"
  while IFS='|' read -r type path mode_ owner sha restart scope value; do
    state_of
    [ "$scope" != metal ] || [ $container = no ] || state=not-applicable
    printf '%s|%s|%s|%s|%s|%s|%s|%s\n' "$state" "$type" "$path" "$mode_" "$owner" "$sha" "$restart" "$value"
  done <"$entries" >"$STAGE/states"
  exec 4<&- 5<&-
  # An entry that shows a file which did not arrive cannot be applied: find out before anything is written.
  while IFS='|' read -r state type path _ _ sha _ _; do
    [ "$mode" != apply ] || [ "$state" != changed ] || [ "$type" != file ] || [ -f "$STAGE/$sha" ] || fail "the content of $path did not arrive"
  done <"$STAGE/states"
}

# As the survey has found it, under the host's lock; a unit that is no entry is asked about.
is_running() {
  for stopped in inactive failed unknown ''; do ! answered "$unit_states" "$1" "$stopped" || return 1; done
  case "
$unit_states" in *"
$1="*) return 0 ;; esac
  case $(systemctl is-active "$1" 2>/dev/null </dev/null) in inactive|failed|unknown|'') return 1 ;; esac
}

# Remembers, before anything is written, which running units must restart; survives an interruption.
remember() {
  while IFS='|' read -r state type path _ _ _ restart _; do
    [ "$state" = changed ] && [ "$restart" != - ] || continue
    IFS=,
    for unit in $restart; do printf '%s\n' "$unit"; done
    unset IFS
  done <"$STAGE/states" | sort -u >"$STAGE/candidates"
  while read -r unit; do
    is_running "$unit" || continue
    mkdir -p "$pending" && : >"$pending/$unit.new" && mv -fT "$pending/$unit.new" "$pending/$unit"
  done <"$STAGE/candidates"
}

make_users() {
  while IFS='|' read -r state type path _ _ sha _ _; do
    [ "$state" = changed ] && [ "$type" = user ] || continue
    systemd-sysusers - <"$STAGE/$sha" || fail "systemd-sysusers could not make the user $path"
  done <"$STAGE/states"
}

# One process for directories that follow each other and have the same mode and owner.
make_dirs() {
  alike=; : >"$STAGE/alike"
  while IFS='|' read -r state type path mode_ owner _ _ value; do
    [ "$state" = changed ] || continue
    case $type in
      dir)
        [ "$value" != bare ] || owner=
        [ "$alike" = "$mode_|$owner" ] || { make_alike; alike="$mode_|$owner"; }
        printf '%s\0' "$root$path" >>"$STAGE/alike" ;;
      absent)
        if [ -d "$root$path" ] && [ ! -L "$root$path" ]; then rmdir -- "$root$path"; else rm -f -- "$root$path"; fi || fail "cannot remove $path" ;;
    esac
  done <"$STAGE/states"
  make_alike
}

make_alike() {
  [ -s "$STAGE/alike" ] || return 0
  who=${alike#*|}
  xargs -0 install -d -m "${alike%%|*}" ${who:+-o "${who%:*}" -g "${who#*:}"} -- <"$STAGE/alike" || fail "cannot make directories"
  : >"$STAGE/alike"
}

make_files() {
  reload=no; : >"$STAGE/fresh"; : >"$STAGE/parents"
  while IFS='|' read -r state type path mode_ owner sha _ value; do
    [ "$state" = changed ] && [ "$type" = file ] || continue
    [ ! -d "$root$path" ] || fail "$path is a directory"
    if [ "$value" = payload ]; then # Moved, not copied: nothing else has its content.
      mv -fT -- "$STAGE/$sha" "$root$path.new" && chown -h "$owner" -- "$root$path.new" && chmod "$mode_" -- "$root$path.new"
    else
      install -T -m "$mode_" -o "${owner%:*}" -g "${owner#*:}" -- "$STAGE/$sha" "$root$path.new"
    fi || fail "cannot write $path"
    printf '%s\0' "$root$path.new" >>"$STAGE/fresh"; printf '%s\0' "$root${path%/*}" >>"$STAGE/parents"
    case $path in /etc/systemd/system/*) reload=yes ;; esac
  done <"$STAGE/states"
  xargs -0 -r sync -- <"$STAGE/fresh" || fail "cannot write to disk"
  while IFS='|' read -r state type path _; do
    [ "$state" = changed ] && [ "$type" = file ] || continue
    mv -fT -- "$root$path.new" "$root$path" || fail "cannot write $path"
  done <"$STAGE/states"
  sort -zu "$STAGE/parents" | xargs -0 -r sync -- || fail "cannot write to disk"
}

# A link that restarts a unit is switched only while that unit is stopped; else it waits for activate.sh.
make_links() {
  while IFS='|' read -r state type path mode_ owner sha restart value; do
    if [ "$state" = changed ] && [ "$type" = link ]; then
      if [ "$restart" != - ] && is_running "$restart"; then
        printf '%s|%s\n' "$path" "$value" >>"$pending/$restart"; sync -- "$pending/$restart"; state=deferred
      else
        ln -sfT -- "$value" "$root$path.new" && mv -fT -- "$root$path.new" "$root$path" || fail "cannot link $path"
      fi
    fi
    printf '%s|%s|%s|%s|%s|%s|%s|%s\n' "$state" "$type" "$path" "$mode_" "$owner" "$sha" "$restart" "$value"
  done <"$STAGE/states" >"$STAGE/states.linked"
  mv "$STAGE/states.linked" "$STAGE/states"
}

# Units are enabled before systemd reads its files, so that it reads them once.
enable_units() {
  : >"$STAGE/disable"
  while IFS='|' read -r state type path _ _ _ _ value; do
    [ "$state" = changed ] && [ "$type" = unit ] || continue
    if [ "$value" = disabled ]; then printf '%s\0' "$path" >>"$STAGE/disable"
    else answered "$enabled_units" "$path" enabled || printf '%s\0' "$path"; fi
  done <"$STAGE/states" >"$STAGE/enable"
  [ ! -s "$STAGE/disable" ] || { reload=yes; xargs -0 systemctl disable -q --no-reload -- <"$STAGE/disable"; } || fail "systemctl disable failed"
  [ ! -s "$STAGE/enable" ] || { reload=yes; xargs -0 systemctl enable -q --no-reload -- <"$STAGE/enable"; } || fail "systemctl enable failed"
  [ $reload = no ] || systemctl daemon-reload || fail "systemctl daemon-reload failed"
}

make_kernel_and_mounts() {
  while IFS='|' read -r state type path mode_ owner sha restart value; do
    case $state:$type in
      changed:sysctl) printf '%s\n' "$value" >"/proc/sys/$(printf %s "$path" | tr . /)" || fail "cannot set $path" ;;
      changed:ports) reserve_ports ;;
      changed:unit) case $path in *.mount) systemctl start -- "$path" </dev/null || fail "cannot mount: see journalctl -u $path" ;; esac ;;
      changed:mount|missing:mount)
        state=changed
        # From inside: if the disk goes away meanwhile, the bare directory is still not touched.
        (cd "$root$path" 2>/dev/null && mountpoint -q . && chown -h "$owner" . && chmod "$mode_" .) || state=missing ;;
    esac
    printf '%s|%s|%s|%s|%s|%s|%s|%s\n' "$state" "$type" "$path" "$mode_" "$owner" "$sha" "$restart" "$value"
  done <"$STAGE/states" >"$STAGE/states.mounted"
  mv "$STAGE/states.mounted" "$STAGE/states"
}

start_units() {
  : >"$STAGE/start"; : >"$STAGE/failed"
  while IFS='|' read -r state type path _ _ _ _ value; do
    [ "$state" = changed ] && [ "$type" = unit ] || continue
    case $path in *.mount) continue ;; esac
    [ "$value" != disabled ] || rm -f -- "$pending/$path"
    [ "$value" != started ] || is_running "$path" || { printf '%s\0' "$path" >>"$STAGE/start"; rm -f -- "$pending/$path"; }
    ! answered "$unit_states" "$path" failed || printf '%s\0' "$path" >>"$STAGE/failed"
  done <"$STAGE/states"
  [ ! -s "$STAGE/failed" ] || xargs -0 systemctl reset-failed -- <"$STAGE/failed" 2>/dev/null
  [ ! -s "$STAGE/disable" ] || xargs -0 systemctl stop -- <"$STAGE/disable" || fail "systemctl stop failed"
  [ ! -s "$STAGE/start" ] || xargs -0 systemctl start --no-block -- <"$STAGE/start" || fail "systemctl start failed"
}

# Releases: what runs, and the newest up to three. Runtimes: what a kept release names.
sweep() {
  kept=0
  for dir in $(ls -1dt "$opt"/release/*/ 2>/dev/null); do
    dir=${dir%/}; used=no
    for link in "$opt"/*; do [ -L "$link" ] && [ "$link" -ef "$dir" ] && used=yes; done
    for note in "$pending"/*; do [ -f "$note" ] && grep -qF "|release/${dir##*/}" "$note" && used=yes; done
    if [ $used = yes ] || [ $kept -lt 3 ]; then kept=$((kept + 1)); else rm -rf -- "$dir"; fi
  done
  for dir in "$opt"/runtime/*/; do
    dir=${dir%/}; used=no
    for link in "$opt"/release/*/runtime; do [ "$link" -ef "$dir" ] && used=yes; done
    [ $used = yes ] || rm -rf -- "$dir"
  done
}

# Journals one act with the paths that it is about, and performs it; where nothing differs nothing is written.
#   perform ACT TYPES FUNCTION…
perform() {
  act=$1
  touched=$(grep -E "^(changed|missing)[|]($2)[|]" "$STAGE/states" | cut -d'|' -f3 | tr '\n' ' ')
  shift 2
  [ -z "$touched" ] || begin "$act" "$touched"
  for part in "$@"; do "$part"; done
  [ -z "$touched" ] || finished
}

# Files that are longer are named by their hash alone.
text_bytes=32768

report_have() {
  have='' text=''
  if [ "$state" = changed ]; then
    case $type in
      file)
        if [ -f "$root$path" ]; then
          have="$(stat -c '0%a %U:%G' -- "$root$path") $(sha256sum <"$root$path" | cut -c1-64)"
          case $value in
            payload|secret) ;;
            *) [ "$(stat -c %s -- "$root$path")" -gt $text_bytes ] || text=$(base64 -w0 <"$root$path") ;;
          esac
        fi ;;
      dir|mount) [ ! -d "$root$path" ] || have=$(stat -c '0%a %U:%G' -- "$root$path") ;;
      link) [ ! -L "$root$path" ] || have=$(readlink -- "$root$path") ;;
      sysctl) have=$(cat "/proc/sys/$(printf %s "$path" | tr . /)" 2>/dev/null) ;;
      ports) read_reserved; have=$live ;;
      unit)
        if answered "$enabled_units" "$path" enabled; then have=enabled; else have='not enabled'; fi
        if is_running "$path"; then have="$have, running"; fi ;;
      absent) have=there ;;
    esac
  fi
  printf '{"type":"%s","path":"%s","state":"%s","have":"%s","text":"%s"}\n' "$type" "$path" "$state" "$(plain "$have")" "$text"
}

entries=
receive
[ -n "$entries" ] || fail "no entries arrived"
if [ "$mode" = apply ]; then hold 0 || fail "another run is changing this host"; fi
survey
compare
if [ "$mode" = apply ]; then
  perform prepare 'user|dir|absent' remember make_users make_dirs
  perform files file make_files
  perform units 'link|unit|file' make_links enable_units
  perform kernel 'sysctl|ports|mount|unit' make_kernel_and_mounts
  perform start unit start_units
  sweep
fi
if [ "$mode" = diff ]; then
  while IFS='|' read -r state type path _ _ _ _ value; do report_have; done <"$STAGE/states"
else
  while IFS='|' read -r state type path _; do report "$type" "$path" "$state"; done <"$STAGE/states"
fi
for note in "$pending"/*; do [ ! -f "$note" ] || printf '{"pending":"%s"}\n' "${note##*/}"; done
printf '{"done":true}\n'
