# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Lets the module of this name look for a few seconds at a time, and says between the looks how far it is."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import time

from ansible.plugins.action import ActionBase
from ansible_collections.aisctl.cluster.plugins.plugin_utils import events

LOOK_SECONDS = 5


class ActionModule(ActionBase):
    """Runs the module until it says that all has ended."""

    TRANSFERS_FILES = False
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        super(ActionModule, self).run(tmp, task_vars)
        args = dict(self._task.args)
        deadline = time.time() + int(args.get("timeout", 86400))
        silence = int(args.get("silence", 300))
        heard = time.time()
        while True:
            left = max(1, int(deadline - time.time()))
            args.update(timeout=left, look=min(LOOK_SECONDS, left))
            result = self._execute_module(
                module_name="aisctl.cluster.operation_wait", module_args=args, task_vars=task_vars
            )
            if result.get("failed") or result.get("ended") or self._task.check_mode:
                return result
            now = time.time()
            heard = now if result.get("heard") else heard
            if now - heard > silence or now > deadline:
                why = "nobody has answered" if now - heard > silence else "it goes on"
                return dict(result, failed=True, msg="not over: %s; %s" % (why, result.get("progress")))
            self.say(result.get("progress"), task_vars or {})

    def say(self, progress, task_vars):
        host = task_vars.get("inventory_hostname", "")
        self._display.display("[%s] %s" % (host, progress))
        events.write({"event": "progress", "host": host, "task": self._task._uuid, "text": progress})
