#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Starts, stops or restarts one node of a cluster."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: node_state
short_description: Start, stop or restart one node of an AIS cluster
version_added: 1.0.0
description:
  - Means the same as C(aisctl node start), C(stop) and C(restart). While the unit is stopped for a
    restart, links to a new release that M(aisctl.cluster.host_state) left for this moment are switched.
options:
  unit:
    description: The node's unit, such as C(aisnode@target.service).
    type: str
    required: true
  state:
    description: What is to be true afterwards. V(restarted) always restarts.
    type: str
    choices: [started, stopped, restarted]
    required: true
  enabled:
    description: Whether the unit is to start with its host. Left as it is when it is not given.
    type: bool
    version_added: 1.1.0
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows what is done to the unit.
    support: full
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Restart the target of this host
  aisctl.cluster.node_state:
    unit: aisnode@target.service
    state: restarted
"""

RETURN = r"""
active:
  description: State of the unit afterwards.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import apply as m


def main():
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["started", "stopped", "restarted"]},
            "enabled": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    host, unit = m.Host(), module.params["unit"]
    steps = steps_of(host, unit, module.params["state"], module.params["enabled"])
    try:
        if steps and not module.check_mode:
            # Held until the process ends: a unit is not touched while a run of aisctl goes on.
            lock = host.lock()
            for step in steps:
                perform(host, unit, step)
            lock.close()
    except m.ManifestError as error:
        module.fail_json(msg=str(error))
    active = host.run(["systemctl", "is-active", unit])[1].strip()
    diff = {"before": "", "after": "".join("systemctl %s %s\n" % (step, unit) for step in steps)}
    module.exit_json(changed=bool(steps), active=active, diff=diff)


def steps_of(host, unit, state, enabled):
    """Verbs of systemctl that bring the unit there."""
    running = host.is_running(unit)
    steps = []
    if state == "restarted":
        steps.append("restart" if running else "start")
    elif running != (state == "started"):
        steps.append("start" if state == "started" else "stop")
    if enabled is not None:
        is_enabled = host.run(["systemctl", "is-enabled", unit])[1].strip() == "enabled"
        if is_enabled != enabled:
            steps.append("enable" if enabled else "disable")
    return steps


def perform(host, unit, step):
    if step in ("enable", "disable"):
        host.must(["systemctl", step, unit], "cannot %s %s" % (step, unit))
        return
    if step in ("stop", "restart"):
        host.must(["systemctl", "stop", unit], "cannot stop " + unit)
    if step in ("start", "restart"):
        m.switch_links(host, unit)
        host.run(["systemctl", "reset-failed", unit])
        host.must(["systemctl", "start", unit], "cannot start " + unit)


if __name__ == "__main__":
    main()
