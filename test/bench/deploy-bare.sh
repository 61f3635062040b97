#!/bin/sh
# The peer of `aisctl deploy`: the same bytes, one stream per host, unpacked, flushed, units started,
# health polled. No checks, no comparison, no progress, no refusal. Run inside the lab's network:
#   deploy-bare.sh KEY PAYLOAD_FOLDER NODES HOST=ADDRESS...
set -eu
key=$1 payload=$2 nodes=$3
shift 3

on_host='set -e
getent passwd aisnode >/dev/null || useradd -r -M -d /var/lib/aisnode -s /usr/sbin/nologin aisnode
tar -C / -xzpf -
for d in proxy target target-2; do
  [ ! -e /etc/aisnode/$d.json ] || install -d -m 750 -o aisnode -g aisnode /var/lib/aisnode /var/lib/aisnode/$d
done
chown aisnode:aisnode /ais/mp*
sync
systemctl daemon-reload
systemctl start --no-block aisnode.target'

for host in "$@"; do
  ssh -q -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    "root@${host#*=}" "$on_host" <"$payload/${host%%=*}.tar.gz" &
done
wait

for host in "$@"; do
  address=${host#*=}
  until members=$(curl -s -m 1 "http://$address:51080/v1/daemon?what=smap" || curl -s -m 1 "http://$address:51081/v1/daemon?what=smap") &&
    [ "$(echo "$members" | grep -o '"daemon_id"' | wc -l)" -ge "$nodes" ]; do
    sleep 0.05
  done
done
