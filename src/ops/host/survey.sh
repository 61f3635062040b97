# Looks closely at one host and at its ways to other hosts, one "KEY<TAB>VALUE" per line; changes
# nothing and writes no file, so that a full disk does not keep it from saying so. Runs with nothing
# but sh and coreutils; what a tool would tell that is missing stays unsaid.
#
# Standard input: lines "unit NAME INSTANCE", "stat PATH", "file PATH", "mount PATH", "space PATH",
# "port NUMBER", "sysctl KEY", "disk PATH DEVICE", "clock", "firewall", then "peer NAME ADDRESS PORT...",
# then "end". Peers come last: they are asked side by side, and only short lines may be said meanwhile.
set -u
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
say() { printf '%s\t%s\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
# One line of what a command says, without tabs.
flat() { tr '\t\n' '  ' | head -c 300; }

say time "$(date +%s.%N)"
say uid "$(id -u)"
say arch "$(uname -m)"
say container "$(systemd-detect-virt -c 2>/dev/null)"
[ -r /etc/machine-id ] && read -r machine </etc/machine-id && say machine "$machine"
read -r up _ </proc/uptime && say uptime "$up"
while read -r key kib _; do [ "$key" != MemTotal: ] || { say memory "$kib"; break; }; done </proc/meminfo
while read -r a b c _ hard _; do [ "$a $b $c" != "Max open files" ] || say open-files "$hard"; done </proc/1/limits

look_at_unit() {
  systemctl show -p LoadState,ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,StatusText,MainPID,UnitFileState,ActiveEnterTimestampMonotonic -- "$1" 2>/dev/null |
    while IFS='=' read -r key value; do say "unit $1 $key" "$value"; done
  pid=$(systemctl show -P MainPID -- "$1" 2>/dev/null)
  if [ "${pid:-0}" != 0 ] && [ -r "/proc/$pid/status" ]; then
    while read -r key value _; do [ "$key" != State: ] || say "unit $1 process" "$value"; done <"/proc/$pid/status"
    while read -r a b c soft _; do [ "$a $b $c" != "Max open files" ] || say "unit $1 open-files" "$soft"; done <"/proc/$pid/limits"
  fi
  journalctl -u "$1" -n 40 --since -15min --no-pager -o json --output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER 2>/dev/null |
    while IFS= read -r line; do say "journal $1" "$line"; done
  node=/opt/aisnode/$2/runtime/node
  [ -e "$node" ] || { say "program $2" absent; return; }
  say "program $2" "$(od -An -v -tx1 -N20 -- "$node" 2>/dev/null | tr -d ' \n')"
  # Only a unit that does not run: what runs has been started from it.
  systemctl is-active -q -- "$1" && [ "$(systemctl show -P SubState -- "$1")" = running ] && return
  said=$(timeout 5 runuser -u aisnode -- "$node" --version 2>&1 </dev/null | tail -n 3 | flat)
  say "version $2" "$said"
}

look_at_mount() {
  if ! found=$(timeout 3 stat -c '%d %U:%G %a' -- "$1" 2>&1); then
    case $found in *'No such file'*) say "mount $1" absent ;; *) say "mount $1" "broken $(printf %s "${found:-it hangs}" | flat)" ;; esac
    return
  fi
  if ! timeout 3 sh -c 'cd "$1" && mountpoint -q .' sh "$1" 2>/dev/null; then say "mount $1" "bare $found"; return; fi
  options=$(grep -F " $1 " /proc/self/mountinfo | while read -r _ _ _ _ point own rest; do
    [ "$point" != "$1" ] || printf '%s,%s\n' "$own" "${rest##* }"; done | tail -n 1)
  say "mount $1" "mounted $found ${options:--}"
  mark=$1/.aisnode/mountpath.json
  if said=$(timeout 3 head -c 4096 -- "$mark" 2>&1); then say "mark $1" "$(printf %s "$said" | base64 -w0)"
  else case $said in *'No such file'*) ;; *) say "broken $1" "$(printf %s "${said:-it hangs}" | flat)" ;; esac; fi
  [ -w "$1" ] || say "readonly $1" yes
}

look_at_disk() {
  device=$(readlink -f -- "$2" 2>/dev/null)
  [ -b "${device:-/none}" ] || { say "disk $1" absent; return; }
  has blkid && signature=$(blkid -p -o export -- "$device" 2>/dev/null | grep -E '^(TYPE|PTTYPE)=' | flat)
  has lsblk && identity=$(lsblk -dnbro SIZE,SERIAL,WWN -- "$device" 2>/dev/null | flat)
  say "disk $1" "$device ${identity:-} ${signature:-}"
}

# A connection that is refused has found its way: nobody listens there. What is filtered stays silent.
reach_port() {
  said=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$2" "$3" 2>&1)
  case $?:$said in
    0:*) found=open ;;
    *refused*) found=refused ;;
    124:*) found=silent ;;
    *) found="unreachable $(printf %s "${said##*: }" | flat)" ;;
  esac
  say "reach $1 $3" "$found"
}

pings() { ping -n -q -c 2 -i 0.2 -W 1 -M "$1" -s "$2" "$3" >/dev/null 2>&1; }

# The largest packet that arrives whole, when the one that the interface promises does not.
measure_path() {
  has ping && has ip || return
  device=$(ip -o route get "$2" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
  mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null) || return
  case $2 in *:*) head=48 ;; *) head=28 ;; esac
  if pings do $((mtu - head)) "$2"; then say "path $1" "$device $mtu $mtu"; return; fi
  pings dont 56 "$2" || { say "path $1" "$device $mtu unknown"; return; }
  for size in 8900 4000 1500 1492 1480 1476 1460 1450 1440 1420 1400 1280 576; do
    [ "$size" -lt "$mtu" ] || continue
    if pings do $((size - head)) "$2"; then say "path $1" "$device $mtu $size"; return; fi
  done
  say "path $1" "$device $mtu 0"
}

look_at_peer() {
  name=$1 address=$2; shift 2
  measure_path "$name" "$address" &
  has bash || { wait; return; }
  for port; do reach_port "$name" "$address" "$port" & done
  wait
}

look_at_clock() {
  for keeper in chrony chronyd systemd-timesyncd ntpsec ntpd ntp openntpd; do
    ! systemctl is-active -q -- "$keeper" 2>/dev/null || say keeper "$keeper"
  done
  has timedatectl && say synchronized "$(timedatectl show -P NTPSynchronized 2>/dev/null)"
}

look_at_firewall() {
  for name in firewalld ufw nftables iptables; do
    ! systemctl is-active -q -- "$name" 2>/dev/null || say firewall "$name"
  done
  has nft && say firewall-drops "nft $(nft list ruleset 2>/dev/null | grep -cE 'policy drop|[[:space:]](drop|reject)')"
  has iptables && say firewall-drops "iptables $(iptables -S 2>/dev/null | grep -cE -- '-j (DROP|REJECT)|-P INPUT DROP')"
  if has ip; then
    ip -o link show up 2>/dev/null | while read -r _ device _; do
      device=${device%:}; device=${device%@*}
      say "link $device" "$(cat "/sys/class/net/$device/mtu" 2>/dev/null) $(cat "/sys/class/net/$device/speed" 2>/dev/null)"
    done
  fi
}

while read -r kind first rest; do
  case $kind in
    end) break ;;
    unit) look_at_unit "$first" "$rest" ;;
    stat) found=$(stat -L -c '0%a %U:%G %s %F' -- "$first" 2>/dev/null) || found=absent; say "stat $first" "$found" ;;
    file) [ ! -f "$first" ] || say "file $first" "$(head -c 65536 -- "$first" | base64 -w0)" ;;
    mount) look_at_mount "$first" ;;
    space) found=$(timeout 3 stat -f -c '%a %b %S %d %c' -- "$first" 2>/dev/null) && say "space $first" "$found" ;;
    port) ports="${ports-} $first" ;;
    sysctl)
      file=/proc/sys/$(printf %s "$first" | tr . /)
      if [ -r "$file" ]; then say "sysctl $first" "$(flat <"$file")"; [ -w "$file" ] || say fixed "$first"; fi ;;
    disk) look_at_disk "$first" "$rest" ;;
    peer) set -f; look_at_peer "$first" $rest & ;;
    clock) look_at_clock ;;
    firewall) look_at_firewall ;;
  esac
done
if has ss; then
  ss -ltnpH 2>/dev/null | while read -r _ _ _ local _ owner; do
    port=${local##*:}
    case " ${ports-} " in *" $port "*) say "port $port" "$local ${owner:--}" ;; esac
  done
fi
journalctl -k --since -15min --no-pager -o cat -n 200 2>/dev/null | grep -E 'Out of memory|oom-kill' | tail -n 5 |
  while IFS= read -r line; do say kernel "$line"; done
wait
say done yes
