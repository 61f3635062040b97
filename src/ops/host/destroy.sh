#!/bin/sh
# Removes from one host everything that aisctl has installed there: units, programs, configuration, state,
# the user. Mount points and what lies on the disks stay. Runs on the host, as root.
#
#   destroy.sh [ROOT]
#
# Standard output: one JSON object per line, {"removed":PATH} or {"stays":PATH,"why":…}, at the end
# {"done":true}. Asking twice is the same as asking once.
set -u
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
root=${1-}
system=$root/etc/systemd/system
reserved=$root/proc/sys/net/ipv4/ip_local_reserved_ports
ports=$root/etc/sysctl.d/91-aisnode-ports.conf

fail() { printf '{"error":"%s"}\n' "$(plain "$1")"; exit 1; }
stays() { printf '{"stays":"%s","why":"%s"}\n' "$1" "$(plain "$2")"; }

remove() {
  [ -e "$root$1" ] || [ -L "$root$1" ] || return 0
  if rm -rf --one-file-system -- "$root$1"; then printf '{"removed":"%s"}\n' "$1"; else stays "$1" "it cannot be removed"; fi
}

# Units of nodes, then disks that were mounted by a unit of ours: those others have made are not ours.
remove_units() {
  nodes=$(systemctl list-units --all --plain --no-legend 'aisnode@*.service' 2>/dev/null | cut -d' ' -f1)
  for file in "$root"/etc/aisnode/*.json; do
    [ ! -f "$file" ] || { name=${file##*/}; nodes="$nodes aisnode@${name%.json}.service"; }
  done
  [ -z "$nodes" ] || systemctl disable -q --now $nodes || fail "cannot stop $nodes"
  systemctl disable -q --now aisnode.target 2>/dev/null
  for file in "$system"/*.mount; do
    [ -f "$file" ] && [ "$(head -n 1 "$file")" = "# Written by aisctl." ] || continue
    systemctl disable -q --now "${file##*/}" || stays "${file#"$root"}" "it is in use"
    systemctl is-active -q "${file##*/}" || remove "${file#"$root"}"
  done
  for file in "$system"/aisnode*; do remove "${file#"$root"}"; done
  systemctl daemon-reload
  systemctl reset-failed 'aisnode*' 2>/dev/null
  # Without its file it would stay until the next boot.
  systemctl stop aisnode.slice 2>/dev/null
}

# Ports that were reserved for nodes alone are given back; the kernel says them as ranges.
release_ports() {
  [ -r "$ports" ] || return 0
  added=
  while read -r line; do case $line in "# Added: "*) added=,${line#*: }, ;; esac; done <"$ports"
  if [ -w "$reserved" ] && [ -n "$added" ]; then
    rest=
    for range in $(tr , ' ' <"$reserved"); do
      port=${range%-*}
      while [ "$port" -le "${range#*-}" ]; do
        case $added in *",$port,"*) ;; *) rest=${rest:+$rest,}$port ;; esac
        port=$((port + 1))
      done
    done
    printf '%s\n' "$rest" >"$reserved" || stays "${ports#"$root"}" "the kernel's list cannot be written"
  fi
  remove "${ports#"$root"}"
}

hold 60 || fail "another run is changing this host"
remove_units
release_ports
for path in /opt/aisnode /etc/aisnode /var/lib/aisnode /etc/sysusers.d/aisnode.conf /etc/tmpfiles.d/aisnode.conf \
  /etc/sysctl.d/90-aisnode.conf /run/aisnode; do remove "$path"; done
if id -u aisnode >/dev/null 2>&1; then
  userdel aisnode 2>/dev/null && printf '{"removed":"user aisnode"}\n' || stays "user aisnode" "userdel has failed"
fi
# Last: until now the host knows to which cluster it belongs.
remove /var/lib/aisctl
printf '{"done":true}\n'
