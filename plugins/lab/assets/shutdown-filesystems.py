#!/usr/bin/env python3
"""Takes filesystems away from under whoever uses them, as a power cut or a dead disk does.

usage: shutdown-filesystems.py MOUNT_POINT...

FS_IOC_SHUTDOWN without flushing the log: what was not synced is lost, every later call gives EIO.
All are opened first, so that the cuts follow each other within microseconds.
"""
import fcntl
import os
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)

opened = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in sys.argv[1:]]
for fd in opened:
    fcntl.ioctl(fd, FS_IOC_SHUTDOWN, NO_LOG_FLUSH)
