# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Tells whoever started Ansible what goes on, as JSON lines."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
name: events
type: notification
short_description: Tells whoever started Ansible what goes on, as JSON lines
version_added: 1.1.0
description:
  - Writes one JSON object per line to the descriptor that the variable E(AISCTL_EVENTS_FD) names; does
    nothing without it. C(aisctl ansible run) draws its progress from them.
  - What a task hides with C(no_log) stays hidden.
requirements:
  - enabled in the configuration (C(callbacks_enabled))
"""

from ansible.plugins.callback import CallbackBase
from ansible_collections.aisctl.cluster.plugins.plugin_utils import events

# Of one task on one host; the log has them all.
STEPS_MAX = 30


class CallbackModule(CallbackBase):
    """One line for each play, task, and end of a task on a host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "aisctl.cluster.events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None):
        super(CallbackModule, self).__init__(display=display)
        self.disabled = events.descriptor() is None

    def v2_playbook_on_play_start(self, play):
        events.write({"event": "play", "name": play.get_name().strip()})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.task(task)

    def v2_playbook_on_handler_task_start(self, task):
        self.task(task)

    def v2_runner_on_start(self, host, task):
        events.write({"event": "start", "host": host.get_name(), "task": task._uuid, "name": name_of(task)})

    def v2_runner_on_ok(self, result):
        self.ended(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_skipped(self, result):
        self.ended(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.ended(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result):
        self.ended(result, "unreachable")

    def v2_runner_item_on_ok(self, result):
        label = self._get_item_label(result._result)
        self.ended(result, "item", str(label) if isinstance(label, str) else "")

    def v2_playbook_on_no_hosts_matched(self):
        events.write({"event": "nobody"})

    def v2_playbook_on_stats(self, stats):
        hosts = dict((host, stats.summarize(host)) for host in sorted(stats.processed))
        for host, counts in hosts.items():
            events.write({"event": "host", "host": host, "counts": counts})
        events.write({"event": "end"})

    @staticmethod
    def task(task):
        events.write({"event": "task", "task": task._uuid, "name": name_of(task)})

    @staticmethod
    def ended(result, state, text=None):
        failed = state in ("failed", "unreachable", "ignored")
        said = text if text is not None else (str(result._result.get("msg", "")) if failed else "")
        event = {"event": "result", "state": state, "host": result._host.get_name(), "name": name_of(result._task)}
        event.update(task=result._task._uuid, text=said[: events.TEXT_MAX], ran_on=ran_on(result))
        if state == "changed" and result._task.check_mode and not result._task.no_log:
            event["steps"] = steps_of(result._result.get("diff"))
        events.write(event)


def name_of(task):
    return task.get_name().split(" : ", 1)[-1].strip()


def ran_on(result):
    """The host that a task was done to, which may be another than it was run for."""
    return str(result._task.delegate_to or result._host.get_name())


def steps_of(diff):
    """What a task of this collection would do, in the words of its diff."""
    steps = []
    for one in diff if isinstance(diff, list) else [diff or {}]:
        if "after_header" in one:
            steps.append(str(one["after_header"]))
        elif one.get("before") == "":
            steps.extend(str(one.get("after", "")).splitlines())
    return steps[:STEPS_MAX]
