# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Events of a run as JSON lines on a descriptor that whoever started Ansible has opened."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import os

VARIABLE = "AISCTL_EVENTS_FD"
# A line of this size reaches a pipe whole, whichever process writes it.
LINE_BYTES_MAX = 4000
TEXT_MAX = 1500


def descriptor():
    """The descriptor, or None when nobody listens."""
    value = os.environ.get(VARIABLE, "")
    return int(value) if value.isdigit() else None


def write(event):
    """One line; nothing when nobody listens."""
    to = descriptor()
    if to is None:
        return
    line = (json.dumps(event) + "\n").encode("utf-8")
    if len(line) > LINE_BYTES_MAX:
        short = dict(event, text=str(event.get("text", ""))[: TEXT_MAX // 3])
        line = (json.dumps(short) + "\n").encode("utf-8")
    try:
        os.write(to, line)
    except OSError:
        # Whoever listened is gone; the run is not to fail for that.
        os.environ.pop(VARIABLE, None)
