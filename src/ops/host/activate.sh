#!/bin/sh
# Starts, stops or restarts one unit on a host, or only shows it. A restart first switches the links
# that apply.sh left for the time when the unit is stopped.
#
#   activate.sh start|stop|restart|show UNIT [ROOT]
#
# Standard output: one JSON object, {"unit":…,"active":…,"result":…,"status":…}, and on failure the
# last lines of the unit's journal on standard error. Asking twice is the same as asking once.
set -u
umask 022
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
verb=$1 unit=$2 root=${3-}
note=$root/var/lib/aisctl/pending/$unit

[ "$verb" = show ] || { mkdir -p "$root/run/lock" && exec 9>"$root/run/lock/aisctl.lock"; } || exit 1
[ "$verb" = show ] || flock -w 60 9 || { echo "another run is changing this host" >&2; exit 75; }

switch_links() {
  [ -f "$note" ] || return 0
  while IFS='|' read -r path value; do
    ln -sfT -- "$value" "$root$path.new" && mv -fT -- "$root$path.new" "$root$path" || exit 1
  done <"$note"
  rm -f -- "$note"
}

rc=0
case $verb in
  stop) systemctl stop -- "$unit" 9>&- || rc=$? ;;
  start)
    systemctl is-active -q -- "$unit" || { switch_links; systemctl reset-failed -- "$unit" 2>/dev/null; }
    systemctl start -- "$unit" 9>&- || rc=$? ;;
  restart)
    systemctl stop -- "$unit" 9>&- || rc=$?
    switch_links
    systemctl reset-failed -- "$unit" 2>/dev/null
    systemctl start -- "$unit" 9>&- || rc=$? ;;
  show) ;;
  *) exit 2 ;;
esac
show() { systemctl show -P "$1" -- "$unit" | tr -d '\000-\037"\\' | head -c 300; }
printf '{"unit":"%s","active":"%s","result":"%s","status":"%s","exit":"%s"}\n' \
  "$unit" "$(show ActiveState)" "$(show Result)" "$(show StatusText)" "$(show ExecMainStatus)"
[ $rc = 0 ] && [ "$verb" != show ] || journalctl -u "$unit" -n 15 --no-pager -o cat >&2
exit $rc
