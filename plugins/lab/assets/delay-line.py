#!/usr/bin/env python3
"""A delay line between one lab host and the bridge, for kernels without netem.

usage: delay-line.py HOST BRIDGE DELAY_MS JITTER_MS LOSS_PERCENT

    vb-HOST - bridge dx-HOST - tap da-HOST = this process = tap db-HOST - BRIDGE

Each way is delayed by DELAY_MS, give or take JITTER_MS, in order; LOSS_PERCENT of the frames vanish.
It prints "ready" once frames pass through it. When it ends, the taps end with it; whoever ends it
puts vb-HOST back on BRIDGE.
"""
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x0002 | 0x1000
FRAME_BYTES_MAX = 65600
FRAMES_PER_TURN = 64
# How many frames may be under way; a flood beyond it is dropped, as a real queue would.
FRAMES_MAX = 100_000
# How often it looks whether the host has rebooted and brought a new interface.
LOOK_S = 0.2


def ip(*words):
    return subprocess.run(("ip",) + words, check=False, capture_output=True).returncode


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
    ip("link", "set", name, "up")
    return fd


def index_of(name):
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def main():
    host, bridge = sys.argv[1], sys.argv[2]
    delay, jitter, loss = (float(word) for word in sys.argv[3:6])
    inner, outer = tap(f"da-{host}"), tap(f"db-{host}")
    ip("link", "add", f"dx-{host}", "type", "bridge")
    ip("link", "set", f"dx-{host}", "up")
    ip("link", "set", f"da-{host}", "master", f"dx-{host}")
    ip("link", "set", f"db-{host}", "master", bridge)
    other = {inner: outer, outer: inner}
    last = {inner: 0.0, outer: 0.0}
    queue, count, attached, looked = [], 0, 0, 0.0
    ready = False
    while True:
        now = time.monotonic()
        if now - looked >= LOOK_S:
            looked = now
            index = index_of(f"vb-{host}")
            if index not in (0, attached) and ip("link", "set", f"vb-{host}", "master", f"dx-{host}") == 0:
                attached = index
            if not ready:
                ready = True
                print("ready", flush=True)
        while queue and queue[0][0] <= now:
            _, _, out, frame = heapq.heappop(queue)
            try:
                os.write(out, frame)
            except OSError:
                pass  # The interface is down or its queue is full: the frame is lost, as on a wire.
        wait = min(LOOK_S, max(0.0, queue[0][0] - now)) if queue else LOOK_S
        for fd in select.select([inner, outer], [], [], wait)[0]:
            for _ in range(FRAMES_PER_TURN):
                try:
                    frame = os.read(fd, FRAME_BYTES_MAX)
                except BlockingIOError:
                    break
                if len(queue) >= FRAMES_MAX or random.random() * 100 < loss:
                    continue
                due = time.monotonic() + max(0.0, delay + random.uniform(-jitter, jitter)) / 1000
                last[fd] = max(last[fd], due)
                count += 1
                heapq.heappush(queue, (last[fd], count, other[fd], frame))


main()
