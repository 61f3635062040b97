#!/bin/sh
# Starts, stops, restarts, enables or disables one unit on a host, or only shows it. A restart first
# switches the links that apply.sh left for the time when the unit is stopped.
#
#   activate.sh start|stop|restart|enable|disable|show UNIT ROOT|"" [TAG]
#
# Standard output: one JSON object, {"unit":…,"active":…,"result":…,"status":…}, and on failure the
# last lines of the unit's journal on standard error. Asking twice is the same as asking once: a run that
# comes again finds by the unit's invocation id that a restart has been done. TAG sets apart two restarts
# of one unit that the same run wants.
set -u
umask 022
LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH
verb=$1 unit=$2 root=${3-} tag=${4-}
pending=$root/var/lib/aisctl/pending/$unit
act="$verb $unit${tag:+ $tag}"

if [ "$verb" != show ]; then
  hold 60 || { echo "another run is changing this host" >&2; exit 75; }
fi

show() { systemctl show -P "$1" -- "$unit" | tr -d '\000-\037"\\' | head -c 300; }

switch_links() {
  [ -f "$pending" ] || return 0
  while IFS='|' read -r path value; do
    ln -sfT -- "$value" "$root$path.new" && mv -fT -- "$root$path.new" "$root$path" || exit 1
  done <"$pending"
  rm -f -- "$pending"
}

# Whether this run has restarted the unit: it runs, and not as it did when the restart began.
is_restarted() {
  [ "$RUN" != - ] && [ ! -f "$pending" ] || return 1
  was=$(grep -F "\"act\":\"$act\",\"state\":\"begin\"" "$journal" | head -n 1)
  was=${was##*\"what\":\"} was=${was%%\"*}
  [ -n "$was" ] && [ "$was" != "$(show InvocationID)" ] && systemctl is-active -q -- "$unit"
}

rc=0
case $verb in
  stop)
    begin "$act"
    systemctl stop -- "$unit" 9>&- || rc=$? ;;
  start)
    begin "$act"
    systemctl is-active -q -- "$unit" || { switch_links; systemctl reset-failed -- "$unit" 2>/dev/null; }
    systemctl start -- "$unit" 9>&- || rc=$? ;;
  restart)
    if ! is_restarted; then
      was=$(show InvocationID)
      begin "$act" "${was:-none}"
      systemctl stop -- "$unit" 9>&- || rc=$?
      switch_links
      systemctl reset-failed -- "$unit" 2>/dev/null
      systemctl start -- "$unit" 9>&- || rc=$?
    fi ;;
  enable|disable)
    begin "$act"
    systemctl "$verb" -q -- "$unit" || rc=$? ;;
  show) ;;
  *) exit 2 ;;
esac
if [ -n "$acting" ]; then
  if [ $rc = 0 ]; then finished "$(show ActiveState)"; else note failed "$acting" "exit status $rc"; fi
fi
printf '{"unit":"%s","active":"%s","result":"%s","status":"%s","exit":"%s"}\n' \
  "$unit" "$(show ActiveState)" "$(show Result)" "$(show StatusText)" "$(show ExecMainStatus)"
[ $rc = 0 ] && [ "$verb" != show ] || journalctl -u "$unit" -n 15 --no-pager -o cat >&2
exit $rc
