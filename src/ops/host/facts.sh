#!/bin/sh
# Says what a host is and has, one "KEY<TAB>VALUE" per line; changes nothing. Runs on the host, with
# nothing but sh and coreutils; what a tool would tell that is missing stays unsaid.
#
# Standard input: lines "hash PATH", "have PATH", "mount PATH", "address WORD", "port NUMBER", then "end".
set -u
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
say() { printf '%s\t%s\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }

say uid "$(id -u)"
uname -nrm | { read -r name release machine; say hostname "$name"; say kernel "$release"; say arch "$machine"; }
say time "$(date +%s.%N)"
getconf GNU_LIBC_VERSION 2>/dev/null | { read -r _ version; say glibc "$version"; }
for lib in /lib/*/libstdc++.so.6 /usr/lib/*/libstdc++.so.6 /lib64/libstdc++.so.6 /usr/lib64/libstdc++.so.6; do
  [ ! -e "$lib" ] || { say libstdcxx "$lib"; break; }
done
[ -r /etc/os-release ] && say os "$(. /etc/os-release; printf %s "${PRETTY_NAME-}")"
systemctl --version 2>/dev/null | { read -r _ version _; say systemd "$version"; }
say state "$(systemctl is-system-running 2>/dev/null)"
say container "$(systemd-detect-virt -c 2>/dev/null)"
[ -r /etc/machine-id ] && read -r machine </etc/machine-id && say machine "$machine"
for tool in zstd gzip python3; do has $tool && say tool $tool; done
stat -f -c '%n %a %S' /opt /var/tmp /var/lib 2>/dev/null | while read -r dir blocks size; do
  say "free $dir" "$((blocks * size / 1024))"
done
while read -r key kib _; do [ "$key" != MemTotal: ] || { say memory "$kib"; break; }; done </proc/meminfo
reserved=/proc/sys/net/ipv4/ip_local_reserved_ports
[ ! -r $reserved ] || say reserved "$(cat $reserved)"
[ ! -w $reserved ] || say reservable yes
say cpus "$(nproc 2>/dev/null)"

while read -r kind word; do
  case $kind in
    end) break ;;
    hash) [ -f "$word" ] && say "hash $word" "$(sha256sum <"$word" | cut -d' ' -f1)" ;;
    have) [ -f "$word" ] && say have "$word" ;;
    mount)
      if (cd "$word" 2>/dev/null && mountpoint -q .); then
        { stat -c '%d %U:%G' "$word"; stat -f -c '%a %S %T' "$word"; } | {
          read -r device owner; read -r blocks size filesystem
          say "mount $word" "$device $filesystem $((blocks * size / 1024)) $owner"; }
      elif [ -d "$word" ]; then say "mount $word" bare
      else say "mount $word" absent; fi ;;
    address) has getent && getent ahosts "$word" | while read -r found _; do printf '%s\n' "$found"; done | sort -u | while read -r found; do say "address $word" "$found"; done ;;
    port) ports="${ports-} $word" ;;
  esac
done

if has ss; then
  ss -ltnpH 2>/dev/null | while read -r _ _ _ local _ owner; do
    port=${local##*:}
    case " ${ports-} " in *" $port "*) say "port $port" "$local ${owner:--}" ;; esac
  done
fi
if has ip; then ip -o addr show scope global 2>/dev/null | while read -r _ _ _ found _; do say local "${found%%/*}"; done; fi

systemctl list-units --all --plain --no-legend 'aisnode@*.service' 2>/dev/null | while read -r unit _; do
  say "unit $unit" "$(systemctl is-active "$unit" 2>/dev/null)"
  say "pid $unit" "$(systemctl show -P MainPID "$unit" 2>/dev/null)"
done
# In pieces: a line that is too long would be cut. Packed, five hundred hosts take 60 KB.
if [ -r /var/lib/aisctl/topology.json ]; then
  if has gzip; then form=topology.gz pack='gzip -c'; else form=topology pack=cat; fi
  $pack </var/lib/aisctl/topology.json | base64 -w 8192 | while read -r piece; do say $form "$piece"; done
fi
for file in /etc/aisnode/*.json; do
  [ -r "$file" ] && say "uuid $file" "$(grep -o '"uuid": *"[^"]*"' "$file" | head -n 1 | cut -d'"' -f4)"
done
say done yes
