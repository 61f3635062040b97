#!/bin/bash
# The power supply of one lab host: boots it, boots it again when it reboots, and ends when it powers
# itself off or when the file HOST_DIR/power is gone. It runs in the network namespace of the lab and
# in a mount namespace of its own, outlives the command that started it, and decides nothing else.
#
# usage: supervise.sh HOST_DIR MACHINE BRIDGE LAB_CGROUP HOST_CGROUP ROOT...
#   the two cgroups are relative to each of the hierarchy ROOTs
set -u
host=$1 machine=$2 bridge=$3 lab_cgroup=$4 host_cgroup=$5
shift 5
roots=("$@")

# nspawn exits with this status when the host asked for a reboot.
REBOOT=133

for root in "${roots[@]}"; do
  mkdir -p "$root/$lab_cgroup/power"
  echo $$ >"$root/$lab_cgroup/power/cgroup.procs"
done
read -r -a stat <"/proc/$$/stat"
echo "$$ ${stat[21]}" >"$host/supervisor.pid"

# Every host has this directory for itself, or the second one finds the first one's leftovers there.
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn

boot() (
  # A cgroup of its own before nspawn starts: with --keep-unit alone all hosts would share one tree
  # and stop each other's services.
  for root in "${roots[@]}"; do
    echo "$BASHPID" >"$root/$host_cgroup/cgroup.procs" || exit 1
  done
  echo "$BASHPID" >"$host/nspawn.pid"
  ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
  exec systemd-nspawn --quiet --directory="$host/root" --boot --machine="$machine" \
    --register=no --keep-unit --settings=no --link-journal=no --resolv-conf=off --timezone=off \
    --console=read-only --network-bridge="$bridge" --bind="$host/disks:/ais" \
    --kill-signal=SIGRTMIN+3 >>"$host/boot.log" 2>&1 </dev/null
)

while [ -e "$host/power" ]; do
  rm -rf /run/systemd/nspawn/* /run/systemd/nspawn/.#*
  : >"$host/boot.log"
  for root in "${roots[@]}"; do
    find "$root/$host_cgroup" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
    mkdir -p "$root/$host_cgroup"
  done
  # The kernel takes a dead host's network apart in its own time; its link must not meet the new one.
  ip link delete "vb-$machine" 2>/dev/null
  boot
  status=$?
  cat "$host/boot.log" >>"$host/console.log"
  [ "$status" -eq "$REBOOT" ] || grep -aq '^Rebooting\|is being rebooted' "$host/boot.log" || break
done
rm -f "$host/power" "$host/nspawn.pid" "$host/supervisor.pid"
