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
say arch "$(uname -m)"
say kernel "$(uname -r)"
say hostname "$(uname -n)"
say time "$(date +%s.%N)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)"
say libstdcxx "$(ls /lib/*/libstdc++.so.6 /usr/lib/*/libstdc++.so.6 /lib64/libstdc++.so.6 /usr/lib64/libstdc++.so.6 2>/dev/null | head -n 1)"
[ -r /etc/os-release ] && say os "$(. /etc/os-release; printf %s "${PRETTY_NAME-}")"
say systemd "$(systemctl --version 2>/dev/null | head -n 1 | cut -d' ' -f2)"
say state "$(systemctl is-system-running 2>/dev/null)"
say container "$(systemd-detect-virt -c 2>/dev/null)"
say machine "$(cat /etc/machine-id 2>/dev/null)"
for tool in zstd gzip python3; do has $tool && say tool $tool; done
for dir in /opt /var/tmp /var/lib; do say "free $dir" "$(df -Pk "$dir" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d' ' -f4)"; done
say memory "$(grep -s MemTotal /proc/meminfo | tr -s ' ' | cut -d' ' -f2)"
say cpus "$(nproc 2>/dev/null)"

while read -r kind word; do
  case $kind in
    end) break ;;
    hash) [ -f "$word" ] && say "hash $word" "$(sha256sum <"$word" | cut -d' ' -f1)" ;;
    have) [ -f "$word" ] && say have "$word" ;;
    mount)
      if (cd "$word" 2>/dev/null && mountpoint -q .); then
        say "mount $word" "$(stat -c %d "$word") $(stat -f -c %T "$word") $(df -Pk "$word" | tail -n 1 | tr -s ' ' | cut -d' ' -f4) $(stat -c %U:%G "$word")"
      elif [ -d "$word" ]; then say "mount $word" bare
      else say "mount $word" absent; fi ;;
    address) has getent && for found in $(getent ahosts "$word" | cut -d' ' -f1 | sort -u); do say "address $word" "$found"; done ;;
    port) ports="${ports-} $word" ;;
  esac
done

if has ss; then
  ss -ltnpH 2>/dev/null | while read -r _ _ _ local _ owner; do
    port=${local##*:}
    case " ${ports-} " in *" $port "*) say "port $port" "$local ${owner:--}" ;; esac
  done
fi
if has ip; then ip -o addr show scope global 2>/dev/null | tr -s ' ' | cut -d' ' -f4 | cut -d/ -f1 | while read -r found; do say local "$found"; done; fi

for unit in $(systemctl list-units --all --plain --no-legend 'aisnode@*.service' 2>/dev/null | tr -s ' ' | cut -d' ' -f1); do
  say "unit $unit" "$(systemctl is-active "$unit" 2>/dev/null)"
  say "pid $unit" "$(systemctl show -P MainPID "$unit" 2>/dev/null)"
done
if [ -r /var/lib/aisctl/topology.json ]; then say topology "$(base64 -w0 </var/lib/aisctl/topology.json)"; fi
for file in /etc/aisnode/*.json; do
  [ -r "$file" ] && say "uuid $file" "$(grep -o '"uuid": *"[^"]*"' "$file" | head -n 1 | cut -d'"' -f4)"
done
say done yes
