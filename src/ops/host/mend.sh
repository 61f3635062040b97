#!/bin/sh
# Mends what is safe to mend and can be undone: kernel settings and the keeper of the clock. What was
# before is written down, with fsync, before anything is set, so that an interruption loses nothing.
#
#   mend.sh fix [ROOT]   standard input: lines "sysctl KEY VALUE", "keeper", then "end"
#   mend.sh undo [ROOT]
#
# Standard output: one line "STATE KEY VALUE" for each: fixed, undone, or failed.
set -u
umask 022
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
verb=$1 root=${2-}
memory=$root/var/lib/aisctl/mended
settings=$root/etc/sysctl.d/90-aisctl-check.conf

hold 60 || { echo "another run is changing this host" >&2; exit 75; }

file_of() { printf '%s/proc/sys/%s' "$root" "$(printf %s "$1" | tr . /)"; }
read_setting() { tr '\t\n' '  ' <"$(file_of "$1")" 2>/dev/null | sed 's/ *$//'; }

# Only the first value is what was before us.
remember() {
  [ ! -f "$memory" ] || ! grep -qF -- "$1 $2 " "$memory" || return 0
  mkdir -p "${memory%/*}" && chmod 0700 "${memory%/*}" || return 1
  { [ ! -f "$memory" ] || cat "$memory"; printf '%s %s %s\n' "$1" "$2" "$3"; } >"$memory.new" &&
    sync -- "$memory.new" && mv -fT -- "$memory.new" "$memory"
}

# The file says what holds after the next boot.
keep_setting() {
  mkdir -p "${settings%/*}"
  { echo '# Written by aisctl check --fix; aisctl check --undo removes it.'
    [ ! -f "$settings" ] || grep -vF -e '#' -e "$1 =" -- "$settings"
    printf '%s = %s\n' "$1" "$2"; } >"$settings.new"
  sync -- "$settings.new" && mv -fT -- "$settings.new" "$settings"
}

set_setting() { { printf '%s\n' "$2" >"$(file_of "$1")"; } 2>/dev/null; }

fix() {
  case $1 in
    sysctl)
      before=$(read_setting "$2")
      if [ -e "$(file_of "$2")" ] && remember sysctl "$2" "$before" && set_setting "$2" "$3" && keep_setting "$2" "$3" && [ "$(read_setting "$2")" = "$3" ]
      then echo "fixed $2 $3"; else echo "failed $2 $(read_setting "$2")"; fi ;;
    keeper)
      before=$(timedatectl show -P NTP 2>/dev/null)
      if remember keeper ntp "${before:-no}" && timedatectl set-ntp true 2>/dev/null && [ "$(timedatectl show -P NTP 2>/dev/null)" = yes ]
      then echo "fixed ntp yes"; else echo "failed ntp ${before:-none}"; fi ;;
  esac
}

undo() {
  [ -f "$memory" ] || return 0
  rm -f -- "$settings"
  failed=no
  while read -r kind key value; do
    case $kind in
      sysctl) set_setting "$key" "$value" && [ "$(read_setting "$key")" = "$value" ] ;;
      keeper) [ "$value" = yes ] || timedatectl set-ntp false ;;
    esac && echo "undone $key $value" || { echo "failed $key $value"; failed=yes; }
  done <"$memory"
  [ $failed = yes ] || rm -f -- "$memory"
}

case $verb in
  fix) while read -r kind key value; do [ "$kind" != end ] || break; fix "$kind" "$key" "$value"; done ;;
  undo) undo ;;
  *) exit 2 ;;
esac
