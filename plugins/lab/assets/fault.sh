#!/bin/sh
# Puts one fault into this host, as it happens in life, or takes it away again.
#
#   fault.sh NAME inject|undo [WORD]
#
# What a file was before is kept below /root/before; nothing of the product looks there.
set -eu
LC_ALL=C; export LC_ALL
name=$1 verb=$2 word=${3-}
before=/root/before
config=$(ls /etc/aisnode/*.json | head -n 1)
instance=$(basename "$config" .json)
unit=aisnode@$instance.service
key=/etc/aisnode/secrets/cluster-key
disk=/ais/mp1
mkdir -p "$before"

again() { systemctl reset-failed "$unit" 2>/dev/null || :; systemctl restart --no-block "$unit"; }
keep() { [ -e "$before/$1" ] || cp -p -- "$2" "$before/$1" 2>/dev/null || : >"$before/$1"; }
back() { [ ! -e "$before/$1" ] || mv -f -- "$before/$1" "$2"; }
value() { python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v=v[k]
print(v)' "$config" "$1"; }
# A change of the node file, as a person with an editor would make it.
edit() { keep node.json "$config"; sed -i -e "$1" -- "$config"; again; }
edit_back() { back node.json "$config"; again; }
fill() {
  fallocate -l "$(($(stat -f -c "%a * %S" "$1") - 1048576))" "$1/filler" || :
  head -c 1G /dev/zero >>"$1/filler" 2>/dev/null || :
}
node() { readlink -f "/opt/aisnode/$instance/runtime/node"; }
node_back() { [ ! -e "$before/node" ] || { mv -f -- "$before/node" "$(node)"; again; }; }

case $name:$verb in
  port-in-use:inject)
    port=$(value listen.public); port=${port##*:}
    systemctl stop "$unit"
    systemd-run -q --unit=squatter python3 -c "import socket,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('0.0.0.0',$port)); s.listen(); time.sleep(1e6)"
    sleep 0.5
    again ;;
  port-in-use:undo) systemctl stop squatter 2>/dev/null || :; again ;;
  wrong-owner:inject) chown root:root "$disk"; again ;;
  wrong-owner:undo) chown aisnode:aisnode "$disk"; again ;;
  full-disk:inject) fill "$disk" ;;
  full-disk:undo) rm -f -- "$disk/filler"; again ;;
  full-var:inject) fill /var ;;
  full-var:undo) rm -f -- /var/filler; again ;;
  bad-json:inject) edit '5s/,$//' ;;
  unknown-key:inject) edit '2i\  "colour": "blue",' ;;
  out-of-range:inject) edit '2i\  "dataWorkers": 900,' ;;
  wrong-uuid:inject) edit 's/^  "uuid": ".*"/  "uuid": "another-cluster"/' ;;
  duplicate-id:inject) edit "s/^  \"id\": \".*\"/  \"id\": \"$word\"/" ;;
  bad-json:undo|unknown-key:undo|out-of-range:undo|wrong-uuid:undo|duplicate-id:undo) edit_back ;;
  no-credential:inject) mv -- "$key" "$before/key"; again ;;
  no-credential:undo) back key "$key"; again ;;
  exec-format:inject)
    node=$(node); mv -- "$node" "$before/node"
    head -c 4096 "$before/node" >"$node"; printf '\267\000' | dd of="$node" bs=1 seek=18 conv=notrunc status=none
    chmod 0755 "$node"; again ;;
  old-glibc:inject)
    node=$(node); mv -- "$node" "$before/node"
    sed 's/GLIBC_2\.28/GLIBC_2.99/g' "$before/node" >"$node"; chmod 0755 "$node"; again ;;
  exec-format:undo|old-glibc:undo) node_back ;;
  machine-id:inject) keep machine-id /etc/machine-id; printf '%s\n' "$word" >/etc/machine-id ;;
  machine-id:undo) [ ! -e "$before/machine-id" ] || { cat "$before/machine-id" >/etc/machine-id; rm -f "$before/machine-id"; } ;;
  watchdog:inject)
    systemd-run -q --unit=stopper sh -c "while :; do kill -STOP \$(systemctl show -P MainPID $unit) 2>/dev/null; sleep 1; done" ;;
  watchdog:undo) systemctl stop stopper 2>/dev/null || :; systemctl kill -s CONT "$unit" 2>/dev/null || :; again ;;
  clock-off:inject)
    keep environment /etc/environment
    set -- "LD_PRELOAD=$word" FAKETIME=+90s FAKETIME_DONT_FAKE_MONOTONIC=1
    printf '%s\n' "$@" >>/etc/environment
    systemctl set-environment "$@"; again ;;
  clock-off:undo)
    back environment /etc/environment
    systemctl unset-environment LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC; again ;;
  oom:inject)
    grep -qw memory /sys/fs/cgroup/cgroup.controllers || { echo 'no memory controller' >&2; exit 95; }
    mkdir -p "/run/systemd/system/$unit.d"
    printf '[Service]\nMemoryMax=48M\nMemorySwapMax=0\n' >"/run/systemd/system/$unit.d/99-small.conf"
    systemctl daemon-reload; again ;;
  oom:undo) rm -f "/run/systemd/system/$unit.d/99-small.conf"; systemctl daemon-reload; again ;;
  restart:undo) again ;;
  *) echo "no such fault: $name $verb" >&2; exit 2 ;;
esac
